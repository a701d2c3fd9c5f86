"""How models are refreshed: a killed run goes on, and a margin is a gain whichever way the measure runs."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.settings import Settings
from training import refresh_jobs
from training.demand.evaluation_results import DemandDifference, DemandEvaluation, DemandScore
from training.errors import ModelUnknown, NothingToResume
from training.evaluation_results import Difference, Evaluation, Score
from training.refresh_jobs import demand_margins, job_of, recommender_margins, train_forecaster, train_recommender

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_every_model_has_a_job_and_another_is_refused() -> None:
    assert [job_of(name).name for name in ("two-tower", "demand")] == ["two-tower", "demand"]
    assert job_of("two-tower").reads_consents
    assert not job_of("demand").reads_consents
    with pytest.raises(ModelUnknown, match="segments"):
        job_of("segments")


@pytest.mark.parametrize(
    ("train", "name"), [(train_recommender, "train"), (train_forecaster, "train_demand")], ids=["two-tower", "demand"]
)
@pytest.mark.parametrize("killed", [True, False])
def test_a_killed_run_goes_on_and_else_a_new_one_begins(
    train: Any, name: str, killed: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    class Trained:
        bundle = "the bundle"

    def fake(_settings: Settings, **how: Any) -> Trained:
        asked.append(how)
        if how["resume"] and not killed:
            raise NothingToResume(checkpoint=Path("none"))
        return Trained()

    monkeypatch.setattr(refresh_jobs, name, fake)
    assert train(settings, None, True, print) == "the bundle"
    assert [how["resume"] for how in asked] == ([True] if killed else [True, False])
    assert all(how["private"] and how["train_until"] is None for how in asked)


def test_a_recommender_gains_by_a_higher_ndcg_of_those_it_makes_lists_for() -> None:
    scores, differences = [], []
    for subset, ours in (("everyone", 0.36), ("consenting", 0.33)):
        for task in ("all", "novel"):
            place: dict[str, Any] = {"task": task, "subset": subset, "metric": "ndcg@20", "n_customers": 9}
            scores += [
                Score(method=method, value=value, low=0.1, high=0.5, **place)
                for method, value in (("challenger", ours), ("champion", 0.3))
            ]
            relative = ours / 0.3 - 1
            bounds = {"relative": relative, "relative_low": relative - 0.05, "relative_high": relative + 0.05}
            differences.append(
                Difference(method="challenger", baseline="champion", value=0.1, low=0.0, high=0.2, **bounds, **place)
            )
    facts: dict[str, Any] = {"data_snapshot_digest": "", "provenance": "", "n_products": 1, "n_customers": 9}
    counts = {"n_judged": 9, "n_without_consent": 0, "confidence": 0.95, "n_bootstrap": 100, "seed": 1}
    evaluation = Evaluation(
        model="challenger",
        train_until=NOW,
        test_end=NOW,
        warm_min_baskets=1,
        scores=tuple(scores),
        differences=tuple(differences),
        spreads=(),
        **facts,
        **counts,
    )
    all_, novel = recommender_margins(evaluation)
    assert (all_.measure, novel.measure) == ("ndcg@20 all", "ndcg@20 novel")
    assert (all_.challenger, all_.champion) == (0.33, 0.3)
    assert (all_.gain, all_.low, all_.high) == pytest.approx((0.1, 0.05, 0.15))


def test_a_forecaster_gains_by_a_lower_loss() -> None:
    place: dict[str, Any] = {"track": "none", "level": "chain", "band": "all", "metric": "wql", "n_products": 5}
    scores = tuple(
        DemandScore(method=method, value=value, low=0.1, high=0.5, **place)
        for method, value in (("challenger", 0.27), ("champion", 0.3))
    )
    bounds = {"relative": -0.1, "relative_low": -0.15, "relative_high": -0.02}
    difference = DemandDifference(
        method="challenger", baseline="champion", value=-0.03, low=-0.04, high=-0.01, **bounds, **place
    )
    evaluation = DemandEvaluation(
        model="challenger",
        train_until=NOW,
        origins=(date(2026, 1, 5),),
        horizon_weeks=4,
        data_snapshot_digest="",
        provenance="",
        n_products=5,
        n_store_series=0,
        confidence=0.95,
        n_bootstrap=100,
        seed=1,
        band_edges=(1.0, 5.0, 10.0),
        scores=scores,
        differences=(difference,),
        weeks=(),
        price_response={},
    )
    (margin,) = demand_margins(evaluation)
    assert margin.measure == "wql none"
    assert (margin.challenger, margin.champion) == (0.27, 0.3)
    assert (margin.gain, margin.low, margin.high) == (0.1, 0.02, 0.15)
