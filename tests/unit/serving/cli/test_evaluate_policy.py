"""`fairshelf evaluate policy`: the check on public data, and refusals with their exit codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str]]
QUICK = ("--set", "evaluation.policy.n_bootstrap=100")


def test_the_published_figure_is_printed_and_the_reverse_refused(call: Call) -> None:
    code, printed = call("evaluate", "policy", "--open-bandit", *QUICK)
    assert code == 0
    assert "1.198126, its authors print 1.198: the same" in printed
    assert "effective sample of 2.1 of 10000" in printed
    assert "doubly_robust" in printed
    assert "Note: only 4.7 effective purchases" in printed


def test_the_check_as_json(facts: Callable[..., dict[str, Any]]) -> None:
    found = facts("evaluate", "policy", "--open-bandit", *QUICK)
    assert found["agrees"] is True
    assert found["reverse_refused"] is True
    assert [estimate["name"] for estimate in found["evaluation"]["estimates"]] == [
        "logged",
        "ips",
        "snips",
        "doubly_robust",
    ]


def test_a_sample_too_small_for_the_limit_is_refused(call: Call) -> None:
    code, printed = call(
        "evaluate", "policy", "--open-bandit", *QUICK, "--set", "evaluation.policy.min_effective_sample=5000"
    )
    assert code == 3
    assert "no number is given" in printed


def test_a_missing_sample_and_an_empty_record_say_what_to_do(call: Call, tmp_path: Path) -> None:
    code, printed = call("evaluate", "policy", "--open-bandit-files", str(tmp_path))
    assert code == 2
    assert "Install obp 0.4.1" in printed
    code, printed = call("evaluate", "policy")
    assert code == 2
    assert "none of 0 decisions" in printed


@pytest.mark.parametrize("day", ["2025-02-30", "yesterday"])
def test_a_day_that_is_none_is_named(call: Call, day: str) -> None:
    code, printed = call("evaluate", "policy", "--since", day)
    assert code == 2
    assert day in printed
