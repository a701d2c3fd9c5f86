"""Rotation and retention over every store of a whole small shop."""

import base64
import dataclasses
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, Settings
from features.build_record import read_record
from features.clock import Clock
from features.events import Event, EventRecorder
from features.ingest import ingest_files
from features.journal import Journal
from features.lake import Lake
from features.online_rows import OnlineRows
from features.preparation import end_of_data, ensure_features, read_consents
from features.store import Store
from privacy.consent import PERSONALIZATION, ConsentLedger, Decided
from privacy.errors import PseudonymRetired, RotationNeeded, RotationUnfinished, WindowOpen
from privacy.key_ring import read_ring
from privacy.pseudonyms import FollowedPseudonyms, load_pseudonymizer
from privacy.purpose_names import load_purpose_names
from privacy.rotation import RotationPlan, rotate
from privacy.state import open_state
from privacy.vault import open_vault
from serving import keeping
from serving.decisions import Decision, DecisionLog

NOW = datetime.now(UTC)
EARLIER_NAME = re.compile(rb"[cv]1_[0-9a-f]{32}")


def silent(_: str) -> None:
    """Tell nobody."""


@dataclasses.dataclass
class House:
    """A small shop with everything in it."""

    settings: Settings

    @property
    def root(self) -> Path:
        """Where it writes."""
        return self.settings.storage.root

    @property
    def names(self) -> Any:
        """The names in force."""
        return load_pseudonymizer(self.settings.storage.keys, self.settings.privacy)

    @property
    def consents(self) -> ConsentLedger:
        """Who allows what."""
        return ConsentLedger(open_state(self.settings.storage.state_db))

    def recorder(self) -> EventRecorder:
        """The door for events."""
        storage, features = self.settings.storage, self.settings.features
        clock = Clock(features.clock, storage.feast)
        return EventRecorder(
            Journal(open_state(storage.state_db)), Store(storage.feast), self.consents, features, clock
        )

    def view(self, number: int, name: str, product: str) -> None:
        """Journal that somebody looked at a product."""
        moment = NOW - timedelta(days=31) + timedelta(minutes=number)
        event = Event(f"e{number}", "view", name, product, "corner", None, None, None, moment)
        assert self.recorder().record([event]).accepted == 1

    def rotate(self) -> Any:
        """Rotate, or go on rotating."""
        return keeping.rotate_names(self.settings, now=NOW, progress=silent)

    def retain(self, *, dry_run: bool = False) -> dict[str, int]:
        """Apply retention; what went by store."""
        done = keeping.retain_all(self.settings, now=NOW, dry_run=dry_run, progress=silent)
        return {one.store: one.n_removed for one in done}

    def history(self, name: str) -> Any:
        """An online row."""
        return Store(self.settings.storage.feast).online_history(name)

    def with_settings(self, *overrides: str) -> "House":
        """The same house under other settings."""
        return House(settings_of(self.root, *overrides))


def settings_of(root: Path, *overrides: str) -> Settings:
    return load_settings("test", [f"storage.root={root}", *overrides])


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corner shop, with features, online rows, events of a customer and a visitor, and a decision."""
    root = tmp_path_factory.mktemp("house") / "var"
    house = House(settings_of(root))
    settings = house.settings
    result = ingest_files(
        PROJECT_ROOT / "docs" / "own-data", settings.storage, settings.ingest, settings.privacy, silent
    )
    visitor = house.names.visitor("tab-7")
    house.consents.decide(visitor, [Decided(PERSONALIZATION, True, "v", "test")], at=NOW - timedelta(days=60))
    last = end_of_data(result.lake)
    moments = [last - timedelta(days=days) for days in (28, 14, 0)]
    store = ensure_features(
        settings.storage, result.lake, read_consents(settings.storage, NOW), settings.features, moments
    )
    store.materialize(last)
    house.view(1, house.names.pseudonym("ada"), "milk")
    house.view(2, visitor, "bread")
    log = DecisionLog(open_state(settings.storage.state_db), settings.serving.decisions)
    log.record(
        Decision(
            "dec_1", f"{NOW - timedelta(days=31):%Y-%m-%dT%H:%M:%S.000Z}", house.names.pseudonym("ada"), {"kind": "x"}
        )
    )
    log.close()
    (settings.storage.keys / "pseudonym_v2.key").write_text("ab" * 32)
    return root


@pytest.fixture
def house(furnished: Path, tmp_path: Path) -> House:
    """A house to change at will."""
    shutil.copytree(furnished, tmp_path / "var")
    return House(settings_of(tmp_path / "var"))


def content(house: House) -> dict[str, Any]:
    """Everything that stores say about people, in a form that can be compared."""
    storage = house.settings.storage
    lake = Lake.open(storage.lake)
    tables = {
        str(path.relative_to(storage.root)): pd.read_parquet(path).to_dict("records")
        for folder in (storage.lake, storage.feast / "tables")
        for path in sorted(folder.rglob("*.parquet"))
    }
    with open_state(storage.state_db).connect() as connection:
        state = {
            table: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}").all()))  # noqa: S608
            for table in ("consent_records", "events", "decisions")
        }
    online = {name: house.history(name) for name in sorted(OnlineRows(storage.feast).customers())}
    return {
        "manifest": lake.manifest,
        "record": read_record(storage.feast).inputs,
        "tables": repr(tables),
        "state": state,
        "online": repr(online),
        "ring": read_ring(storage.keys),
    }


def files_with(root: Path, pattern: re.Pattern[bytes]) -> set[str]:
    return {
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and pattern.search(path.read_bytes())
    }


def test_after_a_rotation_only_the_vault_knows_earlier_names(house: House) -> None:
    before = files_with(house.root, EARLIER_NAME)
    assert {"state.db", "lake/transactions.parquet", "vault/identities.db"} <= before
    assert any(name.startswith("feast/online.db") for name in before)
    done = house.rotate()
    assert (done.earlier, done.version) == (1, 2)
    assert files_with(house.root, EARLIER_NAME) == {"vault/identities.db"}


def test_nothing_but_names_changes(house: House) -> None:
    storage = house.settings.storage
    earlier = house.names
    before = Lake.open(storage.lake).read("transactions")
    rows = {name: house.history(name) for name in OnlineRows(storage.feast).customers()}
    consent_digests = {name: house.consents.on_file(name, NOW) for name in rows}
    house.rotate()
    later = house.names
    after = Lake.open(storage.lake).read("transactions")
    assert Lake.open(storage.lake).manifest.pseudonym_key_version == 2
    pd.testing.assert_frame_equal(after, before.assign(customer_id=before["customer_id"].map(later.renamed)))
    assert earlier.pseudonym("ada") in set(before["customer_id"])
    assert later.pseudonym("ada") in set(after["customer_id"])
    assert {later.renamed(name): row for name, row in rows.items()} == {
        name: house.history(name) for name in OnlineRows(storage.feast).customers()
    }
    assert {later.renamed(name): found for name, found in consent_digests.items()} == {
        name: house.consents.on_file(name, NOW) for name in map(later.renamed, consent_digests)
    }


def test_feature_tables_are_those_a_build_from_the_new_lake_would_give(house: House) -> None:
    storage = house.settings.storage
    house.rotate()
    tables = storage.feast / "tables"
    renamed = {path.relative_to(tables): pd.read_parquet(path) for path in sorted(tables.rglob("*.parquet"))}
    stamps = {path: path.stat().st_mtime_ns for path in tables.rglob("*.parquet")}
    moments = sorted({datetime.fromisoformat(path.stem[6:]).replace(tzinfo=UTC) for path in tables.rglob("as_of=*")})
    lake, consents = Lake.open(storage.lake), read_consents(storage, NOW)
    ensure_features(storage, lake, consents, house.settings.features, moments)
    assert stamps == {path: path.stat().st_mtime_ns for path in tables.rglob("*.parquet")}  # nothing is built anew
    shutil.rmtree(tables)
    ensure_features(storage, lake, consents, house.settings.features, moments)
    for path, rows in renamed.items():
        pd.testing.assert_frame_equal(rows, pd.read_parquet(tables / path))


def test_visitors_are_renamed_although_nobody_keeps_their_ids(house: House) -> None:
    assert house.history(house.names.visitor("tab-7"))["session_product_ids"] == ["bread"]
    house.rotate()
    visitor = house.names.visitor("tab-7")
    assert visitor.startswith("v2_")
    assert house.history(visitor)["session_product_ids"] == ["bread"]
    assert house.consents.in_force(visitor, PERSONALIZATION, NOW).granted
    house.view(3, visitor, "milk")
    assert house.history(visitor)["session_product_ids"] == ["milk", "bread"]


class Killed(Exception):
    """Stands for a kill."""


@dataclasses.dataclass
class Fragile:
    """A store that dies before or after its work, the first time."""

    store: Any
    after_work: bool
    armed: bool = True

    @property
    def name(self) -> str:
        """The store's own."""
        return str(self.store.name)

    def rekey(self, rename: Callable[[str], str]) -> int:
        """Do the work, or die."""
        if self.armed and not self.after_work:
            raise Killed
        n_changed = self.store.rekey(rename)
        if self.armed:
            raise Killed
        return int(n_changed)


def fragile(plan: RotationPlan, place: int, *, after_work: bool) -> RotationPlan:
    stores = [*plan.before, *plan.copied, plan.state, *plan.after]
    stores[place] = Fragile(stores[place], after_work)
    return dataclasses.replace(
        plan, before=tuple(stores[:3]), copied=(stores[3],), state=stores[4], after=tuple(stores[5:])
    )


@pytest.mark.parametrize("after_work", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", range(6))
def test_a_kill_at_any_step_is_made_good_by_the_next_run(
    house: House, furnished: Path, tmp_path: Path, place: int, after_work: bool
) -> None:
    shutil.copytree(furnished, tmp_path / "other" / "var")
    smooth = House(settings_of(tmp_path / "other" / "var"))
    smooth.rotate()
    storage = house.settings.storage
    plan = fragile(keeping.rotation_plan(house.settings), place, after_work=after_work)
    with pytest.raises(Killed):
        rotate(plan, storage.keys, house.settings.privacy, now=NOW, progress=silent)
    with pytest.raises(RotationUnfinished):
        read_consents(storage, NOW)
    with pytest.raises(RotationUnfinished):
        ingest_files(PROJECT_ROOT / "docs" / "own-data", storage, house.settings.ingest, house.settings.privacy, silent)
    house.rotate()
    assert content(house) == content(smooth)
    assert files_with(house.root, EARLIER_NAME) == {"vault/identities.db"}


def test_an_event_under_an_earlier_name_that_comes_late_is_swept_up(house: House) -> None:
    storage = house.settings.storage
    late = house.names.pseudonym("ada")
    plan = keeping.rotation_plan(house.settings)

    class Late:
        name = "a request on its way"

        def rekey(self, _: Callable[[str], str]) -> int:
            if not Journal(open_state(storage.state_db)).events_after(late, 0):
                house.view(9, late, "bread")
            return 0

    class Sweep:
        """What the state database does, once more, after the late one."""

        name = "state database, again"
        rekey = plan.state.rekey

    rotate(
        dataclasses.replace(plan, after=(Late(), Sweep(), *plan.after)),
        storage.keys,
        house.settings.privacy,
        now=NOW,
        progress=silent,
    )
    ada = house.names.pseudonym("ada")
    assert [event.product_id for event in Journal(open_state(storage.state_db)).events_after(ada, 0)] == [
        "milk",
        "bread",
    ]
    house.recorder().recover()  # under the earlier name no consent was on file any more, so it changes no feature
    assert house.history(ada)["session_product_ids"] == ["milk"]


def test_old_and_new_names_resolve_while_the_window_lasts_and_only_new_ones_after(house: House) -> None:
    storage = house.settings.storage
    old = house.names.pseudonym("ada")
    house.rotate()
    new = house.names.pseudonym("ada")
    vault = open_vault(storage.vault)

    def resolved() -> dict[str, str]:
        return vault.resolve([old, new], role="privacy", reason="test")

    assert resolved() == {old: "ada", new: "ada"}
    assert house.names.resolve(old) == house.names.resolve(new) == new
    assert keeping.close_names(house.settings, now=NOW + timedelta(days=13), force=False) is None
    with pytest.raises(WindowOpen, match="--close"):
        house.rotate()
    assert keeping.close_names(house.settings, now=NOW + timedelta(days=14), force=False) == 8
    assert resolved() == {new: "ada"}
    assert house.names.resolve(new) == new
    with pytest.raises(PseudonymRetired, match="version 1"):
        house.names.resolve(old)
    assert not files_with(house.root, EARLIER_NAME)
    assert house.rotate().version == 3
    assert house.names.pseudonym("ada").startswith("c3_")


def test_requests_that_run_through_a_rotation_lose_no_event(house: House) -> None:
    storage = house.settings.storage
    names, recorder = FollowedPseudonyms(storage.keys, house.settings.privacy), house.recorder()
    stop = threading.Event()
    sent: list[str] = []

    def shop_on() -> None:
        while not stop.is_set():
            name, number = names.pseudonym("ada"), 100 + len(sent)
            event = Event(
                f"e{number}", "view", name, "milk", "corner", None, None, None, NOW + timedelta(seconds=number)
            )
            recorder.record([event])
            sent.append(name)

    customer = threading.Thread(target=shop_on)
    customer.start()
    house.rotate()
    n_then = len(sent)
    while len(sent) < n_then + 3:
        time.sleep(0.01)
    stop.set()
    customer.join()
    assert {name[:3] for name in sent} == {"c1_", "c2_"}
    assert keeping.close_names(house.settings, now=NOW, force=True) == 8
    journal, ada = Journal(open_state(storage.state_db)), house.names.pseudonym("ada")
    assert len(journal.events_after(ada, 0)) == 1 + len(sent)
    recorder.recover()
    assert house.history(ada)["journal_seq"] == journal.last_seqs()[ada]
    assert not files_with(house.root, EARLIER_NAME)


def test_a_server_that_stays_up_follows(house: House) -> None:
    names = FollowedPseudonyms(house.settings.storage.keys, house.settings.privacy)
    assert names.pseudonym("ada").startswith("c1_")
    house.rotate()
    assert names.pseudonym("ada") == house.names.pseudonym("ada")
    assert names.visitor("tab-7").startswith("v2_")


def test_raising_the_setting_alone_is_refused_instead_of_losing_everybody(house: House) -> None:
    house.rotate()
    with pytest.raises(RotationNeeded, match="rotate-key"):
        _ = house.with_settings("privacy.pseudonym_key_version=3").names


def test_no_file_and_no_log_holds_a_key(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    load_purpose_names(house.settings.storage.keys, house.settings.privacy, "export")
    house.rotate()
    house.retain()
    keys = house.settings.storage.keys
    secrets = [bytes.fromhex(path.read_text()) for path in keys.glob("*.key") if "public" not in path.name]
    assert len(secrets) == 3  # two versions and the export's
    written = {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()}
    told = (caplog.text + "".join(capfd.readouterr())).encode()
    for secret in secrets:
        shapes = (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret))
        holders = {path.name for path, text in written.items() if any(shape in text for shape in shapes)}
        assert len(holders) == 1
        assert all(path.parent == keys for path in written if path.name in holders)
        assert not any(shape in told for shape in shapes)


TTL = {
    "transactions_days": 30,
    "superseded_consents_days": 60,
    "events_days": 100,
    "decisions_days": 10,
    "feature_snapshots_days": 20,
    "online_rows_days": 25,
    "rejects_days": 1,
    "checkpoints_days": 1,
}


@pytest.fixture
def short(house: House) -> House:
    """A house where little may be kept; data time is replayed, so it ends with the data."""
    storage, long_ago = house.settings.storage, (NOW - timedelta(days=100)).timestamp()
    for path in (
        storage.checkpoints / "run" / "old.bin",
        storage.exports / "old.bin",
        storage.reports / "evaluation" / "recommendations.parquet",
        storage.reports / "evaluation" / "metrics.json",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (long_ago, long_ago))
    return house.with_settings(*(f"privacy.retention.{key}={days}" for key, days in TTL.items()))


def test_nothing_older_is_left_and_the_lake_stays_whole(short: House) -> None:
    storage = short.settings.storage
    data_now = keeping.data_now(short.settings, NOW)
    removed = short.retain()
    lake = Lake.open(storage.lake)
    lines = lake.read("transactions")
    oldest = data_now - timedelta(days=30)
    assert lines["event_timestamp"].min() >= oldest
    assert removed["lake, transactions"] == 353 - len(lines) > 0
    assert lake.manifest.data_start == lines["event_timestamp"].min()
    assert lake.manifest.tables["transactions"].rows == len(lines)
    snapshots = list((storage.feast / "tables").rglob("as_of=*"))
    assert snapshots
    assert min(path.stem for path in snapshots) >= f"as_of={data_now - timedelta(days=20):%Y-%m-%d}"
    for path in (storage.feast / "tables" / "customer_history").glob("*.parquet"):
        as_of = datetime.fromisoformat(path.stem[6:]).replace(tzinfo=UTC)
        oldest_known = pd.read_parquet(path)["days_since_first"].explode().max()
        assert as_of - timedelta(days=float(oldest_known)) >= oldest
    with open_state(storage.state_db).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar() == 0
    assert not (storage.checkpoints / "run").exists()
    assert not (storage.exports / "old.bin").exists()
    assert [path.name for path in (storage.reports / "evaluation").iterdir()] == ["metrics.json"]
    assert read_record(storage.feast).inputs["lake_snapshot"] == lake.manifest.snapshot_digest  # type: ignore[index]


def test_a_dry_run_counts_the_same_and_changes_nothing(short: House) -> None:
    before = content(short)
    counted = short.retain(dry_run=True)
    assert content(short) == before
    assert (short.settings.storage.exports / "old.bin").exists()
    assert counted == short.retain()
    assert set(short.retain().values()) == {0}


def test_the_default_settings_remove_nothing_from_the_demonstration(house: House) -> None:
    assert set(house.retain(dry_run=True).values()) == {0}
