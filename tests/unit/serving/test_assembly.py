"""The service put together from its real parts, on an empty disk."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from configs.loading import load_settings
from configs.settings import Settings
from privacy.consent import PERSONALIZATION, ConsentLedger
from privacy.errors import KeyMissing
from privacy.pseudonyms import load_pseudonymizer
from serving.bootstrap import build_services, check_keys
from serving.errors import ApiKeysMissing, NotReady
from serving.schemas_events import EventsRequest
from serving.services import Services


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings("test", [f"storage.root={tmp_path / 'var'}"])


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings)
    yield built
    built.close()


def batch(event_id: str) -> EventsRequest:
    event = {
        "event_id": event_id,
        "type": "purchase",
        "customer_id": "42",
        "product_id": "p",
        "quantity": 1,
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return EventsRequest.model_validate({"events": [event]})


def test_without_a_champion_the_answer_says_what_to_do(services: Services) -> None:
    assert services.bundles.refresh() is False
    with pytest.raises(NotReady, match="fairshelf train two-tower"):
        services.bundles.champion()


def test_a_broken_pointer_is_a_refused_champion(services: Services, settings: Settings) -> None:
    pointer = settings.storage.bundles / "two-tower" / "champion.json"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("not json")
    assert services.bundles.refresh() is False
    assert services.bundles.problem is not None
    with pytest.raises(NotReady, match="was refused"):
        services.bundles.champion()


def test_an_event_is_on_disk_even_where_no_feature_store_is(services: Services, settings: Settings) -> None:
    pseudonym = load_pseudonymizer(settings.storage.keys, settings.privacy).pseudonym("42")
    now = datetime.now(UTC)
    ConsentLedger(services.state).record(pseudonym, PERSONALIZATION, granted=True, at=now, version="c-1", source="test")
    assert services.events.record(batch("e1"), None).accepted == 1
    assert services.events.record(batch("e1"), None).duplicates == 1
    with services.state.connect() as connection:
        rows = connection.execute(sa.text("SELECT event_id, customer_id FROM events")).all()
    assert [tuple(row) for row in rows] == [("e1", pseudonym)]
    again = build_services(settings)  # a restart that cannot fold the event yet must not fail
    again.close()


def test_production_without_keys_is_refused(tmp_path: Path) -> None:
    empty = load_settings("prod", [f"storage.root={tmp_path / 'var'}"])
    with pytest.raises(KeyMissing):
        check_keys(empty)
    made = load_settings("prod", [f"storage.root={tmp_path / 'var'}", "privacy.create_missing_keys=true"])
    with pytest.raises(ApiKeysMissing):
        check_keys(made)


def test_development_is_told_where_its_keys_are(settings: Settings) -> None:
    assert check_keys(settings) == settings.storage.keys / "api_keys.txt"


def test_the_committee_finds_its_desk(services: Services) -> None:
    assert services.fairness.reports(model=None, kind=None, limit=10, cursor=None)["reports"] == []
    assert services.fairness.waivers(report_id=None, status=None, limit=10, cursor=None)["waivers"] == []
