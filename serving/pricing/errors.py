"""What the price service refuses, and what it cannot work with."""

from collections.abc import Sequence
from pathlib import Path

from serving.errors import FieldError, Refusal, ServingError
from serving.schemas import ID_LENGTH


class AssortmentBroken(ServingError):
    """The arrays of an assortment do not fit together."""

    def __init__(self, *, problems: Sequence[str]) -> None:
        super().__init__(
            f"the assortment cannot be used: {'; '.join(problems)}. Report this; the bundle and the panel were read "
            "from different snapshots, or a column was left out."
        )


class SuggestionUnknown(Refusal):
    """No suggestion is on record under an id."""

    def __init__(self, *, suggestion_id: str) -> None:
        super().__init__(
            f"no price suggestion {suggestion_id[:ID_LENGTH]!r} on record. Use the suggestion_id of an answer; dry "
            "runs leave no record, and GET /v1/price-suggestions lists what there is."
        )


class MoveIllegal(Refusal):
    """A suggestion cannot be moved so from where it stands."""

    def __init__(self, *, suggestion_id: str, move: str, status: str, allowed: Sequence[str]) -> None:
        choice = f"Allowed now: {', '.join(allowed)}" if allowed else "Nothing more can be done with it"
        super().__init__(
            f"{suggestion_id} is {status}, so it cannot be moved by {move!r}. {choice}; ask for a new suggestion where "
            "none of that fits."
        )
        self.errors = (FieldError(field="status", code=status.upper(), message=f"{choice}."),)


class OwnOverride(Refusal):
    """Whoever set a price by hand may not approve it as well."""

    def __init__(self, *, suggestion_id: str) -> None:
        super().__init__(
            f"{suggestion_id} was overridden with this key, and nobody approves his own override. Ask a colleague with "
            "a pricing key of another name to approve or reject it."
        )


class ValidityOverlaps(Refusal):
    """Another price, approved or published, holds part of the same time."""

    def __init__(self, *, suggestion_id: str, other: str, status: str, begins: str, ends: str | None) -> None:
        until = f"until {ends}" if ends else "without an end"
        super().__init__(
            f"{suggestion_id} is for the same product, store and channel as {other}, which is {status} from {begins} "
            f"{until}, and their times overlap. Choose another validity, or send replaces=[{other!r}] with the "
            "approval."
        )
        self.errors = (FieldError(field="replaces", code="VALIDITY_OVERLAP", message=f"Overlaps with {other}."),)


class SuggestionExpired(Refusal):
    """The time of a suggestion is over before it came into force."""

    def __init__(self, *, suggestion_id: str, ended: str) -> None:
        super().__init__(
            f"the time of {suggestion_id} ended at {ended}. Ask for a new suggestion with a later validity."
        )


class OutsideGuardrails(Refusal):
    """A price set by hand breaks a hard rule."""

    def __init__(self, *, price: str, currency: str, rules: Sequence[str]) -> None:
        self.errors = tuple(FieldError(field="price", code="OUTSIDE_GUARDRAIL", message=f"{rule}.") for rule in rules)
        super().__init__(
            f"{price} {currency} lies outside {len(self.errors)} hard guardrail(s): {'; '.join(rules)}. Choose a price "
            "within them, or let the operator set pricing.review.overrides_beyond_guardrails=true."
        )


class IdempotencyKeyReused(Refusal):
    """An idempotency key was used for another request."""

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"the Idempotency-Key {key[:ID_LENGTH]!r} was used for another request. Send a new key with a new request, "
            "and the old key with the very same request only."
        )


class MoveLogBroken(ServingError):
    """The log of moves is not as it was written."""

    def __init__(self, *, entry: int, problem: str) -> None:
        super().__init__(
            f"the log of price moves was tampered with: entry {entry} {problem}. Restore the database from a backup, "
            "and compare the digest of its last entry with one that was kept elsewhere."
        )


class PersonalPriceForbidden(ServingError):
    """The law of a place forbids a price that rests on personal data."""

    def __init__(self, *, jurisdiction: str, law: str, columns: Sequence[str]) -> None:
        super().__init__(
            f"{law} forbids in {jurisdiction} a price that rests on personal data ({', '.join(columns)}). Remove these "
            "columns from the price feature service; `fairshelf features apply` then shows none."
        )


class InputsUnreadable(ServingError):
    """A file of inputs to price suggestions cannot be read."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"the inputs {path} cannot be used: {problem}. Give a CSV or Parquet file with a column product_id and any "
            "of store_id, current_price, unit_cost, stock_units."
        )
