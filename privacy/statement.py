"""What a model promises about the people it was trained on: one record for bundle, model card, and whoever asks.

Reading one needs no accountant; `privacy.stating` makes one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.errors import StatementUnreadable

STATEMENT_FILE: Final = "privacy_statement.json"  # among the texts of a bundle
UNIT: Final = "customer"
ADJACENCY: Final = "add-or-remove-one-customer"

NOT_COVERED: Final = (
    "What is shown to a customer from that customer's own history: it goes to that customer and is meant to depend on "
    "it.",
    "Lists handed out for other purposes, such as segment exports, and the shop's own records: event journal, record "
    "of answers, logs, backups.",
    "What is true of people in general: if many who buy flour buy yeast, the model may say so, with or without you.",
    "Several people who agree to share or leave out their data together: the promise is about one customer.",
    "Anything released outside the ledger, or by a version of the code other than the one that was accounted for.",
    "Fairness audits: they read the same customers, are shown to few, and are not part of this epsilon.",
)
_NO_PROMISE: Final = (
    "Everything: without differential privacy nothing bounds how much the model, or what it shows to others, reveals "
    "about one person."
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Charge(_Part):
    """One release, and what it would cost by itself; such figures do not add up to the whole."""

    what: str
    epsilon_alone: float


class Assumption(_Part):
    """What the accountant takes for granted, and how the pipeline sees to it."""

    assumes: str
    met_by: str


class CrossCheck(_Part):
    """What another accountant says of the same releases."""

    accountant: str
    epsilon: float


class ComposedTotal(_Part):
    """What everything released about these customers cost together when the statement was made, this model included."""

    lineage: str
    window_start: datetime
    window_end: datetime
    epsilon: float
    delta: float
    cap_epsilon: float
    lifetime_epsilon: float


class Statement(_Part):
    """The privacy statement of one model.

    Attributes:
        setting: Who holds the data, who sees what: the trust model, in words.
        mechanism: `dp-sgd` trained with noise; `dp-counts` released noisy counts alone; `none` promises nothing.
        unit: Who is protected: all records of one customer, not one purchase.
        adjacency: Which two data sets must be hard to tell apart.
        epsilon: Bound of the whole model, statistics included, at `delta`.
        delta: Chance that the bound fails.
        mu: Gaussian-DP parameter whose curve lies over the model's.
        curve: (epsilon, delta) pairs that hold at once.
        accountant: What reckoned epsilon.
        cross_checks: What other accountants say.
        charges: Every release, with its cost by itself.
        covered: What the promise is about, in plain words.
        not_covered: What it is not about.
    """

    setting: str
    mechanism: Literal["none", "dp-sgd", "dp-counts"]
    unit: Literal["customer"] = UNIT
    adjacency: str = ADJACENCY
    epsilon: float | None = None
    delta: float | None = None
    mu: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    accountant: str | None = None
    cross_checks: tuple[CrossCheck, ...] = ()
    sample_rate: float | None = None
    noise_multiplier: float | None = None
    max_grad_norm: float | None = None
    steps: int | None = None
    expected_batch_size: int | None = None
    charges: tuple[Charge, ...] = ()
    composed_total: ComposedTotal | None = None
    assumptions: tuple[Assumption, ...] = ()
    covered: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = Field(min_length=1)

    def to_json(self) -> str:
        """Write it down for a bundle."""
        return self.model_dump_json(indent=2) + "\n"


def read_statement(text: str) -> Statement:
    """Read what `Statement.to_json` wrote.

    Raises:
        StatementUnreadable: If it is not a statement.
    """
    try:
        return Statement.model_validate_json(text)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise StatementUnreadable(problem=f"{place}: {first['msg']}") from None


def no_promise(setting: str) -> Statement:
    """State that there is no guarantee, which is not the same as saying nothing.

    Args:
        setting: How the model was trained, in words.
    """
    return Statement(setting=setting, mechanism="none", not_covered=(_NO_PROMISE,))


def in_words(statement: Statement) -> str:
    """Write the statement for people, in Markdown; for the model card and the command line."""
    parts = [statement.setting]
    if statement.mechanism != "none":
        parts += [_promise(statement), _figures(statement)]
    if statement.covered:
        parts.append(_listed("Covered", statement.covered))
    parts.append(_listed("Not covered", statement.not_covered))
    if statement.assumptions:
        lines = [f"{one.assumes} Met: {one.met_by}" for one in statement.assumptions]
        parts.append(_listed("What the figures rest on", lines))
    return "\n\n".join(parts)


def _promise(statement: Statement) -> str:
    return (
        f"The promise: for any one {statement.unit}, the chance of any outcome of training changes by a factor of at "
        f"most e^{statement.epsilon:.2f} when all records of that {statement.unit} are added or removed, except with "
        f"probability {statement.delta:.0e}."
    )


def _figures(statement: Statement) -> str:
    lines = [
        f"epsilon {statement.epsilon:.3f} at delta {statement.delta:.0e}, mu {statement.mu:.3f}, "
        f"{statement.mechanism}, {statement.adjacency}, by {statement.accountant}",
        *(f"{one.accountant} says epsilon {one.epsilon:.3f}" for one in statement.cross_checks),
        *(f"{one.what}: epsilon {one.epsilon_alone:.3f} by itself" for one in statement.charges),
    ]
    total = statement.composed_total
    if total is not None:
        lines.append(
            f"all releases about these customers from {total.window_start:%Y-%m-%d} to {total.window_end:%Y-%m-%d}: "
            f"epsilon {total.epsilon:.3f} of {total.cap_epsilon:.2f}; ever: {total.lifetime_epsilon:.3f}"
        )
    return _listed("Figures", lines)


def _listed(title: str, lines: Sequence[str]) -> str:
    return f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines)
