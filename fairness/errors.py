"""What can go wrong while a model is judged."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path


class FairnessError(Exception):
    """A judgement cannot be made."""


class DemographicsMissing(FairnessError):
    """There are no sealed demographics."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"no sealed demographics at {path}. Give the source a demographics table and ingest it again; "
            "without one, groups cannot be compared."
        )


class DemographicsAccessDenied(FairnessError):
    """A role other than the auditors' asked for sensitive attributes."""

    def __init__(self, *, role: str, allowed: str) -> None:
        super().__init__(
            f"role {role!r} may not read demographics; only {allowed!r} may. Ask someone with that role; "
            "the attempt is in the audit log."
        )


class GateEmpty(FairnessError):
    """A gate was built without checks."""

    def __init__(self) -> None:
        super().__init__("a gate without checks would let everything pass. Give it at least one check.")


class PromotionRefused(FairnessError):
    """A candidate failed one or more checks of the gate; all of them are listed."""

    def __init__(self, *, name: str, version: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(
            f"version {version} of {name!r} is not promoted, for {len(self.reasons)} reason(s):\n{listed}\n"
            "The champion is unchanged. Train a better version, or change the limits in configs/promotion.yaml."
        )


class ModelNotAudited(FairnessError):
    """There is no primary family for a model."""

    def __init__(self, *, model: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no measures are registered that decide about the model {model!r}; there are for {', '.join(known)}. "
            "Name one of these, or register a primary family in configs/fairness.yaml."
        )


class ReportCorrupt(FairnessError):
    """A file does not hold a fairness report as it was written."""

    def __init__(self, *, source: str, fault: str) -> None:
        super().__init__(
            f"the fairness report in {source} cannot be trusted: {fault}. "
            "Restore the file from a backup, or audit the model again with `fairshelf audit`."
        )


class ListTooShort(FairnessError):
    """A figure was asked of more places than the lists have."""

    def __init__(self, *, measure: str, k: int, n_ranks: int) -> None:
        super().__init__(
            f"{measure} at {k} cannot be told from lists of {n_ranks} place(s). "
            "Ask for a k from 1 to the length of the lists, or make longer lists."
        )


class ListsMalformed(FairnessError):
    """Recommendation lists or what belongs to them are not what an audit can read."""

    def __init__(self, *, task: str, problem: str) -> None:
        super().__init__(
            f"the lists for the task {task!r} cannot be audited: {problem}. "
            "Rank again with a model whose scores are all finite, for the same customers and products."
        )


class TallyMismatch(FairnessError):
    """What is summed over customers does not fit the customers."""

    def __init__(self, *, part: str, problem: str) -> None:
        super().__init__(
            f"the {part} of a tally {problem}. Hand in one finite value per customer of the grouping, in its order, "
            "and no negative denominator."
        )


class NonFiniteValues(FairnessError):
    """Figures of customers who count are NaN or infinite."""

    def __init__(self, *, part: str, n_broken: int, n_customers: int) -> None:
        super().__init__(
            f"the {part} of {n_broken} of {n_customers} customers is NaN or infinite, so nothing can be said of their "
            "groups. Find out why the model or the table gives no number for them; leaving them out would hide it."
        )


class SignatureCorrupt(FairnessError):
    """A file does not hold a signature record."""

    def __init__(self, *, source: str, fault: str) -> None:
        super().__init__(
            f"the signature in {source} cannot be read: {fault}. "
            "Restore the file from a backup, or audit the model again with `fairshelf audit`."
        )


class FactorsNotFinite(FairnessError):
    """A factor that groups are adjusted for is missing or infinite."""

    def __init__(self, *, n_customers: int) -> None:
        super().__init__(
            f"a factor that groups are adjusted for is missing or infinite for {n_customers} customer(s). "
            "Give every customer a finite value, or leave the factor out of fairness.campaigns.legitimate_factors."
        )


class MeasureUnregistered(FairnessError):
    """The policy registers a measure that no surface of the model computes."""

    def __init__(self, *, measure: str, model: str, known: Sequence[str]) -> None:
        super().__init__(
            f"configs/fairness.yaml lets {measure!r} decide about {model!r}, but no such measure is computed for it; "
            f"there are {', '.join(known)}. Register one of these."
        )


class SuppliersMalformed(FairnessError):
    """Products cannot be put into classes of suppliers."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"suppliers cannot be told apart: {problem}. Give every product a brand, a manufacturer and finite sales "
            "from 0, in the same order."
        )


class CandidatesMalformed(FairnessError):
    """Lists cannot be re-ranked, because their candidates are malformed."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"lists cannot be re-ranked: {problem}. Give every candidate a customer, a finite score from 0 and one of "
            "the classes that demand is known for."
        )


class ReportExists(FairnessError):
    """There is a report of this id already."""

    def __init__(self, *, report_id: str) -> None:
        super().__init__(
            f"there is a fairness report {report_id} already, and reports are never overwritten. "
            "Run the audit again; it takes a new id."
        )


class ReportUnknown(FairnessError):
    """There is no report of this id."""

    def __init__(self, *, report_id: str) -> None:
        super().__init__(
            f"there is no fairness report {report_id!r}. Name one that GET /v1/fairness-reports lists, "
            "or make one with `fairshelf audit`."
        )


class ReportNotAttached(FairnessError):
    """No report travels with a bundle."""

    def __init__(self, *, folder: Path, missing: Sequence[str]) -> None:
        super().__init__(
            f"no fairness report travels with the bundle: {folder} lacks {', '.join(missing)}. "
            "Run `fairshelf audit`, then `fairshelf promote`."
        )


class CommitteeLogBroken(FairnessError):
    """The committee's log cannot be trusted, so none of its entries counts."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"the committee's log {path} cannot be trusted: {problem} No sign-off and no waiver counts. "
            "Restore the last good copy of the log and of its head."
        )


class WaiverNotAllowed(FairnessError):
    """What was asked for is not for a waiver to lift."""

    def __init__(self, *, report_id: str, measure: str, group: str, why: str) -> None:
        whom = f" for the group {group!r}" if group else ""
        super().__init__(
            f"{measure} of report {report_id} cannot be waived{whom}: {why}. "
            "Name a measure that decides and is FAIL or INSUFFICIENT, with the group that fares worse."
        )


class WaiverTooLong(FairnessError):
    """A waiver would last longer than the policy allows."""

    def __init__(self, *, days: float, max_days: int) -> None:
        super().__init__(
            f"the waiver would last {days:.2f} days, but {max_days} are the longest allowed. Choose an earlier end."
        )


class WaiverExpired(FairnessError):
    """The end of a waiver is in the past."""

    def __init__(self, *, expires_at: datetime, now: datetime) -> None:
        super().__init__(
            f"the waiver ends at {expires_at:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} UTC. "
            "Ask for a new one with a later end."
        )


class WaiverSelfApproved(FairnessError):
    """A waiver's author tried to approve it."""

    def __init__(self, *, waiver_id: str, author: str) -> None:
        super().__init__(
            f"waiver {waiver_id} was asked for by {author}, who may not approve it too. "
            "Ask another member of the committee."
        )


class WaiverUnknown(FairnessError):
    """There is no waiver of this id."""

    def __init__(self, *, waiver_id: str) -> None:
        super().__init__(f"there is no waiver {waiver_id!r}. Name one that the report lists, or ask for a new one.")


class WaiverClosed(FairnessError):
    """A waiver was approved or revoked before."""

    def __init__(self, *, waiver_id: str, status: str) -> None:
        super().__init__(f"waiver {waiver_id} is {status} already. Ask for a new one if it is needed.")


class ReasonMissing(FairnessError):
    """A field in which a person must say something is empty."""

    def __init__(self, *, field: str) -> None:
        super().__init__(f"{field} is empty, and nothing is put on record without it. Give it in a few words.")


class SignOffConflict(FairnessError):
    """A member said the same of the same report before."""

    def __init__(self, *, report_id: str, decision: str, at: datetime) -> None:
        super().__init__(
            f"your {decision!r} of report {report_id} is on record since {at:%Y-%m-%d %H:%M} UTC. "
            "Send the other decision to change your mind."
        )


class ClearanceRefused(FairnessError):
    """A bundle may not serve, because the evidence that it passed its audit is missing, broken or of something else.

    Attributes:
        bundle_digest: Of the bundle.
        reasons: All of them.
    """

    def __init__(
        self, *, name: str, version: str, bundle_digest: str, reasons: Sequence[str], retrain: bool = False
    ) -> None:
        self.bundle_digest = bundle_digest
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(
            f"version {version} of {name!r} is not cleared to serve, for {len(self.reasons)} reason(s):\n{listed}\n"
            + (
                f"Train a version without them and promote it: `fairshelf train {name}`, `fairshelf promote {name}`."
                if retrain
                else f"Run `fairshelf audit {name}@{version}`, then `fairshelf promote {name}`."
            )
        )


class ClearanceLapsed(ClearanceRefused):
    """A bundle must leave service: its report expired, a waiver it needs is over, or the committee refused it."""


class FiguresDisagree(FairnessError):
    """A figure that is reckoned twice, by fairlearn and by our own sums, came out differently."""

    def __init__(self, *, measure: str, group: str, ours: float, theirs: float) -> None:
        super().__init__(
            f"{measure} of the group {group!r} is {ours:.6g} by our own sums and {theirs:.6g} by fairlearn. "
            "The audit stops, since one of them is wrong; report this as a fault of the program."
        )


class TableMismatch(FairnessError):
    """A table that proxies are looked for in is not of the customers audited."""

    def __init__(self, *, table: str, n_rows: int, n_customers: int) -> None:
        super().__init__(
            f"the table {table!r} has {n_rows} rows for {n_customers} customers. "
            "Give one row per customer, in the order of the customers."
        )


class AuditNotPassed(FairnessError):
    """An audit ended, and its verdict lets nothing through."""

    def __init__(self, *, verdict: str, reasons: Sequence[str]) -> None:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(
            f"the verdict is {verdict}:\n{listed}\nRead the report; train a fairer version, or ask the committee."
        )
