"""Gates: every check is run and every finding collected before anything is refused."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from fairness.errors import GateEmpty, PromotionRefused

Candidate = TypeVar("Candidate")


class Finding(BaseModel):
    """What one check found; the reason is given for a pass too, with the figures that decided."""

    model_config = ConfigDict(frozen=True)

    check: str
    passed: bool
    reason: str


Check = Callable[[Candidate], Sequence[Finding]]


class Gate(Generic[Candidate]):
    """A row of checks that a candidate must pass without exception.

    Audits join as further checks. A check answers with one or more findings and does not raise for what it is there
    to judge; an error out of a check is a fault of the system and passes through.

    Args:
        checks: What to ask, in the order findings are listed.

    Raises:
        GateEmpty: If there are no checks, which would let everything pass.
    """

    def __init__(self, checks: Sequence[Check[Candidate]]) -> None:
        if not checks:
            raise GateEmpty
        self._checks = tuple(checks)

    def judge(self, candidate: Candidate) -> tuple[Finding, ...]:
        """Run every check, whatever the others found."""
        return tuple(finding for check in self._checks for finding in check(candidate))

    def enforce(self, candidate: Candidate, *, name: str, version: str) -> tuple[Finding, ...]:
        """Run every check and let the candidate pass only if all findings do.

        Args:
            candidate: What is judged.
            name: Model name, for the message.
            version: Its version.

        Returns:
            All findings, every one passed.

        Raises:
            PromotionRefused: If any finding failed; it lists the reason of each.
        """
        findings = self.judge(candidate)
        failed = [finding for finding in findings if not finding.passed]
        if failed:
            raise PromotionRefused(
                name=name, version=version, reasons=[f"{finding.check}: {finding.reason}" for finding in failed]
            )
        return findings
