"""The record of a privacy audit: what was tested, what was found, and whether that contradicts the claim.

Every figure comes from made-up customers, so the record may travel with the version. Reading one needs no accountant.
"""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RECORD_FORMAT: Final = 1

Release = Literal["counts", "engine", "training", "levels", "responses"]
Test = Literal[
    "one-run, all sums seen",
    "one-run, weights alone",
    "gaussian",
    "noise",
    "sensitivity",
    "sampling rate",
    "sampling spread",
    "loader",
]

COUNT_TESTS: Final[tuple[Test, ...]] = ("one-run, all sums seen", "gaussian", "noise", "sensitivity")
ENGINE_TESTS: Final[tuple[Test, ...]] = (
    "one-run, all sums seen",
    "one-run, weights alone",
    "gaussian",
    "noise",
    "sampling rate",
    "sampling spread",
)
TRAINING_TESTS: Final[tuple[Test, ...]] = (
    "one-run, all sums seen",
    "one-run, weights alone",
    "sensitivity",
    "loader",
)
N_COUNT_CHANCES: Final = 3  # tests of the counts, or of other sums, in which chance decides
N_ENGINE_CHANCES: Final = 6  # of the engine
N_TRAINING_CHANCES: Final = 2  # of the training


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Finding(_Part):
    """One test of one release.

    Attributes:
        release: What was tested: the counts; the engine of private training with the version's plan, on a model with a
            parameter for each canary; the version's own training, from the loader on; sums of what sold in all, and of
            what sold under promotions.
        test: How.
        value: What was found: a lower bound on epsilon, a length, a p-value; `unit` says which.
        limit: What the claim allows.
        passes: Whether the value must lie at or below the limit, or at or above it.
        unit: Of both.
        said: What it means, in plain words.
    """

    release: Release
    test: Test
    value: float
    limit: float
    passes: Literal["at_most", "at_least"]
    unit: str
    said: str

    @property
    def passed(self) -> bool:
        """Whether the claim stands; a value that is no number contradicts it."""
        return self.value <= self.limit if self.passes == "at_most" else self.value >= self.limit

    @property
    def reason(self) -> str:
        """Say what a failed test found."""
        side = "at most" if self.passes == "at_most" else "at least"
        return (
            f"{self.release}, {self.test}: {self.value:.4g} {self.unit}, and the claim allows {side} {self.limit:.4g}"
        )


class Claim(_Part):
    """What a version promises, and what each of its releases may reveal by itself; None where it was not released."""

    mechanism: Literal["dp-sgd", "dp-counts"]
    epsilon: float
    delta: float
    counts_epsilon: float | None = None
    training_epsilon: float | None = None
    levels_epsilon: float | None = None
    responses_epsilon: float | None = None

    @property
    def wanted(self) -> list[tuple[Release, Test]]:
        """Every test that must have been made; one who claims no release at all has the counts to show."""
        released: dict[Release, float | None] = {
            "counts": self.counts_epsilon,
            "levels": self.levels_epsilon,
            "responses": self.responses_epsilon,
        }
        sums = [release for release, alone in released.items() if alone is not None] or ["counts"]
        wanted: list[tuple[Release, Test]] = [(release, test) for release in sums for test in COUNT_TESTS]
        if self.mechanism == "dp-sgd":
            wanted += [("engine", test) for test in ENGINE_TESTS]
            wanted += [("training", test) for test in TRAINING_TESTS]
        return wanted


class AuditRecord(_Part):
    """One audit of one version.

    Attributes:
        bundle_digest: Of the version that was audited.
        created_at: Aware UTC.
        false_alarm: Chance that the right code fails any of the tests.
        n_canaries: Planted customers per release.
        seconds: How long it took.
        membership_digest: SHA-256 of the file with the attacks on real customers, which stays with the audit role; None
            where none was made.
        notes: What was looked at, and what no test here can see.
    """

    format_version: Literal[1] = RECORD_FORMAT
    name: str
    version: str
    bundle_digest: str
    created_at: datetime
    claim: Claim
    false_alarm: float
    n_canaries: int
    seconds: float
    findings: tuple[Finding, ...]
    membership_digest: str | None
    notes: tuple[str, ...] = Field(min_length=1)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the claim."""
        return not self.reasons

    @property
    def reasons(self) -> list[str]:
        """All that speaks against the claim: tests that failed, tests that are missing, tests of something else."""
        wanted = self.claim.wanted
        held = {(finding.release, finding.test) for finding in self.findings}
        failed = [finding.reason for finding in self.findings if not finding.passed]
        missing = [f"{release}, {test}: it was not tested" for release, test in wanted if (release, test) not in held]
        unclaimed = [f"{release}, {test}: the claim names no such release" for release, test in held - set(wanted)]
        return failed + missing + sorted(unclaimed)
