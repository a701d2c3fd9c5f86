"""Room for suppliers fitted on the town: bounds hold on the lists that are then ranked, and nothing later is read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from configs.fairness import SupplierSettings
from fairness.suppliers import LARGE, PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES
from training.baselines import Task
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.two_tower.exposure import SupplierExposure
from training.two_tower.fit import Fitted
from training.two_tower.fit_exposure import fit_exposure
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer

TASKS: tuple[Task, ...] = ("all", "novel")


@pytest.fixture(scope="module")
def suppliers(town: Any) -> SupplierSettings:
    """A policy that the town's lists do not meet by themselves."""
    changed = {"small_target": 1.5, "private_label_tolerance": 0.1}
    return town.settings.fairness.suppliers.model_copy(update=changed)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def branded(fitted: Fitted) -> Scorer:
    """The fitted town, where every fourth product is the shop's own."""
    scorer = fitted.scorer.with_exposure(None)
    brands = np.where(np.arange(len(scorer.catalogue)) % 4 == 0, "Private", "National")
    scorer.products = {**scorer.products, "brand": brands}
    return scorer


@pytest.fixture(scope="module")
def exposure(town: Any, branded: Scorer, suppliers: SupplierSettings) -> SupplierExposure:
    return fit_exposure(branded, town.data, town.settings.two_tower, suppliers)


def shares(lists: Sequence[Sequence[int]], classes: Any, length: int) -> dict[str, float]:
    """Add up the exposure of each class, list by list."""
    shown = dict.fromkeys(SUPPLIER_CLASSES, 0.0)
    for listed in lists:
        for rank, product in enumerate(listed[:length], start=1):
            shown[str(classes[product])] += 1 / np.log2(1 + rank)
    return {name: value / sum(shown.values()) for name, value in shown.items()}


@pytest.mark.parametrize("task", TASKS)
def test_the_lists_ranked_with_it_keep_the_bounds(
    town: Any, branded: Scorer, exposure: SupplierExposure, suppliers: SupplierSettings, task: Task
) -> None:
    scorer = branded.with_exposure(exposure)
    ids = town.data.customer_ids
    histories = from_arrow(customer_rows(town.data.store, ids, [town.data.train_until]), scorer.catalogue)
    length = suppliers.list_length
    for ranker, kept in ((branded, "before"), (scorer, "after")):
        nothing = np.zeros((len(ids), len(scorer.catalogue)), dtype=bool)
        model = TwoTowerRecommender(ranker, ids, histories, sparse.csr_array(nothing))
        positions, _ = model.rank(ids, task=task, k=length)
        measured = shares(positions.tolist(), exposure.classes, length)
        assert getattr(exposure.weights[task], kept) == pytest.approx(measured, abs=2e-3)
    demand, after = exposure.weights[task].demand, exposure.weights[task].after
    assert exposure.weights[task].met
    assert after[SMALL] >= 1.5 * demand[SMALL]
    assert abs(after[PRIVATE_LABEL] / demand[PRIVATE_LABEL] - 1) <= 0.1 + 1e-9
    assert exposure.weights[task].before[SMALL] < after[SMALL]
    assert {name: after[name] > 0 for name in SUPPLIER_CLASSES} == {SMALL: True, LARGE: True, PRIVATE_LABEL: True}


def test_demand_is_what_was_bought_in_the_latest_windows_before_the_cut_off(
    town: Any, branded: Scorer, exposure: SupplierExposure
) -> None:
    settings, data = town.settings.two_tower, town.data
    purchases = data.purchases.merge(
        _classes(branded, exposure), left_on="product_id", right_index=True
    )  # catalogue products only
    counts: dict[Task, dict[str, int]] = {task: dict.fromkeys(SUPPLIER_CLASSES, 0) for task in TASKS}
    for window in range(settings.head.n_windows):
        end = data.train_until - timedelta(days=settings.target_days * window)
        start = end - timedelta(days=settings.target_days)
        times = purchases["event_timestamp"]
        before = set(purchases.loc[times < start, ["customer_id", "product_id"]].itertuples(index=False, name=None))
        bought = purchases[(times >= start) & (times < end)].drop_duplicates(["customer_id", "product_id"])
        for line in bought.itertuples():
            counts["all"][line.supplier_class] += 1
            counts["novel"][line.supplier_class] += (line.customer_id, line.product_id) not in before
    for task in TASKS:
        total = sum(counts[task].values())
        assert exposure.weights[task].demand == pytest.approx({n: c / total for n, c in counts[task].items()})


def _classes(scorer: Scorer, exposure: SupplierExposure) -> Any:
    return pd.DataFrame({"supplier_class": exposure.classes}, index=scorer.catalogue.product_ids)


def test_nothing_at_or_after_the_cut_off_changes_it(
    town: Any, branded: Scorer, exposure: SupplierExposure, suppliers: SupplierSettings
) -> None:
    everything = town.sources.purchases
    known = everything[everything["customer_id"].isin(town.data.customer_ids)]
    assert (known["event_timestamp"] >= town.data.train_until).any()
    again = fit_exposure(branded, replace(town.data, purchases=known), town.settings.two_tower, suppliers)
    for task, weights in exposure.weights.items():
        assert again.weights[task] == weights


def test_the_policy_and_the_setting_reach_the_scorer(town: Any, branded: Scorer, suppliers: SupplierSettings) -> None:
    settings = town.settings.two_tower.model_copy(update={"exposure_strength": 0.25})
    asleep = suppliers.model_copy(update={"small_target": 0.0, "private_label_tolerance": 1.0})
    exposure = fit_exposure(branded, town.data, settings, asleep)
    assert exposure.strength == 0.25
    assert all(set(weights.log_weights.values()) == {0.0} for weights in exposure.weights.values())
    assert set(exposure.classes) == set(SUPPLIER_CLASSES)
