"""The blend and its parts, each under its own name."""

from typing import Any

import numpy as np
import pytest

from training.demand.forecaster import Forecaster
from training.demand.members import MemberForecaster, StateReader, members
from training.demand.panel import Panel
from training.demand.plan import TRACKS, Plan


@pytest.fixture
def forecaster(chain: Any) -> Forecaster:
    return Forecaster.load(chain.bundle)


def test_each_member_forecasts_as_the_forecaster_says(chain: Any, forecaster: Forecaster) -> None:
    panel: Panel = chain.sources.panel
    plan = Plan.unchanged(panel, 2)
    found = members(forecaster)
    assert [member.name for member in found] == ["demand", "demand_network", "demand_trees"]
    assert all(tuple(member.tracks) == TRACKS for member in found)
    for member in found:
        ours = member.forecast(panel, plan, track="promo")
        theirs = forecaster.forecast_of(member.member, panel, plan, track="promo")
        np.testing.assert_array_equal(ours.mean, theirs.mean)
        np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)
    blend, network, trees = (member.forecast(panel, plan, track="full").mean for member in found)
    np.testing.assert_allclose(blend, np.sqrt(network * trees), rtol=1e-9)


def test_a_member_alone_reads_the_panel_itself(chain: Any, forecaster: Forecaster) -> None:
    panel: Panel = chain.sources.panel
    plan = Plan.unchanged(panel, 1)
    ours = MemberForecaster(forecaster, "blend").forecast(panel, plan, track="none")
    np.testing.assert_array_equal(ours.mean, forecaster.forecast(panel, plan, track="none").mean)


def test_a_panel_is_read_once_and_another_one_anew(chain: Any) -> None:
    panel: Panel = chain.sources.panel
    read = StateReader()
    first = read(panel)
    assert read(panel) is first
    shorter = panel.until(panel.weeks[-1])
    assert len(read(shorter).history.weeks) == 29
    assert read(panel).history is panel
