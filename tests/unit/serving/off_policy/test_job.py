"""Judging a policy from the state database: consent, windows, purchases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configs.loading import load_settings
from configs.settings import Settings
from features.events import Event
from features.journal import Journal
from privacy.consent import MODEL_TRAINING, ConsentLedger
from privacy.state import open_state
from serving.decisions import Decision, DecisionLog
from serving.off_policy.errors import ListsTooFew
from serving.off_policy.job import evaluate_policy

NOW = datetime(2025, 4, 1, 12, 0, tzinfo=UTC)
SHOWN_AT = NOW - timedelta(days=20)
N = 8
DRAW = {
    "policy": "stand_in_v1",
    "p_explored": 0.5,
    "places": [{"rank": 2, "product_id": "b", "stand_ins": "0"}],
    "stand_ins": {"0": ["y"]},
}


@pytest.fixture
def house(tmp_path: Any) -> Settings:
    """Eight customers were shown a list each, half of it as ranked; all but the last allow learning from it."""
    settings = load_settings(
        "test",
        [f"storage.root={tmp_path}", "evaluation.policy.min_effective_sample=2", "evaluation.policy.n_bootstrap=100"],
    )
    engine = open_state(settings.storage.state_db)
    log, consent, journal = DecisionLog(engine, settings.serving.decisions), ConsentLedger(engine), Journal(engine)
    for number in range(N):
        second = "b" if number % 2 else "y"
        items = [{"product_id": "a", "propensity": 1.0}, {"product_id": second, "propensity": 0.5}]
        facts = {"kind": "recommendations", "request": {}, "items": items, "exploration": DRAW}
        shown_at = (SHOWN_AT + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log.record(Decision(f"dec_{number}", shown_at, f"c1_{number}", facts))
        granted = number < N - 1
        consent.record(f"c1_{number}", MODEL_TRAINING, granted=granted, at=SHOWN_AT, version="1", source="test")
    log.close()
    at = SHOWN_AT + timedelta(days=3)
    events = [Event(f"e{number}", "purchase", f"c1_{number}", "b", None, 1.0, 1.0, None, at) for number in (1, 3, 7)]
    journal.append(events, data_times=[at] * 3, recorded_at=at, foldable=())
    engine.dispose()
    return settings


def judge(settings: Settings, **changes: Any) -> Any:
    asked: dict[str, Any] = {"since": SHOWN_AT - timedelta(days=1), "placement": "home", "lists_file": None, "now": NOW}
    return evaluate_policy(settings, **{**asked, **changes}, progress=lambda _: None)


def test_lists_on_record_are_judged_by_the_purchases_that_followed(house: Settings) -> None:
    found = judge(house)
    assert (found.n_customers, found.n_rows) == (N - 1, 2 * (N - 1))
    assert found.of("logged").value == pytest.approx(2 / 14)  # the last customer's purchase is not looked at
    assert found.of("ips").value == pytest.approx((2 * 1 + 2 * 1) / 14)  # two b bought, each weighing 1 / .5
    assert found.supported_share == 1.0


def test_lists_whose_window_is_open_are_not_judged(house: Settings) -> None:
    with pytest.raises(ListsTooFew, match="none of 8 decisions"):
        judge(house, now=SHOWN_AT + timedelta(days=10))
    with pytest.raises(ListsTooFew, match="'discover'"):
        judge(house, placement="discover")


def test_lists_before_the_first_day_are_not_read(house: Settings) -> None:
    with pytest.raises(ListsTooFew, match="none of 0 decisions"):
        judge(house, since=SHOWN_AT + timedelta(days=1))


def test_a_file_of_lists_is_judged_for_its_customers(house: Settings, tmp_path: Any) -> None:
    lines = [f"c1_{number},{rank},{product}" for number in range(4) for rank, product in ((1, "a"), (2, "y"))]
    path = tmp_path / "other.csv"
    path.write_text("\n".join(["customer_id,rank,product_id", *lines]), encoding="utf-8")
    found = judge(house, lists_file=path)
    assert found.n_customers == 4
    assert found.of("ips").value == 0.0  # nobody of them bought a or y
    assert found.of("logged").value == pytest.approx(2 / 8)
