"""A small house in which every store holds the same customers."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, Settings
from features.build import build_features
from features.ingest import ingest_files
from features.journal import Event, Journal
from features.lake import Lake
from features.store import Store
from privacy.erasure import Erasures
from privacy.forgetting.subjects import Names, Subject
from privacy.state import open_state
from serving.decisions import Decision, DecisionLog
from serving.people.stores import erasures_of

NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True)
class House:
    """A root with everything in it, and how to open it as another process would."""

    settings: Settings
    state: sa.Engine
    customer_ids: tuple[str, ...]

    @property
    def root(self) -> Path:
        """Where all of it lies."""
        return self.settings.storage.root

    def erasures(self) -> Erasures:
        """Open the erasure anew."""
        return erasures_of(self.settings, self.state, lambda: NOW)

    def subject(self, customer_id: str) -> Subject:
        """Give a customer's names."""
        return Names(self.settings.storage.keys, self.settings.privacy).subject(customer_id)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root to be copied."""
    root = tmp_path_factory.mktemp("house") / "var"
    settings = load_settings("test", [f"storage.root={root}"])
    storage = settings.storage
    source = root.parent / "source"
    shutil.copytree(PROJECT_ROOT / "docs" / "own-data", source)
    people = sorted(pd.read_csv(source / "transactions.csv", dtype=str)["customer_id"].unique())
    pd.DataFrame({"customer_id": people, "age": "40"}).to_csv(source / "demographics.csv", index=False)
    ingest_files(source, storage, settings.ingest, settings.privacy, lambda _: None)
    lake = Lake.open(storage.lake)
    moment = pd.Timestamp(lake.manifest.data_end).ceil("D").to_pydatetime()
    build_features(lake, storage.feast / "tables", [moment], settings.features)
    store = Store(storage.feast)
    store.apply()
    store.materialize(moment)
    names = Names(storage.keys, settings.privacy)
    pseudonyms = {one: names.subject(one).pseudonyms[0] for one in people}
    state = open_state(storage.state_db)
    _fill(state, settings, list(pseudonyms.values()))
    storage.exports.mkdir()
    rows = pa.table({"customer_id": list(pseudonyms.values()), "product_id": ["p"] * len(people)})
    pq.write_table(rows, storage.exports / "recommendations.parquet")
    pd.DataFrame({"customer_id": people, "n": 1}).to_csv(storage.exports / "segment.csv", index=False)
    state.dispose()
    return root


def _fill(state: sa.Engine, settings: Settings, pseudonyms: list[str]) -> None:
    """Write events of two types and a decision for everybody."""
    decisions, journal = DecisionLog(state, settings.serving.decisions), Journal(state)
    events = [
        Event(f"{kind}-{place}", kind, pseudonym, "1", "1", 1.0, 1.0, f"dec_{place}", NOW)
        for place, pseudonym in enumerate(pseudonyms)
        for kind in ("view", "purchase")
    ]
    journal.append(events, data_times=[NOW] * len(events), recorded_at=NOW, foldable=pseudonyms)
    for place, pseudonym in enumerate(pseudonyms):
        decisions.record(Decision(f"dec_{place}", "2026-05-01T00:00:00.000Z", pseudonym, {"items": []}))
    decisions.close()


@pytest.fixture
def house(prepared: Path, tmp_path: Path) -> House:
    """A copy of the house, to be erased from."""
    root = tmp_path / "var"
    shutil.copytree(prepared, root)
    settings = load_settings("test", [f"storage.root={root}"])
    people = pd.read_csv(prepared.parent / "source" / "transactions.csv", dtype=str)["customer_id"].unique()
    return House(settings, open_state(settings.storage.state_db), tuple(sorted(people)))


@pytest.fixture
def ingest_again(prepared: Path) -> Callable[[House], None]:
    """Reads the same source once more, as a nightly job would."""

    def ingest(house: House) -> None:
        settings = house.settings
        ingest_files(prepared.parent / "source", settings.storage, settings.ingest, settings.privacy, lambda _: None)

    return ingest
