"""The record of answers: complete, never naming the person, never in the way."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from configs.settings import DecisionSettings
from privacy.state import open_state
from serving.decisions import Decision, DecisionLog, OldDecisions, new_decision_id
from serving.schemas_recommend import DecisionAnswer


def lost() -> float:
    return REGISTRY.get_sample_value("fairshelf_decisions_lost_total") or 0.0


def decision(decision_id: str) -> Decision:
    return Decision(decision_id, "2025-03-01T12:00:00.000Z", None, {"kind": "recommendations"})


def test_an_id_resolves_at_once_and_after_it_is_on_disk(shop: Any) -> None:
    pseudonym = shop.know("42", "12")
    answer = shop.recommend(customer_id="42", limit=2, filter={"brands": ["private"]}, context={"store_id": "s1"})
    path = f"/v1/decisions/{answer['decision_id']}"
    at_once = shop.call("GET", path, role="ethics")
    assert at_once.status_code == 200
    shop.services.decisions.flush()
    later = shop.call("GET", path, role="ethics")
    assert later.json() == at_once.json()
    found = DecisionAnswer.model_validate_json(later.text)
    assert found.model.version == "3"
    assert found.bundle_digest == "digest-3"
    assert found.personalization is not None
    assert found.personalization.consent_version == "c-7"
    assert found.request == {"limit": 2, "filter": {"brands": ["private"]}, "context": {"store_id": "s1"}}
    assert found.filtered_out == {"brands": 4}
    assert [item["product_id"] for item in found.items] == ["12", "11"]
    assert {item["propensity"] for item in found.items} == {1.0}
    assert pseudonym not in later.text
    assert "42" not in json.dumps({k: v for k, v in later.json().items() if k != "decision_id"})


def test_the_pseudonym_is_stored_only_when_a_profile_was_used(shop: Any, tmp_path: Path) -> None:
    pseudonym = shop.know("42", "12")
    shop.recommend(customer_id="42")
    shop.recommend(customer_id="42", mode="non_profiled")
    shop.services.decisions.flush()
    engine = open_state(tmp_path / "state.db")
    with engine.connect() as connection:
        subjects = [row[0] for row in connection.execute(sa.text("SELECT subject_id FROM decisions"))]
    engine.dispose()
    assert sorted(subjects, key=str) == [None, pseudonym]


def test_an_unknown_id_is_404(shop: Any) -> None:
    answer = shop.call("GET", "/v1/decisions/dec_nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_DECISION")


def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    log = DecisionLog(engine, DecisionSettings(max_pending=2, flush_s=60))
    before = lost()
    for number in range(5):
        log.record(decision(f"d{number}"))
    assert lost() - before == 3
    log.close()
    assert log.find("d1") is not None
    assert log.find("d4") is None
    engine.dispose()


def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    log = DecisionLog(engine, DecisionSettings(max_pending=10, flush_s=60))
    log.record(decision("d1"))
    log.close()
    again = DecisionLog(engine, DecisionSettings(max_pending=10, flush_s=60))
    assert again.find("d1") == {
        "decision_id": "d1",
        "created_at": "2025-03-01T12:00:00.000Z",
        "kind": "recommendations",
    }
    again.close()
    engine.dispose()


def test_what_cannot_be_written_waits(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    log = DecisionLog(engine, DecisionSettings(max_pending=10, flush_s=60))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE decisions RENAME TO elsewhere"))
    log.record(decision("d1"))
    log.flush()
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO decisions"))
    log.flush()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM decisions")).scalar_one() == 1
    log.close()
    engine.dispose()


def test_a_broken_database_is_503_on_reading(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_decision_id: str) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("locked"))

    monkeypatch.setattr(shop.services.decisions, "find", fail)
    answer = shop.call("GET", "/v1/decisions/dec_1")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0


def test_ids_do_not_repeat() -> None:
    assert len({new_decision_id() for _ in range(1000)}) == 1000


def test_decisions_made_before_a_moment_expire(shop: Any) -> None:
    for day in range(1, 5):
        made = Decision(f"dec_{day}", f"2025-03-0{day}T12:00:00.000Z", None, {})
        shop.services.decisions.record(made)
    shop.services.decisions.flush()
    old, before = OldDecisions(shop.services.state), datetime(2025, 3, 3, 12, tzinfo=UTC)
    assert old.expire(before, dry_run=True) == 2
    assert old.expire(before, dry_run=False) == 2
    found = [shop.services.decisions.find(f"dec_{day}") is not None for day in range(1, 5)]
    assert found == [False, False, True, True]
    assert old.expire(before, dry_run=False) == 0
