"""The common ground: whose lines teach, whose judge, and which products are cold."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from configs.bench import TuningRecord
from configs.settings import Settings
from features.lake import Lake
from features.preparation import read_consents
from training.contest.floor import Floor
from training.contest.wish import Wish
from training.peers.line_up import line_up
from training.purchases import load_purchases
from training.splits import Holdout
from training.two_tower.sources import Sources

CUTOFF = datetime(2025, 4, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def sources(village: Settings) -> Sources:
    lake = Lake.open(village.storage.lake)
    purchases = load_purchases(lake, until=None, customers=None)
    consents = read_consents(village.storage, datetime.now(UTC))
    return Sources(lake, consents, purchases, None, CUTOFF)  # type: ignore[arg-type]


def wish_of(settings: Settings, *, tune: bool = False) -> Wish:
    return Wish(settings, task="lists", train_until=CUTOFF, peers=None, version=None, ours=False, tune=tune)


@pytest.fixture(scope="module")
def floor(village: Settings, sources: Sources) -> Floor:
    return Floor(wish_of(village), Holdout(CUTOFF, CUTOFF + timedelta(days=14)), sources)


def test_one_refused_to_teach_and_is_ranked_all_the_same(floor: Floor, sources: Sources) -> None:
    assert floor.data.trainable.sum() == 23
    assert len(floor.data.customer_ids) == 24
    silent = set(floor.data.customer_ids[~floor.data.trainable])
    assert silent == set(floor.data.customer_ids) - sources.consents.trainable


def test_cold_products_have_few_buyers_among_those_who_teach(floor: Floor, village: Settings, sources: Sources) -> None:
    cold = floor.ground().cold
    lines = sources.training_purchases
    n_buyers = lines.groupby("product_id")["customer_id"].nunique().reindex(floor.catalogue.product_ids).to_numpy()
    assert cold.tolist() == (n_buyers <= village.bench.cold_max_buyers).tolist()
    assert 0 < cold.sum() < len(cold)


def test_validation_data_share_the_catalogue_and_end_before_the_days(floor: Floor, village: Settings) -> None:
    assert floor.validation_data.catalogue is floor.catalogue
    assert floor.validation_data.cutoff == CUTOFF - timedelta(days=village.bench.validation_days)
    assert floor.validation_data.n_baskets.max() < floor.data.n_baskets.max()


def test_hidden_products_are_of_people_who_agreed(floor: Floor, sources: Sources) -> None:
    hidden = floor.hidden(Holdout(CUTOFF, CUTOFF + timedelta(days=14)))
    assert set(hidden.customer_ids) <= sources.consents.personal
    assert len(np.unique(hidden.customer_ids)) == 23


def test_peers_alone_need_no_features(village: Settings) -> None:
    floor = Floor.prepare(wish_of(village), lambda _: None)
    assert (floor.holdout.train_until, floor.holdout.test_end) == (CUTOFF, CUTOFF + timedelta(days=14))
    assert len(floor.data.customer_ids) == 24


def test_the_validation_days_end_at_the_cut_off(floor: Floor, village: Settings) -> None:
    assert floor.validation_window == floor.validation.window
    assert floor.validation_window == (CUTOFF - timedelta(days=village.bench.validation_days), CUTOFF)


def test_records_of_this_data_spare_tuning_unless_it_is_asked_for(floor: Floor, village: Settings) -> None:
    (peer,) = line_up(["ease"], village.bench)
    point = dict(peer.grid[1])
    days = {"validated_from": CUTOFF.date() - timedelta(days=7), "validated_until": CUTOFF.date()}
    facts = {"peer": "ease", "n_tried": 8, "cpu_s": 3.0, "values": {"all": 0.5, "novel": 0.25}, **days}
    record = TuningRecord.model_validate({**facts, "chosen": {"all": point, "novel": point}})
    source = floor.sources.lake.manifest.source
    bench = village.bench.model_copy(update={"tuned": (record,), "tuned_source": source})
    settings = village.model_copy(update={"bench": bench})
    spared = Floor(wish_of(settings), floor.holdout, floor.sources).choose(peer)
    assert spared.is_recorded
    assert spared.chosen == {"all": point, "novel": point}
    anew = Floor(wish_of(settings, tune=True), floor.holdout, floor.sources).choose(peer)
    assert not anew.is_recorded
    assert anew.n_tried == len(peer.grid)
