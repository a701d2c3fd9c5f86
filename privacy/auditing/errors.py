"""What can go wrong in an empirical audit of privacy."""

from collections.abc import Sequence
from pathlib import Path

from privacy.errors import PrivacyError


class CanariesTooFew(PrivacyError):
    """Too few planted customers were included, or left out, to tell the two apart."""

    def __init__(self, *, n_included: int, n_left_out: int, wanted: int) -> None:
        super().__init__(
            f"{n_included} canaries were included and {n_left_out} left out; at least {wanted} of each are needed. "
            "Raise privacy.audit.n_canaries."
        )


class CanariesUnplantable(PrivacyError):
    """The public products do not give enough different canaries."""

    def __init__(self, *, found: int, wanted: int) -> None:
        super().__init__(
            f"the public products give {found} different canaries, and {wanted} are asked for. Lower "
            "privacy.audit.n_canaries, or ingest the retailer's whole product table."
        )


class CanariesIdle(PrivacyError):
    """The planted customers move the training by next to nothing: any test of them would pass."""

    def __init__(self, *, pushed: float, wanted: float) -> None:
        super().__init__(
            f"canaries move a step's sum by {pushed:.3g} clipping norms at most, and {wanted:g} are needed for the "
            "audit to mean something. Check that target windows fit into the data, or lower the clipping norm "
            "(two_tower.private.max_grad_norm) and train again."
        )


class NothingPromised(PrivacyError):
    """A version without a privacy promise has no claim to be audited."""

    def __init__(self, *, name: str, version: str) -> None:
        super().__init__(
            f"version {version} of {name!r} promises no differential privacy, so there is no claim to audit. "
            f"Train one that does: `fairshelf train {name} --private`."
        )


class PrivacyAuditUnwritten(PrivacyError):
    """A model promises privacy, and nobody wrote an audit for its kind."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{name!r} promises differential privacy, and its releases have no empirical audit; those of "
            f"{', '.join(known)} have. Write one before it is promoted, or train it without the promise."
        )


class VersionOutdated(PrivacyError):
    """A version was trained with settings that this code does not know how to read."""

    def __init__(self, *, name: str, version: str, problem: str) -> None:
        super().__init__(
            f"version {version} of {name!r} was trained by other code, and no twin can be made of its settings: "
            f"{problem}. Train a new version: `fairshelf train {name} --private`."
        )


class PrivacyAuditNotPassed(PrivacyError):
    """The audit found more than a version claims to reveal.

    Attributes:
        reasons: All of them.
    """

    def __init__(self, *, name: str, version: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(
            f"the privacy audit of version {version} of {name!r} did not pass, for {len(self.reasons)} reason(s):\n"
            f"{listed}\nDo not promote it: find the fault in the training, and train again."
        )


class PrivacyRecordMissing(PrivacyError):
    """A version that promises privacy has no audit record beside it."""

    def __init__(self, *, path: Path, model: str) -> None:
        super().__init__(f"there is no privacy audit record {path}. Run `fairshelf privacy audit {model}`.")


class PrivacyRecordCorrupt(PrivacyError):
    """A privacy audit record cannot be read."""

    def __init__(self, *, source: str, fault: str) -> None:
        super().__init__(f"the privacy audit record {source} cannot be read: {fault}. Make the audit again.")
