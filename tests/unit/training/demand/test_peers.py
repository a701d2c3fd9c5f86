"""The peers learn, keep to their track, and say how to be installed."""

import importlib
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from training.demand.backtest import Origin, origins
from training.demand.errors import PeersMissing
from training.demand.metrics import interval_coverage, wape
from training.demand.panel import Panel
from training.demand.peers import AutoEts, TweedieTrees, require_peers
from training.demand.plan import TRACKS, Plan, Track

pytest.importorskip("statsforecast")


def split(panel: Panel) -> tuple[Origin, Panel, Plan]:
    origin = origins(panel, date(2017, 9, 11), 4, 4)[0]
    return origin, origin.known(panel), Plan.observed(origin.future(panel))


def test_auto_ets_forecasts_within_its_quantiles(panel: Panel) -> None:
    _, known, plan = split(panel)
    said = AutoEts().forecast(known, plan, track="none")
    assert said.quantiles.shape == (12, 4, 9)
    assert (np.diff(said.quantiles, axis=2) >= 0).all()
    assert (said.quantiles >= 0).all()
    level = panel.units[:, :36].mean(axis=1)
    assert np.abs(said.mean[:, 0] / level - 1).mean() < 0.3


def test_trees_use_what_their_track_knows_and_no_more(make_panel: Any) -> None:
    panel = make_panel(n_products=150, seed=2)
    origin, known, plan = split(panel)
    trees = TweedieTrees(known, horizon_weeks=4, seed=1, tracks=("none", "full"))
    actual = origin.future(panel).units
    said = {track: trees.forecast(known, plan, track=track) for track in trees.tracks}
    assert wape(actual, said["full"].mean).value < 0.85 * wape(actual, said["none"].mean).value
    assert 0.7 < interval_coverage(actual, said["full"].mean, said["full"].dispersion, seed=1).value < 0.9
    other = replace(plan, display=1 - plan.display, paid_price=0.5 * plan.shelf_price)
    assert np.array_equal(trees.forecast(known, other, track="none").mean, said["none"].mean)
    assert not np.allclose(trees.forecast(known, other, track="full").mean, said["full"].mean)


@pytest.mark.parametrize("track", TRACKS)
def test_trees_repeat_with_their_seed(panel: Panel, track: Track) -> None:
    _, known, plan = split(panel)
    once, again = (
        TweedieTrees(known, horizon_weeks=4, seed=1, tracks=(track,)).forecast(known, plan, track=track).mean
        for _ in range(2)
    )
    assert np.array_equal(once, again)


def test_a_missing_peer_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = importlib.import_module

    def without(name: str) -> Any:
        if name == "statsforecast":
            raise ModuleNotFoundError(name)
        return whole(name)

    require_peers()
    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(PeersMissing, match=r"statsforecast .* pip install"):
        require_peers()
