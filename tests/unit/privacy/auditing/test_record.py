"""A record passes when every wanted test is there and none contradicts the claim."""

from datetime import UTC, datetime
from math import nan
from typing import Any

import pytest

from privacy.auditing.record import COUNT_TESTS, ENGINE_TESTS, TRAINING_TESTS, AuditRecord, Claim, Finding


def finding(release: Any = "counts", test: Any = "noise", value: float = 1.0, **changes: Any) -> Finding:
    """One finding that passes."""
    content = {"limit": 2.0, "passes": "at_most", "unit": "epsilon", "said": "so"} | changes
    return Finding(release=release, test=test, value=value, **content)


def record(*more: Finding, mechanism: Any = "dp-sgd", without: tuple[str, str] | None = None) -> AuditRecord:
    """A record with every test."""
    wanted = [("counts", test) for test in COUNT_TESTS]
    if mechanism == "dp-sgd":
        wanted += [("engine", test) for test in ENGINE_TESTS] + [("training", test) for test in TRAINING_TESTS]
    return AuditRecord(
        name="two-tower",
        version="7",
        bundle_digest="ab" * 32,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        claim=Claim(mechanism=mechanism, epsilon=3.0, delta=1e-5, counts_epsilon=2.0, training_epsilon=2.0),
        false_alarm=0.01,
        n_canaries=1_000,
        seconds=60.0,
        findings=(*(finding(*one) for one in wanted if one != without), *more),
        membership_digest=None,
        notes=("a note",),
    )


def test_a_whole_record_without_a_contradiction_passes() -> None:
    assert record().passed
    assert record(mechanism="dp-counts").passed


@pytest.mark.parametrize(("value", "passes", "passed"), [
    (2.0, "at_most", True), (2.1, "at_most", False), (2.0, "at_least", True), (1.9, "at_least", False),
    (nan, "at_most", False), (nan, "at_least", False),
])  # fmt: skip
def test_a_finding_passes_on_its_side_of_the_limit(value: float, passes: str, passed: bool) -> None:
    assert finding(value=value, passes=passes).passed is passed


def test_a_bound_above_the_claim_is_the_reason() -> None:
    found = record(finding("engine", "gaussian", 3.25))
    assert found.reasons == ["engine, gaussian: 3.25 epsilon, and the claim allows at most 2"]


@pytest.mark.parametrize("without", [("counts", "noise"), ("engine", "gaussian"), ("training", "loader")])
def test_a_test_that_is_missing_is_no_pass(without: tuple[str, str]) -> None:
    assert record(without=without).reasons == [f"{without[0]}, {without[1]}: it was not tested"]


def test_counts_alone_need_no_training() -> None:
    assert not record(mechanism="dp-counts", without=("counts", "gaussian")).passed


def of_sums(*releases: str, **claimed: float) -> AuditRecord:
    """A record of sums of sales."""
    findings = tuple(finding(release, test) for release in releases for test in COUNT_TESTS)
    claim = Claim(mechanism="dp-counts", epsilon=3.0, delta=1e-5, **claimed)
    return record(mechanism="dp-counts").model_copy(update={"claim": claim, "findings": findings})


def test_every_release_that_is_claimed_must_be_tested_and_no_other() -> None:
    both = {"levels_epsilon": 2.0, "responses_epsilon": 1.0}
    assert of_sums("levels", "responses", **both).passed
    assert of_sums("levels", levels_epsilon=2.0).passed
    assert of_sums("levels", **both).reasons == [f"responses, {test}: it was not tested" for test in COUNT_TESTS]
    strange = of_sums("levels", "responses", levels_epsilon=2.0).reasons
    assert strange == sorted(f"responses, {test}: the claim names no such release" for test in COUNT_TESTS)


def test_a_claim_that_names_no_release_does_not_pass() -> None:
    assert of_sums().reasons == [f"counts, {test}: it was not tested" for test in COUNT_TESTS]
