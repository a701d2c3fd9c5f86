"""Judge demand forecasts by what then sold, with intervals from resampling products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from configs.demand import DemandEvaluationSettings
from training.demand.backtest import Backtest
from training.demand.errors import ForecastMisaligned
from training.demand.evaluation_results import ALL, DemandDifference, DemandEvaluation, DemandScore, Scope, WeekScore
from training.demand.forecast import LEVELS, Forecast
from training.demand.metrics import BANDS, Ratio, bias, interval_coverage, rmsse, volume_bands, wape, wql
from training.demand.panel import Floats, Panel, StorePanel
from training.demand.plan import Track
from training.intervals import bootstrap_means, percentile_interval

WQL: Final = "wql"
COVERAGE: Final = "coverage_80"
_LOSSES: Final = (WQL, "wape", "rmsse")  # where less is better, so that differences mean something
_MEDIAN: Final = LEVELS.index(0.5)

Table = Mapping[tuple[str, str], Ratio]  # by method and metric


@dataclass(frozen=True, eq=False)
class _Group:
    """Backtests of one track and level, and what they are judged on.

    Attributes:
        product_of: (N,) position of each series' product among `n_products`.
        bands: (N,) volume band of each series.
        actual: Per origin (N, H) units; NaN where the stock was nought.
        history: Per origin (N, W) units before it.
    """

    track: Track
    level: Scope
    backtests: Sequence[Backtest]
    product_of: npt.NDArray[np.int64]
    n_products: int
    bands: npt.NDArray[np.str_]
    actual: Sequence[Floats]
    history: Sequence[Floats]


def evaluate(
    backtests: Sequence[Backtest],
    truth: Panel,
    settings: DemandEvaluationSettings,
    *,
    model: str,
    train_until: datetime,
    data_snapshot_digest: str,
    provenance: str,
    stores: StorePanel | None = None,
    price_response: Mapping[str, float] | None = None,
) -> DemandEvaluation:
    """Judge backtests of any methods, tracks and levels; those of one track and level must cover the same series.

    Weeks in which the stock was nought are left out chain-wide: what would have sold is not known. Series that sold
    nothing have no error to weigh: a metric that nothing can be measured against is left out.

    Args:
        backtests: From `run_backtest`, and the stores' where they were forecast.
        truth: All weeks, the ones forecast included.
        settings: Bands, resampling and seed.
        model: Method under judgement; differences are the model's to every other method.
        train_until: Time before which everything was known at the first origin.
        data_snapshot_digest: Which data this is.
        provenance: Where the data came from, in words.
        stores: Truth of the store series; needed where there are any.
        price_response: Figures of the elasticity model, kept as they are.

    Raises:
        ForecastMisaligned: If a forecast covers series or weeks that the truth or its rivals do not.
    """
    groups = _groups(backtests, truth, stores, settings)
    scores: list[DemandScore] = []
    differences: list[DemandDifference] = []
    for group in groups:
        ratios = {backtest.method: _ratios(backtest, group, settings.seed) for backtest in group.backtests}
        for band in (ALL, *BANDS):
            judged = _Judged(group, band, _pooled(ratios, group, band), settings)
            scores += judged.scores()
            differences += judged.differences(model) if model in ratios else []
    chain = [group for group in groups if group.level == "chain"]
    return DemandEvaluation(
        model=model,
        train_until=train_until,
        origins=tuple(_day(forecast.origin) for forecast in backtests[0].forecasts),
        horizon_weeks=max(len(forecast.weeks) for forecast in backtests[0].forecasts),
        data_snapshot_digest=data_snapshot_digest,
        provenance=provenance,
        n_products=max((group.n_products for group in chain), default=0),
        n_store_series=max((len(group.product_of) for group in groups if group.level == "store"), default=0),
        confidence=settings.confidence,
        n_bootstrap=settings.n_bootstrap,
        seed=settings.seed,
        band_edges=settings.band_edges,
        scores=tuple(scores),
        differences=tuple(differences),
        weeks=tuple(row for group in groups for row in _week_scores(group, model)),
        price_response=dict(price_response or {}),
    )


def _groups(
    backtests: Sequence[Backtest], truth: Panel, stores: StorePanel | None, settings: DemandEvaluationSettings
) -> list[_Group]:
    found: dict[tuple[Track, Scope], list[Backtest]] = {}
    for backtest in backtests:
        level: Scope = "chain" if backtest.forecasts[0].store_ids is None else "store"
        found.setdefault((backtest.track, level), []).append(backtest)
    return [
        _group(track, level, members, truth if level == "chain" else stores, settings)
        for (track, level), members in found.items()
    ]


def _group(
    track: Track,
    level: Scope,
    backtests: Sequence[Backtest],
    truth: Panel | StorePanel | None,
    settings: DemandEvaluationSettings,
) -> _Group:
    """Line the truth up with the forecasts of a track and level."""
    first = backtests[0].forecasts
    for backtest in backtests:
        _require_same_series(backtest, first)
    if truth is None:
        raise ForecastMisaligned(method=backtests[0].method, problem="no store's sales were given to judge it by")
    rows = _rows_of(backtests[0].method, first[0], truth)
    units = _units(truth)[rows]
    actual = [units[:, _weeks_of(backtests[0].method, forecast, truth)] for forecast in first]
    history = [truth.units[rows][:, truth.weeks <= forecast.origin] for forecast in first]
    products, product_of = np.unique(first[0].product_ids, return_inverse=True)
    bands = volume_bands(history[0].mean(axis=1), settings.band_edges)
    return _Group(track, level, backtests, product_of.astype(np.int64), len(products), bands, actual, history)


def _units(truth: Panel | StorePanel) -> Floats:
    """Give what sold; NaN chain-wide where there was no stock."""
    return np.where(truth.stocked_out, np.nan, truth.units) if isinstance(truth, Panel) else truth.units


def _require_same_series(backtest: Backtest, first: Sequence[Forecast]) -> None:
    if [forecast.origin for forecast in backtest.forecasts] != [forecast.origin for forecast in first]:
        raise ForecastMisaligned(method=backtest.method, problem="its origins differ from another method's")
    for forecast, other in zip(backtest.forecasts, first, strict=True):
        same = np.array_equal(_keys(forecast), _keys(first[0])) and np.array_equal(forecast.weeks, other.weeks)
        if not same:
            raise ForecastMisaligned(method=backtest.method, problem="its products or weeks differ from another's")


def _keys(series: Forecast | Panel | StorePanel) -> npt.NDArray[np.str_]:
    """Name each series: the product, and the store behind a space that no id begins with."""
    store_ids = getattr(series, "store_ids", None)
    if store_ids is None:
        return series.product_ids
    return np.char.add(np.char.add(series.product_ids.astype(str), "\0 "), store_ids.astype(str))


def _rows_of(method: str, forecast: Forecast, truth: Panel | StorePanel) -> npt.NDArray[np.int64]:
    """Find each series of a forecast in the truth: (N,) positions."""
    known, asked = _keys(truth), _keys(forecast)
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known, asked, sorter=order)
    rows = order[np.minimum(place, len(known) - 1)] if len(known) else np.zeros(len(asked), dtype=np.int64)
    n_missing = len(asked) if not len(known) else int((known[rows] != asked).sum())
    if n_missing:
        raise ForecastMisaligned(method=method, problem=f"{n_missing} of its {len(asked)} series have no known sales")
    return rows


def _weeks_of(method: str, forecast: Forecast, truth: Panel | StorePanel) -> npt.NDArray[np.int64]:
    """Find a forecast's weeks in the truth: (H,) positions."""
    if not np.isin(forecast.weeks, truth.weeks).all():
        raise ForecastMisaligned(method=method, problem=f"sales of the week of {forecast.weeks[-1]} are not known")
    return np.searchsorted(truth.weeks, forecast.weeks)


def _ratios(backtest: Backtest, group: _Group, seed: int) -> dict[str, list[Ratio]]:
    """Score every series at each origin, by metric."""
    found: dict[str, list[Ratio]] = {}
    for place, forecast in enumerate(backtest.forecasts):
        actual, history = group.actual[place], group.history[place]
        of_origin = {
            WQL: wql(actual, forecast.quantiles, LEVELS),
            "wape": wape(actual, forecast.quantiles[..., _MEDIAN]),
            "rmsse": rmsse(actual, forecast.mean, history),
            "bias": bias(actual, forecast.mean),
            COVERAGE: interval_coverage(actual, forecast.mean, forecast.dispersion, seed=seed + place),
        }
        for metric, ratio in of_origin.items():
            found.setdefault(metric, []).append(ratio)
    return found


def _pooled(ratios: Mapping[str, Mapping[str, Sequence[Ratio]]], group: _Group, band: str) -> Table:
    """Add up origins and stores by product, the series of one band only; products without any drop out."""
    chosen = np.ones(len(group.bands), dtype=bool) if band == ALL else group.bands == band
    products, place = np.unique(group.product_of[chosen], return_inverse=True)

    def by_product(parts: Sequence[Floats]) -> Floats:
        summed = np.sum(parts, axis=0)[chosen]
        return np.bincount(place, weights=summed, minlength=len(products)).astype(np.float64)

    return {
        (method, metric): Ratio(
            by_product([part.numerator for part in parts]), by_product([part.denominator for part in parts])
        )
        for method, by_metric in ratios.items()
        for metric, parts in by_metric.items()
    }


class _Judged:
    """Ratios of one track, level and band by product, and their shared resamples."""

    def __init__(self, group: _Group, band: str, table: Table, settings: DemandEvaluationSettings) -> None:
        self._place: dict[str, Any] = {"track": group.track, "level": group.level, "band": band}
        self._confidence = settings.confidence
        self._values = {key: ratio.value for key, ratio in table.items() if np.isfinite(ratio.value)}
        columns = [part for key in self._values for part in (table[key].numerator, table[key].denominator)]
        self._n_products = len(columns[0]) if columns else 0
        self._resampled: dict[tuple[str, str], Floats] = {}
        if columns:
            means = bootstrap_means(np.column_stack(columns), n_resamples=settings.n_bootstrap, seed=settings.seed)
            for place, key in enumerate(self._values):
                above, below = means[:, 2 * place], means[:, 2 * place + 1]
                self._resampled[key] = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)

    def scores(self) -> list[DemandScore]:
        return [
            DemandScore(
                method=method,
                metric=metric,
                value=value,
                **percentile_interval(self._resampled[method, metric], self._confidence)._asdict(),
                n_products=self._n_products,
                **self._place,
            )
            for (method, metric), value in self._values.items()
        ]

    def differences(self, model: str) -> list[DemandDifference]:
        return [
            self._difference(model, method, metric)
            for method, metric in self._values
            if method != model and metric in _LOSSES and (model, metric) in self._values
        ]

    def _difference(self, model: str, baseline: str, metric: str) -> DemandDifference:
        ours, theirs = self._resampled[model, metric], self._resampled[baseline, metric]
        value, base = self._values[model, metric], self._values[baseline, metric]
        ratios = np.divide(ours, theirs, out=np.full_like(ours, np.nan), where=theirs > 0)
        low, high = percentile_interval(ours - theirs, self._confidence)
        relative_low, relative_high = percentile_interval(ratios - 1, self._confidence)
        return DemandDifference(
            method=model,
            baseline=baseline,
            metric=metric,
            value=value - base,
            low=low,
            high=high,
            relative=value / base - 1 if base > 0 else float("nan"),
            relative_low=relative_low,
            relative_high=relative_high,
            n_products=self._n_products,
            **self._place,
        )


def _week_scores(group: _Group, model: str) -> list[WeekScore]:
    """Score the model's weeks one by one; a week in which nothing sold is left out."""
    rows = []
    for backtest in (backtest for backtest in group.backtests if backtest.method == model):
        for forecast, actual in zip(backtest.forecasts, group.actual, strict=True):
            for week, start in enumerate(forecast.weeks):
                sold = actual[:, week : week + 1]
                if np.nansum(sold) > 0:
                    rows.append(
                        WeekScore(
                            track=group.track,
                            level=group.level,
                            week_start=_day(start),
                            units=float(np.nansum(sold)),
                            wql=wql(sold, forecast.quantiles[:, week : week + 1], LEVELS).value,
                            bias=bias(sold, forecast.mean[:, week : week + 1]).value,
                        )
                    )
    return rows


def _day(week: np.datetime64) -> date:
    return cast("date", week.astype("datetime64[D]").astype(object))
