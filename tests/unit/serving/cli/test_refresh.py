"""`fairshelf refresh`: exit codes, what is shown, and nothing promoted past the gate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairness.errors import PromotionRefused
from fairness.gates import Finding
from serving.cli import refresh
from training import refreshing
from training.promote import Promotion
from training.refreshing import Challenge, Comparison, HoldsAgainstChampion, Margin

Call = Callable[..., tuple[int, str]]

MARGIN = Margin("ndcg@20 all", challenger=0.33, champion=0.3, gain=0.1, low=0.05, high=0.15)


class Gate:
    """Stands in for challenges and the gate; drift is not measured."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.found: dict[str, Challenge] = {}
        self.reasons: tuple[str, ...] = ()
        self.asked: list[tuple[str, str]] = []
        self.checks: list[HoldsAgainstChampion] = []
        self.forced: list[bool] = []
        patch.setattr(refreshing, "challenge", self._challenge)
        patch.setattr(refresh, "promote_version", self._promote)
        patch.setattr(refresh, "_drifted", lambda *_: {"drifted": []})

    def due(self, name: str) -> None:
        """A challenger of a model is ready."""
        comparison = Comparison((MARGIN,), None)  # type: ignore[arg-type]
        self.found[name] = Challenge(name, "1", ("the lake changed",), "2", True, comparison)

    def _challenge(self, job: Any, _settings: Any, *, force: bool, **_: Any) -> Challenge:
        self.forced.append(force)
        return self.found.get(job.name, Challenge(job.name, "1", ()))

    def _promote(self, _settings: Any, name: str, version: str, _steps: Any, *, more: Any) -> Promotion:
        self.asked.append((name, version))
        self.checks = list(more)
        if self.reasons:
            raise PromotionRefused(name=name, version=version, reasons=self.reasons)
        finding = Finding(check="audit", passed=True, reason="cleared")
        return Promotion(name, version, "d" * 64, changed=True, findings=(finding,))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


def test_nothing_to_do_is_said_and_is_no_failure(call: Call, gate: Gate) -> None:
    code, printed = call("refresh")
    assert code == 0
    assert printed.count("nothing to do") == 2  # both models by default
    assert gate.asked == []
    assert gate.forced == [False, False]


def test_a_challenger_goes_through_the_gate_with_the_check_against_the_champion(call: Call, gate: Gate) -> None:
    gate.due("two-tower")
    code, printed = call("refresh", "--model", "two-tower", "--json")
    assert code == 0
    assert json.loads(printed) == {
        "two-tower": {
            "state": "promoted",
            "champion": "1",
            "reasons": ["the lake changed"],
            "challenger": "2",
            "trained": True,
            "comparison": [vars(MARGIN)],
            "drifted": [],
        }
    }
    assert gate.asked == [("two-tower", "2")]
    assert [type(check) for check in gate.checks] == [HoldsAgainstChampion]


def test_a_refusal_is_exit_code_3_with_the_reasons_and_the_next_step_and_the_other_model_goes_on(
    call: Call, gate: Gate
) -> None:
    gate.due("two-tower")
    gate.reasons = ("the novel list is unfair",)
    code, printed = call("refresh")
    assert code == 3
    assert "the novel list is unfair" in printed
    assert "the champion is unchanged" in printed
    assert "fairshelf audit two-tower@2" in printed
    assert "nothing to do" in printed  # demand
    assert "ndcg@20 all +10.0% [+5.0%, +15.0%]" in printed


def test_no_promote_leaves_the_gate_alone(call: Call, gate: Gate) -> None:
    gate.due("demand")
    code, printed = call("refresh", "--model", "demand", "--no-promote", "--force")
    assert code == 0
    assert "not promoted" in printed
    assert gate.asked == []
    assert gate.forced == [True]


def test_an_unknown_model_is_refused(call: Call) -> None:
    code, printed = call("refresh", "--model", "segments")
    assert code == 2
    assert "two-tower" in printed


@pytest.mark.parametrize("arguments", [(), ("--no-promote",), ("--force",)], ids=["plain", "no-promote", "force"])
def test_without_a_lake_the_next_step_is_to_ingest(call: Call, arguments: tuple[str, ...]) -> None:
    code, printed = call("refresh", *arguments)
    assert code == 2
    assert "fairshelf ingest" in printed


def test_drift_needs_a_champion(call: Call) -> None:
    code, printed = call("refresh", "--drift", "--model", "demand")
    assert code == 2
    assert "demand" in printed


@pytest.mark.usefixtures("house")
def test_drift_of_a_real_champion_is_shown_and_kept(call: Call, tmp_path: Path) -> None:
    code, printed = call("refresh", "--drift", "--model", "demand", "--json")
    assert code == 0
    found = json.loads(printed)["demand"]
    assert {shift["figure"] for shift in found["shifts"]} >= {"product week units", "product week shelf price"}
    kept = tmp_path / "house" / "var" / "reports" / "drift" / "demand.json"
    assert json.loads(kept.read_text())["measured_at"] == found["measured_at"]
    code, printed = call("refresh", "--drift", "--model", "demand")
    assert code == 0
    assert "product week units" in printed
