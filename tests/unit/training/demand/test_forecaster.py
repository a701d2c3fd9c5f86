"""The forecaster: the same from the same seed and from its bundle, quantiles in order, stores that sum to the chain."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from configs.demand import DemandSettings, ForecasterSettings, StoreSettings, TreeSettings
from training.artifact import bundle_directory, write_bundle
from training.demand.bundling import bundle_parts
from training.demand.errors import (
    HistoryTooShort,
    NothingToLearn,
    PlanMismatch,
    StoreModelMissing,
    StorePairsMismatch,
)
from training.demand.examples import gather_examples
from training.demand.fit import FittedForecaster, fit_forecaster
from training.demand.forecast import Forecast
from training.demand.forecaster import Forecaster
from training.demand.inputs import inputs_of
from training.demand.network import DemandNetwork, NetworkShape
from training.demand.panel import Panel, StorePanel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.state import state_of

MakePanel = Callable[..., Panel]
N_KNOWN = 36


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def settings() -> DemandSettings:
    trees = TreeSettings(n_trees=20, num_leaves=7, learning_rate=0.1, least_rows=20, dispersion=0.35, n_threads=1)
    forecaster = ForecasterSettings(
        n_members=2,
        n_epochs=3,
        batch_size=256,
        learning_rate=0.003,
        weight_decay=0.01,
        hidden_dim=8,
        max_rows=3000,
        n_origins=12,
        least_selling_share=0.4,
        rare_share=0.15,
        trees=trees,
        stores=StoreSettings(n_steps=20, learning_rate=0.02, n_origins=3, max_pairs=1000),
    )
    chosen: Any = SimpleNamespace(horizon_weeks=4, seed=5, forecaster=forecaster)
    return chosen  # type: ignore[no-any-return]  # the price response's settings play no part


@pytest.fixture(scope="module")
def whole(make_panel: MakePanel) -> Panel:
    return make_panel(n_products=40, n_weeks=N_KNOWN + 4)


@pytest.fixture(scope="module")
def known(whole: Panel) -> Panel:
    return whole.until(whole.weeks[N_KNOWN])


@pytest.fixture(scope="module")
def plan(whole: Panel) -> Plan:
    return Plan.observed(whole.since(whole.weeks[N_KNOWN]))


def stores_of(panel: Panel, *, left_out: int = 0) -> StorePanel:
    """Share each product's units among three stores, and leave some stores out."""
    rng = np.random.default_rng(2)
    parts = rng.multinomial(panel.units.astype(int), [0.6, 0.3, 0.1]).astype(float)  # (P, W, 3)
    kept = 3 - left_out
    return StorePanel(
        product_ids=np.repeat(panel.product_ids, kept),
        store_ids=np.tile(np.array(["s1", "s2", "s3"])[:kept], len(panel)),
        weeks=panel.weeks,
        units=parts[:, :, :kept].transpose(0, 2, 1).reshape(-1, len(panel.weeks)),
    )


@pytest.fixture(scope="module")
def fitted(known: Panel, settings: DemandSettings, tmp_path_factory: pytest.TempPathFactory) -> FittedForecaster:
    return fit_forecaster(known, stores_of(known), settings, tmp_path_factory.mktemp("first"))


def assert_same(ours: Forecast, theirs: Forecast) -> None:
    np.testing.assert_array_equal(ours.mean, theirs.mean)
    np.testing.assert_array_equal(ours.dispersion, theirs.dispersion)
    np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)


def weighted_error(forecast: Forecast, units: np.ndarray[Any, Any]) -> float:
    return float(np.abs(forecast.mean - units).sum() / units.sum())


def test_a_forecaster_comes_back_from_its_bundle_and_from_its_seed(
    fitted: FittedForecaster, known: Panel, plan: Plan, settings: DemandSettings, tmp_path: Path, facts_of: Any
) -> None:
    tensors, arrays, frames, texts = bundle_parts(fitted.forecaster)
    bundle = write_bundle(
        bundle_directory(tmp_path, "demand", "1"),
        name="demand",
        version="1",
        facts=facts_of(),
        tensors=tensors,
        arrays=arrays,
        frames=frames,
        texts=texts,
    )
    loaded = Forecaster.load(bundle)
    again = fit_forecaster(known, stores_of(known), settings, tmp_path / "second").forecaster
    for other in (loaded, again):
        for track in TRACKS:
            chain = other.forecast(known, plan, track=track)
            assert_same(chain, fitted.forecaster.forecast(known, plan, track=track))
        pairs = stores_of(known)
        assert_same(other.split(chain, known, pairs), fitted.forecaster.split(chain, known, pairs))


def test_a_killed_fit_goes_on_to_the_same_result(
    fitted: FittedForecaster, known: Panel, plan: Plan, settings: DemandSettings, tmp_path: Path
) -> None:
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if "epoch 2" in line:
            raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="epoch 2"):
        fit_forecaster(known, stores_of(known), settings, tmp_path / "killed", progress=stop)
    resumed = fit_forecaster(known, stores_of(known), settings, tmp_path / "killed", resume=True)
    assert resumed.figures == fitted.figures
    for track in TRACKS:
        assert_same(
            resumed.forecaster.forecast(known, plan, track=track),
            fitted.forecaster.forecast(known, plan, track=track),
        )


def test_it_knows_what_a_promotion_does(fitted: FittedForecaster, known: Panel, plan: Plan, whole: Panel) -> None:
    units = whole.units[:, N_KNOWN:]
    blind, sighted = (
        weighted_error(fitted.forecaster.forecast(known, plan, track=track), units) for track in ("none", "full")
    )
    assert sighted < 0.8 * blind


def test_quantiles_never_cross_and_lie_around_the_mean(fitted: FittedForecaster, known: Panel, plan: Plan) -> None:
    for track in TRACKS:
        forecast = fitted.forecaster.forecast(known, plan, track=track)
        assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
        assert (forecast.quantiles[..., 0] <= forecast.mean).all()
        assert (forecast.mean > 0).all()
        assert (forecast.dispersion > 0).all()


def test_a_track_reads_only_what_it_may_know(fitted: FittedForecaster, known: Panel, plan: Plan) -> None:
    def mean(track: Track, changed: Plan) -> Any:
        return fitted.forecaster.forecast(known, changed, track=track).mean

    dearer = replace(plan, shelf_price=1.3 * plan.shelf_price, paid_price=plan.paid_price * 0.7)
    shown = replace(plan, display=np.full_like(plan.display, 0.9), mailer=np.full_like(plan.mailer, 0.9))
    for track in ("none", "promo"):
        np.testing.assert_array_equal(mean(track, dearer), mean(track, plan))
    np.testing.assert_array_equal(mean("none", shown), mean("none", plan))
    assert (mean("promo", shown) != mean("promo", plan)).any()
    assert (mean("full", dearer) != mean("full", plan)).any()


@pytest.mark.parametrize("taken", [[4], [30, 2, 11], list(range(1, 40, 2))])
@pytest.mark.parametrize("track", TRACKS)
def test_a_few_products_of_a_state_are_forecast_as_among_all(
    fitted: FittedForecaster, known: Panel, taken: list[int], track: Track
) -> None:
    rows = np.array(taken, dtype=np.int64)
    state = state_of(known)
    plan = Plan.unchanged(known, 4)
    plan.paid_price[rows, 1] *= 0.8
    plan.display[:, 2] = 0.4
    few = Plan(plan.weeks, *(getattr(plan, f.name)[rows] for f in fields(Plan) if f.name != "weeks"))
    ours = fitted.forecaster.forecast_from(state.take(rows), few, track=track)
    theirs = fitted.forecaster.forecast_from(state, plan, track=track).take(rows)
    assert ours.product_ids.tolist() == theirs.product_ids.tolist()
    assert_same(ours, theirs)


def test_unknown_prices_are_the_last_ones_known(fitted: FittedForecaster, known: Panel) -> None:
    unchanged = Plan.unchanged(known, 4)
    nothing = np.full_like(unchanged.shelf_price, np.nan)
    unknown = replace(unchanged, shelf_price=nothing, paid_price=nothing)
    ours, theirs = (fitted.forecaster.forecast(known, p, track="full") for p in (unknown, unchanged))
    assert_same(ours, theirs)


def test_an_event_multiplies_the_mean(fitted: FittedForecaster, known: Panel, plan: Plan) -> None:
    doubled = replace(plan, uplift=2 * plan.uplift)
    ours, theirs = (fitted.forecaster.forecast(known, p, track="none") for p in (doubled, plan))
    np.testing.assert_allclose(ours.mean, 2 * theirs.mean)
    assert (ours.quantiles >= theirs.quantiles).all()


@pytest.mark.parametrize("left_out", [0, 1])
def test_stores_sum_to_the_chain(fitted: FittedForecaster, known: Panel, plan: Plan, left_out: int) -> None:
    chain = fitted.forecaster.forecast(known, plan, track="full")
    pairs = stores_of(known, left_out=left_out)
    split = fitted.forecaster.split(chain, known, pairs)
    np.testing.assert_array_equal(split.store_ids, pairs.store_ids)
    total = split.mean.reshape(len(known), 3 - left_out, 4).sum(axis=1)
    given = stores_of(known, left_out=left_out).units[:, -26:].reshape(len(known), -1).sum(axis=1)
    share = given / known.units[:, -26:].sum(axis=1)
    np.testing.assert_allclose(total, share[:, None] * chain.mean, rtol=1e-9)
    assert (np.diff(split.quantiles, axis=2) >= 0).all()


def test_a_new_product_is_forecast_from_its_category(
    fitted: FittedForecaster, make_panel: MakePanel, known: Panel
) -> None:
    base = make_panel(n_products=40, n_weeks=N_KNOWN)
    units = base.units.copy()
    family = base.attributes["category"].astype(str)
    units[family == "c0"] *= 10
    units[:, :10] = np.where((np.arange(40) % 2 == 0)[:, None], 0, units[:, :10])  # half of them began in week 10
    fresh = np.array([0, 1])  # of c0 and c1
    units[fresh] = 0
    shelf, paid = base.shelf_price.copy(), base.paid_price.copy()
    shelf[fresh] = paid[fresh] = np.nan
    panel = replace(base, units=units, shelf_price=shelf, paid_price=paid)
    plan = Plan.unchanged(panel, 4)
    forecast = fitted.forecaster.forecast(panel, plan, track="none")
    assert np.isfinite(forecast.mean).all()
    assert (forecast.mean[0] > 3 * forecast.mean[1]).all()
    assert (forecast.dispersion[fresh] >= 1.5).all()


def test_weeks_without_stock_are_not_weeks_without_demand(fitted: FittedForecaster, known: Panel, plan: Plan) -> None:
    units, empty = known.units.copy(), known.stocked_out.copy()
    units[:, -3:] = 0
    empty[:, -3:] = True
    told = replace(known, units=units, stocked_out=empty)
    untold = replace(known, units=units)
    usual, told_mean, untold_mean = (
        fitted.forecaster.forecast(panel, plan, track="none").mean.sum() for panel in (known, told, untold)
    )
    assert abs(told_mean / usual - 1) < 0.15
    assert untold_mean < 0.85 * usual


def test_products_never_seen_in_the_fit_are_forecast(fitted: FittedForecaster, make_panel: MakePanel) -> None:
    other = make_panel(n_products=7, n_weeks=12, seed=9)
    units = other.units[:, 8:]
    past = other.until(other.weeks[8])
    forecast = fitted.forecaster.forecast(past, Plan.observed(other.since(other.weeks[8])), track="full")
    assert weighted_error(forecast, units) < 0.6


def test_the_network_contains_the_smoothers(known: Panel, plan: Plan) -> None:
    state = state_of(known)
    inputs = inputs_of(state, plan, "none")
    n_candidates = inputs.candidates.shape[1]
    network = DemandNetwork(NetworkShape(2, inputs.values.shape[1], n_candidates, 8), seed=1)
    network.standardise(inputs.values)
    with torch.no_grad():
        network.gate.bias[..., -1] = 60.0  # all weight on the last candidate; the residual starts at nought
    log_mean, _ = network.eval().predict(inputs)
    np.testing.assert_allclose(
        np.exp(log_mean).reshape(-1, 4), np.repeat(state.smoothed[:, None], 4, axis=1), rtol=1e-4
    )


def test_training_rows_know_nothing_of_what_follows(known: Panel, settings: DemandSettings) -> None:
    altered = replace(known, units=known.units.copy())
    altered.units[:, -1] *= 7
    last = N_KNOWN - settings.forecaster.n_origins
    ours, theirs = (
        inputs_of(state_of(panel.until(known.weeks[last])), Plan.unchanged(panel.until(known.weeks[last]), 4), "full")
        for panel in (known, altered)
    )
    np.testing.assert_array_equal(ours.values, theirs.values)
    first = gather_examples(known, settings.forecaster, 4, seed=1)
    assert len(first) <= settings.forecaster.max_rows
    assert first.held_out.any()
    assert not first.held_out.all()


def test_few_weeks_without_promotions_are_enough(
    make_panel: MakePanel, settings: DemandSettings, tmp_path: Path
) -> None:
    panel = make_panel(n_products=20, n_weeks=12)
    nothing = np.zeros_like(panel.display)
    bare = replace(panel, display=nothing, mailer=nothing, paid_price=panel.shelf_price)
    fitted = fit_forecaster(bare, None, settings, tmp_path)
    plan = Plan.unchanged(bare, 4)
    for track in TRACKS:
        mean = fitted.forecaster.forecast(bare, plan, track=track).mean
        assert abs(mean.sum() / (4 * bare.units.sum() / 12) - 1) < 0.3
    with pytest.raises(StoreModelMissing, match="store panel"):
        fitted.forecaster.split(fitted.forecaster.forecast(bare, plan, track="none"), bare, stores_of(bare))


def test_what_cannot_be_fitted_or_forecast_is_refused(
    make_panel: MakePanel, settings: DemandSettings, fitted: FittedForecaster, known: Panel, tmp_path: Path
) -> None:
    short = make_panel(n_products=20, n_weeks=8)
    with pytest.raises(HistoryTooShort, match=r"8 whole week\(s\).*9 are needed.*Ingest"):
        fit_forecaster(short, None, settings, tmp_path)
    silent = replace(known, units=np.zeros_like(known.units))
    with pytest.raises(NothingToLearn, match=r"none of the 40 product\(s\).*2017-"):
        fit_forecaster(silent, None, settings, tmp_path)
    tiny = make_panel(n_products=3, n_weeks=3)
    with pytest.raises(HistoryTooShort, match=r"3 whole week\(s\).*4 are needed"):
        fitted.forecaster.forecast(tiny, Plan.unchanged(tiny, 1), track="none")
    with pytest.raises(PlanMismatch, match=r"Choose the weeks right after"):
        fitted.forecaster.forecast(known, Plan.unchanged(known.until(known.weeks[-1]), 4), track="none")
    chain = fitted.forecaster.forecast(known, Plan.unchanged(known, 4), track="none")
    pairs = stores_of(known)
    stranger = replace(pairs, product_ids=np.where(pairs.product_ids == "p00", "p99", pairs.product_ids))
    with pytest.raises(StorePairsMismatch, match="p99 is not in the forecast"):
        fitted.forecaster.split(chain, known, stranger)
    early = replace(pairs, weeks=pairs.weeks - np.timedelta64(7, "D"))
    with pytest.raises(StorePairsMismatch, match="weeks are not those"):
        fitted.forecaster.split(chain, known, early)
