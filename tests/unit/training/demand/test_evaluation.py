"""A backtest's figures, beside sums over its rows, and what cannot be judged."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from configs.demand import DemandEvaluationSettings
from training.demand.backtest import Backtest, origins, run_backtest
from training.demand.baselines import MeanOfWeeks, Naive
from training.demand.errors import ForecastMisaligned
from training.demand.evaluation import COVERAGE, WQL, evaluate
from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecast import LEVELS, Forecast
from training.demand.metrics import volume_bands
from training.demand.panel import Panel, StorePanel
from training.errors import ScoreUnknown

FACTS: dict[str, Any] = {
    "model": "mean_8_weeks",
    "train_until": datetime(2017, 8, 28, 4, tzinfo=UTC),
    "data_snapshot_digest": "5" * 64,
    "provenance": "made up for a test",
}


def backtests_of(panel: Panel, *, tracks: Sequence[Any] = ("none",)) -> list[Backtest]:
    rolling = origins(panel, date(2017, 8, 28), 6, 4)
    return run_backtest(
        lambda _: (MeanOfWeeks(), Naive()), panel, rolling, product_ids=panel.product_ids, tracks=tracks
    )


def by_store(backtest: Backtest, shares: Sequence[float]) -> Backtest:
    """Split each chain forecast among stores a, b, … by fixed shares."""

    def split(forecast: Forecast) -> Forecast:
        n = len(shares)
        weights = np.tile(shares, len(forecast.product_ids))[:, None]
        return replace(
            forecast,
            product_ids=np.repeat(forecast.product_ids, n),
            store_ids=np.tile(np.array(["a", "b", "c"][:n]), len(forecast.product_ids)),
            mean=np.repeat(forecast.mean, n, axis=0) * weights,
            dispersion=np.repeat(forecast.dispersion, n, axis=0),
            quantiles=np.repeat(forecast.quantiles, n, axis=0) * weights[:, :, None],
        )

    return replace(backtest, forecasts=tuple(split(forecast) for forecast in backtest.forecasts))


def slow_wql(backtest: Backtest, panel: Panel, rows: Sequence[int]) -> float:
    loss = sold = 0.0
    for forecast in backtest.forecasts:
        for i in rows:
            at = panel.product_ids.tolist().index(str(forecast.product_ids[i]))
            for h, week in enumerate(forecast.weeks):
                units = panel.units[at, panel.weeks.tolist().index(week.astype(object))]
                errors = [units - forecast.quantiles[i, h, place] for place in range(9)]
                loss += sum(2 * max(level * e, (level - 1) * e) for level, e in zip(LEVELS, errors, strict=True)) / 9
                sold += units
    return loss / sold


def test_wql_equals_the_sum_over_rows_in_every_band(panel: Panel, judging: DemandEvaluationSettings) -> None:
    backtests = backtests_of(panel)
    evaluation = evaluate(backtests, panel, judging, **FACTS)
    history = panel.until(np.datetime64("2017-08-28")).units.mean(axis=1)
    bands = volume_bands(history, judging.band_edges)
    assert len(set(bands)) > 1
    for backtest in backtests:
        for band in ("all", *set(bands)):
            rows = [i for i in range(len(panel)) if band in ("all", bands[i])]
            found = evaluation.score(backtest.method, track="none", metric=WQL, band=band)
            assert found.value == pytest.approx(slow_wql(backtest, panel, rows))
            assert found.n_products == len(rows)
            assert found.low <= found.value <= found.high


def test_bands_do_not_move_with_what_sold_later(panel: Panel, judging: DemandEvaluationSettings) -> None:
    later = panel.weeks >= np.datetime64("2017-08-28")
    boom = replace(panel, units=np.where(later, panel.units + 50, panel.units))
    counts = [
        {s.band: s.n_products for s in evaluate(backtests_of(panel), truth, judging, **FACTS).scores}
        for truth in (panel, boom)
    ]
    assert counts[0] == counts[1]


def test_differences_are_paired_and_of_the_model(panel: Panel, judging: DemandEvaluationSettings) -> None:
    evaluation = evaluate(backtests_of(panel), panel, judging, **FACTS)
    ours = evaluation.score("mean_8_weeks", track="none", metric=WQL)
    theirs = evaluation.score("naive", track="none", metric=WQL)
    found = evaluation.difference("naive", track="none", metric=WQL)
    assert found.value == pytest.approx(ours.value - theirs.value)
    assert found.relative == pytest.approx(ours.value / theirs.value - 1)
    assert found.relative_low <= found.relative <= found.relative_high
    assert found.high - found.low < (ours.high - ours.low) + (theirs.high - theirs.low)
    with pytest.raises(ScoreUnknown, match="naive"):
        evaluation.difference("imapa", track="none", metric=WQL)
    with pytest.raises(ScoreUnknown, match="'full'"):
        evaluation.score("naive", track="full", metric=WQL)


def test_a_method_against_itself_differs_by_nothing(panel: Panel, judging: DemandEvaluationSettings) -> None:
    ours = backtests_of(panel)[0]
    evaluation = evaluate([ours, replace(ours, method="twin")], panel, judging, **FACTS)
    found = evaluation.difference("twin", track="none", metric=WQL)
    assert (found.value, found.low, found.high, found.relative) == (0, 0, 0, 0)


def test_stores_are_judged_by_their_own_sales_and_resampled_by_product(
    panel: Panel, judging: DemandEvaluationSettings
) -> None:
    chain = backtests_of(panel)
    stores = StorePanel(
        product_ids=np.repeat(panel.product_ids, 2),
        store_ids=np.tile(np.array(["a", "b"]), len(panel)),
        weeks=panel.weeks,
        units=np.repeat(panel.units, 2, axis=0) * np.tile([0.75, 0.25], len(panel))[:, None],
    )
    evaluation = evaluate([*chain, by_store(chain[0], (0.75, 0.25))], panel, judging, stores=stores, **FACTS)
    of_chain = evaluation.score("mean_8_weeks", track="none", metric=WQL)
    of_stores = evaluation.score("mean_8_weeks", track="none", metric=WQL, level="store")
    assert of_stores.value == pytest.approx(of_chain.value)  # the same loss in the same shares
    assert of_stores.n_products == len(panel)
    assert (of_stores.low, of_stores.high) == pytest.approx((of_chain.low, of_chain.high))
    assert evaluation.n_store_series == 2 * len(panel)
    assert evaluation.headline()["none.store.wql"] == pytest.approx(of_stores.value)


def test_a_week_out_of_stock_is_not_held_against_anybody(panel: Panel, judging: DemandEvaluationSettings) -> None:
    backtests = backtests_of(panel)
    out = np.zeros_like(panel.stocked_out)
    out[:, 39] = True
    spoilt = np.where(out, 1e6, panel.units)
    kept = evaluate(backtests, replace(panel, stocked_out=out), judging, **FACTS)
    same = evaluate(backtests, replace(panel, stocked_out=out, units=spoilt), judging, **FACTS)
    assert kept.scores == same.scores
    assert len(kept.weeks) == 5


def test_coverage_is_that_of_calibrated_counts(judging: DemandEvaluationSettings, make_panel: Any) -> None:
    panel = make_panel(n_products=300, seed=4)
    evaluation = evaluate(backtests_of(panel), panel, judging, **FACTS)
    found = evaluation.score("mean_8_weeks", track="none", metric=COVERAGE)
    assert 0.7 < found.value < 0.92


def test_every_week_of_the_model_is_told(panel: Panel, judging: DemandEvaluationSettings) -> None:
    evaluation = evaluate(backtests_of(panel), panel, judging, **FACTS)
    assert [str(week.week_start) for week in evaluation.weeks] == [str(week) for week in panel.weeks[34:]]
    assert sum(week.units for week in evaluation.weeks) == panel.units[:, 34:].sum()


def test_it_survives_json_and_repeats(panel: Panel, judging: DemandEvaluationSettings) -> None:
    evaluation = evaluate(backtests_of(panel), panel, judging, price_response={"sign_at_10": 0.99}, **FACTS)
    assert DemandEvaluation.model_validate_json(evaluation.model_dump_json()) == evaluation
    assert evaluate(backtests_of(panel), panel, judging, price_response={"sign_at_10": 0.99}, **FACTS) == evaluation
    assert evaluation.headline()["price_response.sign_at_10"] == 0.99
    assert evaluation.origins == (date(2017, 8, 21), date(2017, 9, 18))
    assert evaluation.methods == ["mean_8_weeks", "naive"]
    assert all(np.isfinite([score.value, score.low, score.high]).all() for score in evaluation.scores)


def test_what_cannot_be_lined_up_is_refused(panel: Panel, judging: DemandEvaluationSettings) -> None:
    ours, naive = backtests_of(panel)
    fewer = replace(naive, forecasts=tuple(_first(forecast, 5) for forecast in naive.forecasts))
    with pytest.raises(ForecastMisaligned, match="products or weeks differ"):
        evaluate([ours, fewer], panel, judging, **FACTS)
    with pytest.raises(ForecastMisaligned, match="origins differ"):
        evaluate([ours, replace(naive, forecasts=naive.forecasts[:1])], panel, judging, **FACTS)
    with pytest.raises(ForecastMisaligned, match="7 of its 12 series"):
        evaluate([ours], panel.take(np.arange(5)), judging, **FACTS)
    with pytest.raises(ForecastMisaligned, match="week of 2017-09-18"):
        evaluate([ours], panel.until(np.datetime64("2017-09-11")), judging, **FACTS)
    with pytest.raises(ForecastMisaligned, match="no store's sales"):
        evaluate([by_store(ours, (1.0,))], panel, judging, **FACTS)


def test_where_nothing_sold_there_is_nothing_to_weigh_errors_by(
    panel: Panel, judging: DemandEvaluationSettings
) -> None:
    later = panel.weeks >= np.datetime64("2017-08-28")
    empty = replace(panel, units=np.where(later, 0, panel.units))
    evaluation = evaluate(backtests_of(panel), empty, judging, **FACTS)
    assert {score.metric for score in evaluation.scores} == {"rmsse", COVERAGE}
    assert not evaluation.weeks
    with pytest.raises(ScoreUnknown):
        evaluation.score("naive", track="none", metric=WQL)


def test_no_series_is_no_score_but_a_whole_evaluation(panel: Panel, judging: DemandEvaluationSettings) -> None:
    nobody = [
        replace(backtest, forecasts=tuple(_first(forecast, 0) for forecast in backtest.forecasts))
        for backtest in backtests_of(panel)
    ]
    evaluation = evaluate(nobody, panel, judging, **FACTS)
    assert (evaluation.scores, evaluation.n_products, evaluation.n_store_series) == ((), 0, 0)


def _first(forecast: Forecast, n: int) -> Forecast:
    return replace(
        forecast,
        product_ids=forecast.product_ids[:n],
        mean=forecast.mean[:n],
        dispersion=forecast.dispersion[:n],
        quantiles=forecast.quantiles[:n],
    )
