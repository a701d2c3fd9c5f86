"""What can go wrong while a model is judged."""

from collections.abc import Sequence
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
