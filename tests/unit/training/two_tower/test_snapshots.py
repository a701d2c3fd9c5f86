"""Training examples against slow counting: what lies before the moment, and what after."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue, build_catalogue
from training.two_tower.fit import snapshot_times
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.snapshots import Snapshot, load_snapshots

Pair = tuple[int, int]


@pytest.fixture(scope="module")
def catalogue(town: Any) -> Catalogue:
    return build_catalogue(town.data.purchases, town.data.train_until, 3)


@pytest.fixture(scope="module")
def customer_ids(town: Any) -> list[str]:
    return [*town.data.customer_ids[:9], "c1_nobody"]


@pytest.fixture(scope="module")
def snapshots(town: Any, catalogue: Catalogue, customer_ids: list[str]) -> list[Snapshot]:
    moments = snapshot_times(town.data.train_until, town.settings.features, town.settings.two_tower)
    return load_snapshots(
        town.data.store,
        town.data.purchases,
        catalogue,
        customer_ids,
        [moments[1], moments[3]],
        target_days=7,
        popularity_days=14,
    )


def pairs(lines: pd.DataFrame, customer_ids: list[str], catalogue: Catalogue) -> set[Pair]:
    product_ids = catalogue.product_ids.tolist()
    bought = set(zip(lines["customer_id"].astype(str), lines["product_id"].astype(str), strict=True))
    return {
        (customer_ids.index(customer), product_ids.index(product))
        for customer, product in bought
        if customer in customer_ids and product in product_ids
    }


def marked(matrix: Any) -> set[Pair]:
    return set(zip(*(index.tolist() for index in matrix.nonzero()), strict=True))


def test_the_moments_lie_a_target_window_apart_and_before_the_cut_off(town: Any) -> None:
    moments = snapshot_times(town.data.train_until, town.settings.features, town.settings.two_tower)
    days_before = [(town.data.train_until - moment).days for moment in moments]
    assert days_before == [0, 7, 14, 21, 28, 35]


def test_history_lies_before_the_moment_and_targets_in_the_week_after(
    town: Any, snapshots: list[Snapshot], customer_ids: list[str], catalogue: Catalogue
) -> None:
    lines = town.data.purchases
    for snapshot, days in zip(snapshots, (7, 21), strict=True):
        cutoff = town.data.train_until - timedelta(days=days)
        assert snapshot.cutoff == cutoff
        before = pairs(lines[lines["event_timestamp"] < cutoff], customer_ids, catalogue)
        week = (lines["event_timestamp"] >= cutoff) & (lines["event_timestamp"] < cutoff + timedelta(days=7))
        after = pairs(lines[week], customer_ids, catalogue)
        assert marked(snapshot.bought) == before
        assert marked(snapshot.targets) == after
        assert marked(snapshot.novel_targets) == after - before
        assert after & before
        assert after - before
        owners = snapshot.histories.customer_of_pair.tolist()
        assert set(zip(owners, snapshot.histories.product_idx.tolist(), strict=True)) == before


def test_a_customer_nobody_knows_has_an_empty_row(snapshots: list[Snapshot]) -> None:
    for snapshot in snapshots:
        assert snapshot.histories.is_blank.tolist() == [False] * 9 + [True]
        assert np.isnan(snapshot.histories.profiles[-1]).all()
        assert not snapshot.targets[[9]].nnz


def test_sales_figures_are_those_of_the_moment(town: Any, snapshots: list[Snapshot], catalogue: Catalogue) -> None:
    def recent_baskets(product_id: str, snapshot: Snapshot, counted: Collection[str]) -> int:
        lines = town.sources.purchases
        start = snapshot.cutoff - timedelta(days=14)
        within = (lines["event_timestamp"] >= start) & (lines["event_timestamp"] < snapshot.cutoff)
        chosen = lines[within & (lines["product_id"] == product_id) & lines["customer_id"].isin(list(counted))]
        return len(chosen.drop_duplicates(["customer_id", "basket_id"]))

    for snapshot in snapshots:
        for position in (0, 17, 63, len(catalogue) - 1):
            n = recent_baskets(str(catalogue.product_ids[position]), snapshot, town.sources.consents.trainable)
            assert snapshot.numeric[position, NUMERIC_FIELDS.index("log_recent")] == pytest.approx(np.log1p(n))
    assert (snapshots[0].numeric != snapshots[1].numeric).any()
