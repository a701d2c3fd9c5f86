"""The curve of quality against room for suppliers, against ranking anew at each strength."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairness.suppliers import SMALL, SUPPLIER_CLASSES
from training.artifact import Bundle, bundle_directory, write_bundle
from training.evaluation import TestSet, build_test_set
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.manifest import ManifestFacts
from training.splits import Holdout, bought_before
from training.two_tower.bundling import bundle_parts
from training.two_tower.exposure import SupplierExposure
from training.two_tower.fit import Fitted
from training.two_tower.fit_exposure import fit_exposure
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.stage import set_up
from training.two_tower.trade_off import COLUMNS, curve, trade_off

STRENGTHS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def roomy(town: Any, fitted: Fitted) -> Scorer:
    """The town with weights that reorder its lists."""
    suppliers = town.settings.fairness.suppliers.model_copy(update={"small_target": 2.0})
    return fitted.scorer.with_exposure(fit_exposure(fitted.scorer, town.data, town.settings.two_tower, suppliers))


@pytest.fixture(scope="module")
def test_set(town: Any, roomy: Scorer) -> TestSet:
    sources = town.sources
    span = sources.lake.manifest
    holdout = Holdout.of_weeks(sources.train_until, 2, data_start=span.data_start, data_end=span.data_end)
    return build_test_set(sources.purchases, roomy.catalogue, holdout, sources.consents.personal)


@pytest.fixture(scope="module")
def model(town: Any, roomy: Scorer, test_set: TestSet) -> TwoTowerRecommender:
    return ranker(town, roomy, test_set)


@pytest.fixture(scope="module")
def points(town: Any, roomy: Scorer, model: TwoTowerRecommender, test_set: TestSet) -> pd.DataFrame:
    return curve(roomy, model, test_set, STRENGTHS, 10, town.settings.evaluation)


def ranker(town: Any, scorer: Scorer, test_set: TestSet) -> TwoTowerRecommender:
    ids, cutoff = test_set.customer_ids.tolist(), town.sources.train_until
    histories = from_arrow(customer_rows(town.sources.store, ids, [cutoff]), scorer.catalogue)
    return TwoTowerRecommender(
        scorer, ids, histories, bought_before(town.sources.purchases, scorer.catalogue, ids, cutoff)
    )


def slow(scorer: Scorer, model: TwoTowerRecommender, test_set: TestSet, task: Any) -> tuple[float, float]:
    """Rank each customer alone, and add up hits and exposure one by one; NDCG@10 and the small makers' exposure."""
    relevant = test_set.relevant[task].toarray()
    values, shown = [], dict.fromkeys(SUPPLIER_CLASSES, 0.0)
    classes = scorer.products["supplier_class"]
    for row, customer in enumerate(test_set.customer_ids.tolist()):
        if test_set.consenting[row]:
            listed = model.rank([customer], task=task, k=10)[0][0].tolist()
        else:
            known = model.bought([customer]).toarray()[0] if task == "novel" else np.zeros(len(classes), dtype=bool)
            listed = scorer.rank_popular(allowed=~known, k=10).product_idx.tolist()
        for rank, product in enumerate(listed, start=1):
            shown[str(classes[product])] += 1 / np.log2(1 + rank)
        if relevant[row].any():
            best = sum(1 / np.log2(1 + rank) for rank in range(1, 1 + min(10, relevant[row].sum())))
            gain = sum(1 / np.log2(1 + rank) for rank, p in enumerate(listed, start=1) if relevant[row, p])
            values.append(gain / best)
    demand = relevant[:, classes == SMALL].sum() / relevant.sum()
    return float(np.mean(values)), shown[SMALL] / sum(shown.values()) / demand


@pytest.mark.parametrize("task", ["all", "novel"])
def test_each_point_is_what_ranking_with_that_strength_gives(
    town: Any, roomy: Scorer, test_set: TestSet, points: pd.DataFrame, task: str
) -> None:
    base = None
    for strength in STRENGTHS:
        assert roomy.exposure is not None
        scorer = roomy.with_exposure(roomy.exposure.at(strength))
        ndcg, small = slow(scorer, ranker(town, scorer, test_set), test_set, task)
        base = ndcg if base is None else base
        point = points[(points["task"] == task) & (points["strength"] == strength)].iloc[0]
        assert point["ndcg_at_10"] == pytest.approx(ndcg, rel=1e-6)
        assert point["small_supplier_exposure"] == pytest.approx(small, rel=1e-6)
        assert point["ndcg_change"] == pytest.approx(ndcg / base - 1, abs=1e-9)
        assert point["ndcg_change_low"] <= point["ndcg_change"] + 0.02
        assert point["ndcg_change_high"] >= point["ndcg_change"] - 0.02


def test_more_strength_is_more_room_and_none_costs_nothing(points: pd.DataFrame) -> None:
    assert points.columns.tolist() == list(COLUMNS)
    assert points[["task", "strength"]].to_numpy().tolist() == [[t, s] for t in ("all", "novel") for s in STRENGTHS]
    for _, own in points.groupby("task"):
        assert own["small_supplier_exposure"].is_monotonic_increasing
        assert own["small_supplier_exposure"].iloc[-1] > 1.2 * own["small_supplier_exposure"].iloc[0]
        first = own.iloc[0]
        assert first[["ndcg_change", "ndcg_change_low", "ndcg_change_high"]].tolist() == [0, 0, 0]
        assert own["private_label_exposure"].isna().all()  # the town's shop has no brand of its own


def test_the_change_is_from_strength_0_even_where_the_policy_does_not_ask_for_it(
    town: Any, roomy: Scorer, model: TwoTowerRecommender, test_set: TestSet, points: pd.DataFrame
) -> None:
    alone = curve(roomy, model, test_set, (1.0,), 10, town.settings.evaluation)
    wanted = points[points["strength"] == 1.0].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, wanted)


@pytest.fixture
def bundle_with(facts_of: Callable[..., ManifestFacts], town: Any, tmp_path: Path) -> Callable[..., Bundle]:
    """Bundle a scorer as of the town's cut-off."""

    def make(scorer: Scorer, version: str) -> Bundle:
        tensors, arrays, frames, texts = bundle_parts(scorer)
        parts: dict[str, Any] = {"tensors": tensors, "arrays": arrays, "frames": frames}
        facts = facts_of(train_until=town.sources.train_until)
        directory = bundle_directory(tmp_path, "two-tower", version)
        return write_bundle(directory, name="two-tower", version=version, facts=facts, texts=texts, **parts)

    return make


def test_it_is_measured_from_the_bundle_alone(
    town: Any, roomy: Scorer, points: pd.DataFrame, bundle_with: Callable[..., Bundle]
) -> None:
    suppliers = town.settings.fairness.suppliers.model_copy(update={"strengths": STRENGTHS})
    fairness = town.settings.fairness.model_copy(update={"suppliers": suppliers})
    settings = town.settings.model_copy(update={"fairness": fairness})
    said: list[str] = []
    measured = trade_off(set_up(bundle_with(roomy, "1"), settings, said.append), settings, said.append)
    pd.testing.assert_frame_equal(measured, points)
    assert said[-1] == "trade-off: 3 strengths of the re-ranking for suppliers"


def test_a_version_without_weights_has_no_curve(
    town: Any, roomy: Scorer, model: TwoTowerRecommender, test_set: TestSet, bundle_with: Callable[..., Bundle]
) -> None:
    plain = roomy.with_exposure(None)
    stage = set_up(bundle_with(plain, "2"), town.settings, lambda _: None)
    assert trade_off(stage, town.settings, lambda _: None).empty
    empty = curve(plain, model, test_set, STRENGTHS, 10, town.settings.evaluation)
    assert empty.columns.tolist() == list(COLUMNS)
    assert empty.empty


def test_the_weights_of_the_bundle_are_those_that_were_fitted(
    roomy: Scorer, bundle_with: Callable[..., Bundle]
) -> None:
    loaded = Scorer.load(bundle_with(roomy, "3")).exposure
    assert isinstance(loaded, SupplierExposure)
    assert roomy.exposure is not None
    assert dict(loaded.weights) == dict(roomy.exposure.weights)
