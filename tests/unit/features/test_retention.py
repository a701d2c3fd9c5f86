"""What the lake and its derived tables let go of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from configs.settings import Settings
from features.errors import RetentionEmptiesLake
from features.ingest import ingest_files
from features.lake import Lake
from features.retention import FeatureSnapshots, LakeConsents, LakeRows, StaleOnlineRows
from features.tables import VIEWS, snapshot_path

MAY = datetime(2025, 5, 1, tzinfo=UTC)


@pytest.fixture
def root(shop: Path, settings: Settings) -> Path:
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return settings.storage.lake


def test_lines_from_before_a_moment_go_and_that_moment_stays(root: Path) -> None:
    lines = Lake.open(root).read("transactions")
    moment = lines["event_timestamp"].sort_values().iloc[100].to_pydatetime()
    wanted = lines[lines["event_timestamp"] >= moment].reset_index(drop=True)
    store = LakeRows(root, "transactions")
    assert store.expire(moment, dry_run=True) == len(lines) - len(wanted) > 0
    assert len(Lake.open(root).read("transactions")) == len(lines)
    assert store.expire(moment, dry_run=False) == len(lines) - len(wanted)
    lake = Lake.open(root)
    pd.testing.assert_frame_equal(lake.read("transactions"), wanted)
    assert lake.manifest.data_start == moment
    assert store.expire(moment, dry_run=False) == 0


def test_promotions_go_by_the_week_they_began(root: Path) -> None:
    weeks = Lake.open(root).read("promotions")["week_start"]
    cut = sorted(weeks)[len(weeks) // 2]
    n_old = LakeRows(root, "promotions").expire(datetime(cut.year, cut.month, cut.day, tzinfo=UTC), dry_run=False)
    left = Lake.open(root).read("promotions")["week_start"]
    assert n_old == (weeks < cut).sum()
    assert len(left) == len(weeks) - n_old
    assert (left >= cut).all()


def test_a_table_the_source_never_gave_has_nothing_old(root: Path, tmp_path: Path) -> None:
    assert LakeRows(root, "inventory").expire(MAY, dry_run=False) == 0
    assert LakeRows(tmp_path / "no lake", "transactions").expire(MAY, dry_run=False) == 0
    assert LakeConsents(tmp_path / "no lake").expire(MAY, dry_run=False) == 0


def test_a_lake_is_never_emptied_unasked(root: Path) -> None:
    with pytest.raises(RetentionEmptiesLake, match="transactions_days"):
        LakeRows(root, "transactions").expire(MAY + timedelta(days=900), dry_run=False)
    assert len(Lake.open(root).read("transactions")) == 353


def test_of_consents_those_in_force_stay(root: Path) -> None:
    consents = Lake.open(root).read("consents")
    n_gone = LakeConsents(root).expire(datetime(2030, 1, 1, tzinfo=UTC), dry_run=False)
    left = Lake.open(root).read("consents")
    newest = consents.sort_values("event_timestamp").groupby(["customer_id", "purpose"]).last()
    assert n_gone == len(consents) - len(newest) > 0
    pd.testing.assert_frame_equal(
        left.sort_values("event_timestamp").groupby(["customer_id", "purpose"]).last(), newest
    )


def test_decisions_replaced_later_stay_for_the_time_being(root: Path) -> None:
    consents = Lake.open(root).read("consents")
    first = consents["event_timestamp"].min().to_pydatetime()
    assert LakeConsents(root).expire(first, dry_run=False) == 0
    assert len(Lake.open(root).read("consents")) == len(consents)


def test_snapshots_go_by_what_they_describe(tmp_path: Path) -> None:
    moments = [MAY - timedelta(days=days) for days in (0, 7, 14)]
    for view in VIEWS:
        for moment in moments:
            path = snapshot_path(tmp_path, view, moment)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    store = FeatureSnapshots(tmp_path)
    assert store.expire(moments[1], dry_run=True) == len(VIEWS)
    assert store.expire(moments[1], dry_run=False) == len(VIEWS)
    assert {path.stem for path in tmp_path.rglob("*.parquet")} == {"as_of=2025-05-01", "as_of=2025-04-24"}


def test_an_online_store_that_is_not_there_has_no_stale_rows(settings: Settings) -> None:
    assert StaleOnlineRows(settings.storage).expire(MAY, dry_run=False) == 0
