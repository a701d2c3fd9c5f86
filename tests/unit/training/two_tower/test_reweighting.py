"""Weights of training customers, against counting by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pytest
from scipy import sparse

from configs.settings import GroupReweightingSettings
from training.histories import Histories
from training.two_tower.reweighting import customer_weights
from training.two_tower.snapshots import Snapshot

MakeHistories = Callable[..., Histories]


def settings(by: Literal["none", "activity", "store"], strength: float = 1.0) -> GroupReweightingSettings:
    return GroupReweightingSettings(by=by, strength=strength)


def snapshot_of(histories: Histories, n_first: Sequence[int], stores: Sequence[str]) -> Snapshot:
    """Everyone bought milk, and later so many products for the first time."""
    targets = np.zeros((len(n_first), 8), dtype=bool)
    for customer, n in enumerate(n_first):
        targets[customer, :n] = True
        targets[customer, 5] = True  # milk again: no first purchase
    bought = np.zeros_like(targets)
    bought[:, 5] = True
    moment = datetime(2025, 5, 1, tzinfo=UTC)
    arrays = sparse.csr_array(bought), sparse.csr_array(targets)
    at_home = replace(histories, stores=np.array(stores))
    return Snapshot(moment, at_home, np.zeros((8, 1), dtype=np.float32), *arrays)


@pytest.fixture
def snapshot(histories_of: MakeHistories, row_of: Callable[..., Any]) -> Snapshot:
    """Six customers with 1 to 60 baskets; store s3 is the home of three, s2 of two, s1 of one."""
    rows = [row_of(["milk"], n_baskets_total=n) for n in (60, 1, 30, 2, 50, None)]
    return snapshot_of(histories_of(*rows), [4, 1, 2, 0, 5, 1], ["s3", "s1", "s2", "s3", "s3", "s2"])


def test_nothing_is_weighed_unless_asked(snapshot: Snapshot) -> None:
    for weights in (
        customer_weights([snapshot], settings("none"))[0],
        customer_weights([snapshot], settings("store", 0))[0],
    ):
        assert weights.tolist() == [1] * 6
        assert weights.dtype == np.float32


def test_light_shoppers_count_for_more_until_every_third_has_the_same_say(snapshot: Snapshot) -> None:
    weights = customer_weights([snapshot], settings("activity"))[0].astype(float)
    first = np.array([4, 1, 2, 0, 5, 1])
    light, middle, heavy = [1, 5], [2, 3], [0, 4]  # 1 basket and unknown; 30 and 2; 60 and 50
    said = [float((weights * first)[group].sum()) for group in (light, middle, heavy)]
    assert said == pytest.approx([13 / 3] * 3, rel=1e-6)
    assert weights[light[0]] > weights[heavy[0]]
    assert (weights * first).sum() == pytest.approx(first.sum(), rel=1e-6)  # mean 1 over first purchases
    assert weights[1] == pytest.approx(13 / 3 / 2, rel=1e-6)


def test_small_stores_count_for_more(snapshot: Snapshot) -> None:
    weights = customer_weights([snapshot], settings("store"))[0]
    by_store = {"s1": weights[1], "s2": weights[2], "s3": weights[0]}
    assert weights.tolist() == [by_store[store] for store in snapshot.histories.stores]
    assert [float(by_store[name] * n) for name, n in (("s1", 1), ("s2", 3), ("s3", 9))] == pytest.approx([13 / 3] * 3)


def test_strength_is_a_power(snapshot: Snapshot) -> None:
    half, whole = (customer_weights([snapshot], settings("store", strength))[0] for strength in (0.5, 1.0))
    assert float(half[1] / half[0]) == pytest.approx(float(whole[1] / whole[0]) ** 0.5, rel=1e-5)


def test_groups_are_counted_over_all_snapshots(snapshot: Snapshot, histories_of: MakeHistories) -> None:
    other = snapshot_of(histories_of(["milk"], ["milk"], ["milk"]), [3, 0, 0], ["s1", "s2", "s2"])
    weights = customer_weights([snapshot, other], settings("store"))
    totals = np.zeros(3)  # of the small, middle and large thirds of stores
    totals += [1, 3, 9]
    totals += [3, 0, 0]  # there s1 has one customer, s2 two: the thirds are s1, s2
    said = {0: float(weights[0][1]), 1: float(weights[0][2]), 2: float(weights[0][0])}
    assert float(weights[1][0]) == pytest.approx(said[0])
    assert (totals * [said[0], said[1], said[2]]).sum() == pytest.approx(totals.sum(), rel=1e-6)


def test_where_nobody_buys_anything_new_everyone_counts_alike(histories_of: MakeHistories) -> None:
    idle = snapshot_of(histories_of(["milk"], ["milk"]), [0, 0], ["a", "b"])
    weights = customer_weights([idle], settings("activity"))[0]
    assert np.isfinite(weights).all()
    assert len(set(weights.tolist())) == 1
