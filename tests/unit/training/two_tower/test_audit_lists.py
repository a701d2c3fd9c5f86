"""The lists of a small fitted bundle, against the backtest of the same model and against sums over the lake."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.settings import Settings
from fairness.errors import ListsMalformed
from fairness.suppliers import supplier_classes
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.artifact import Bundle, bundle_directory, write_bundle
from training.errors import TestWindowUnavailable
from training.histories import PROFILE_FIELDS
from training.manifest import ManifestFacts
from training.splits import Holdout
from training.two_tower.audit_lists import N_CATEGORIES, N_DESCRIBED, AuditLists, recommendation_lists
from training.two_tower.backtest import backtest
from training.two_tower.bundling import bundle_parts
from training.two_tower.fit import Fitted
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.stage import set_up

LIST_LENGTH = 60


def ranked(bundle: Bundle, settings: Settings) -> AuditLists:
    stage = set_up(bundle, settings, lambda _: None)
    return recommendation_lists(stage, settings, lambda _: None)


def written(fitted: Fitted, directory: Path, train_until: datetime) -> Bundle:
    tensors, arrays, frames, texts = bundle_parts(fitted.scorer)
    facts = ManifestFacts(
        trained_at=datetime(2026, 1, 1, tzinfo=UTC),
        train_until=train_until,
        data_snapshot_digest="5" * 64,
        code_commit="unknown",
        lock_digest="unknown",
        feature_service="customer_v1",
        consent_digest="6" * 64,
        settings={},
        provenance="made up",
    )
    parts: dict[str, Any] = {"tensors": tensors, "arrays": arrays, "frames": frames}
    return write_bundle(
        bundle_directory(directory, "two-tower", "1"), name="two-tower", version="1", facts=facts, texts=texts, **parts
    )


@pytest.fixture(scope="module")
def settings(town: Any) -> Settings:
    evaluation = town.settings.evaluation.model_copy(update={"list_length": LIST_LENGTH})
    changed: Settings = town.settings.model_copy(update={"evaluation": evaluation})
    return changed


@pytest.fixture(scope="module")
def bundle(town: Any, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return written(fitted, tmp_path_factory.mktemp("bundles"), town.sources.train_until)


@pytest.fixture(scope="module")
def audited(bundle: Bundle, settings: Settings) -> AuditLists:
    return ranked(bundle, settings)


def test_lists_are_those_of_the_backtest(audited: AuditLists, fitted: Fitted, town: Any, settings: Settings) -> None:
    span = town.sources.lake.manifest
    holdout = Holdout.of_weeks(
        town.sources.train_until, settings.evaluation.test_weeks, data_start=span.data_start, data_end=span.data_end
    )
    _, rankings, test_set = backtest(fitted.scorer, town.sources, holdout, settings.evaluation)
    assert audited.holdout == holdout
    assert audited.customer_ids.tolist() == test_set.customer_ids.tolist()
    for task, (positions, _) in rankings["two-tower"].items():
        np.testing.assert_array_equal(audited.lists[task], positions)
        assert (audited.relevant[task] != test_set.relevant[task]).nnz == 0


def test_people_without_consent_are_shown_the_popular_list_and_leave_no_inputs(audited: AuditLists) -> None:
    refused = ~audited.consenting
    assert refused.sum() == 2  # one refused, one was never asked
    popular = audited.lists["all"][refused]
    assert (popular == popular[0]).all()
    assert audited.inputs.loc[refused].drop(columns="home_store").isna().all(axis=None)
    assert audited.inputs.loc[refused, "home_store"].tolist() == ["", ""]
    assert not audited.inputs.loc[audited.consenting].isna().any(axis=None)


def test_history_is_what_was_bought_before_the_cut_off(audited: AuditLists, town: Any) -> None:
    lines = town.sources.purchases
    before = lines[lines[EVENT_TIMESTAMP] < town.sources.train_until]
    places = {product: place for place, product in enumerate(audited.products["product_id"])}
    for customer in (0, 17, 40):
        own = set(before.loc[before[CUSTOMER_ID] == audited.customer_ids[customer], PRODUCT_ID]) & set(places)
        assert set(audited.history[[customer]].indices.tolist()) == {places[product] for product in own}


def test_inputs_say_what_the_features_say(audited: AuditLists, town: Any) -> None:
    consenting = np.flatnonzero(audited.consenting)[:5]
    rows = town.rows(audited.customer_ids[consenting].tolist())
    category = dict(zip(audited.products["product_id"], audited.products["category"], strict=True))
    for place, row in zip(consenting.tolist(), rows, strict=True):
        told = audited.inputs.iloc[place]
        assert told[list(PROFILE_FIELDS)].tolist() == pytest.approx([row[field] for field in PROFILE_FIELDS])
        assert told["home_store"] == row["store_id"]
        counts = pd.Series(row["n_baskets"]).groupby([category.get(p) for p in row["product_ids"]]).sum()
        for name, share in (counts / counts.sum()).items():
            assert told[f"history share of {name}"] == pytest.approx(share)


def test_outputs_describe_the_top_of_each_list(audited: AuditLists) -> None:
    products = audited.products
    for task, lists in audited.lists.items():
        for customer in (0, 30, 47):
            top = products.iloc[lists[customer, :N_DESCRIBED]]
            told = audited.outputs.iloc[customer]
            assert told[f"{task} mean_price_usd"] == pytest.approx(top["price_usd"].mean())
            assert told[f"{task} small_supplier_share"] == pytest.approx((top["supplier_class"] == "small").mean())
            assert told[f"{task} mean_popularity"] == pytest.approx(top["popularity"].mean())
            for name, share in top["category"].value_counts(normalize=True).items():
                assert told[f"{task} share of {name}"] == pytest.approx(share)
    assert not audited.outputs.isna().any(axis=None)
    assert audited.outputs.filter(like="all share of").shape[1] <= N_CATEGORIES


def test_who_is_small_is_told_by_the_policy_and_not_by_the_bundle(
    bundle: Bundle, settings: Settings, audited: AuditLists
) -> None:
    suppliers = settings.fairness.suppliers.model_copy(update={"small_share": 0.9})
    fairness = settings.fairness.model_copy(update={"suppliers": suppliers})
    stricter = ranked(bundle, settings.model_copy(update={"fairness": fairness}))
    brands, makers, sales = (stricter.products[name].to_numpy() for name in ("brand", "manufacturer_id", "popularity"))
    assert stricter.products["supplier_class"].tolist() == supplier_classes(brands, makers, sales, suppliers).tolist()
    assert (stricter.products["supplier_class"] == "small").sum() > (
        audited.products["supplier_class"] == "small"
    ).sum()


def test_evidence_is_handed_over_whole(audited: AuditLists) -> None:
    trade_off = pd.DataFrame({"strength": [0.0]})
    evidence = audited.evidence(trade_off)
    assert evidence.trade_off is trade_off
    assert evidence.lists["novel"] is audited.lists["novel"]
    assert evidence.history is audited.history


def test_a_score_that_is_no_number_is_refused(
    bundle: Bundle, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest: Callable[..., Any] = TwoTowerRecommender.rank

    def broken(self: TwoTowerRecommender, customer_ids: list[str], **asked: Any) -> Any:
        positions, scores = honest(self, customer_ids, **asked)
        scores[3, 0] = np.nan
        return positions, scores

    monkeypatch.setattr(TwoTowerRecommender, "rank", broken)
    with pytest.raises(ListsMalformed, match="1 of 48 hold a score that is not finite"):
        ranked(bundle, settings)


def test_a_window_that_the_data_does_not_hold_is_refused(bundle: Bundle, settings: Settings) -> None:
    longer = settings.model_copy(update={"evaluation": settings.evaluation.model_copy(update={"test_weeks": 9})})
    with pytest.raises(TestWindowUnavailable):
        ranked(bundle, longer)
