"""A gate hears every check before it refuses."""

from collections.abc import Callable, Sequence

import pytest

from fairness.errors import FairnessError, GateEmpty, PromotionRefused
from fairness.gates import Finding, Gate


def at_least(limit: int) -> Callable[[int], Sequence[Finding]]:
    """A check that a number is large enough."""
    return lambda number: [Finding(check=f"limit {limit}", passed=number >= limit, reason=f"{number} against {limit}")]


def test_every_check_is_asked_even_after_a_failure() -> None:
    findings = Gate([at_least(5), at_least(1), at_least(9)]).judge(4)
    assert [finding.passed for finding in findings] == [False, True, False]


def test_a_refusal_lists_every_reason_and_only_those() -> None:
    with pytest.raises(PromotionRefused) as refused:
        Gate([at_least(5), at_least(1), at_least(9)]).enforce(4, name="two-tower", version="2")
    assert refused.value.reasons == ("limit 5: 4 against 5", "limit 9: 4 against 9")
    assert isinstance(refused.value, FairnessError)
    message = str(refused.value)
    assert "version 2 of 'two-tower' is not promoted, for 2 reason(s)" in message
    assert "4 against 1" not in message
    assert "champion is unchanged" in message


def test_a_pass_gives_its_findings() -> None:
    findings = Gate([at_least(1), at_least(2)]).enforce(4, name="two-tower", version="2")
    assert [finding.reason for finding in findings] == ["4 against 1", "4 against 2"]


def test_a_check_may_have_several_findings() -> None:
    def two(number: int) -> Sequence[Finding]:
        return [*at_least(1)(number), *at_least(9)(number)]

    assert len(Gate([two]).judge(4)) == 2


def test_an_error_in_a_check_is_not_a_verdict() -> None:
    def broken(number: int) -> Sequence[Finding]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Gate([broken]).judge(4)


def test_a_gate_without_checks_is_refused() -> None:
    with pytest.raises(GateEmpty, match="let everything pass"):
        Gate([])
