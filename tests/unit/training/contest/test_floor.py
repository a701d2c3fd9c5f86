"""The common ground: whose lines teach, whose judge, and which products are cold."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from configs.settings import Settings
from features.lake import Lake
from features.preparation import read_consents
from training.contest.floor import Floor
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


@pytest.fixture(scope="module")
def floor(village: Settings, sources: Sources) -> Floor:
    return Floor(village, Holdout(CUTOFF, CUTOFF + timedelta(days=14)), sources)


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
