"""Two versions of the demand models on the same products and weeks of the made-up chain."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from training.artifact import Bundle
from training.demand.comparing import NamedForecaster, compare_demand
from training.demand.forecaster import Forecaster
from training.demand.plan import TRACKS, Plan
from training.refresh_jobs import demand_margins


def at(bundle: Bundle, **changes: Any) -> Bundle:
    """The same bundle with another manifest."""
    return Bundle(bundle.directory, bundle.manifest.model_copy(update=changes))


def test_a_version_against_itself_wins_nothing_on_the_weeks_after_its_cut_off(chain: Any) -> None:
    begins = chain.sources.panel.weeks[-chain.settings.demand.evaluation.test_weeks]
    bundle = at(chain.bundle, train_until=chain.sources.cutoff(begins))
    evaluation = compare_demand(bundle, bundle, chain.settings, lambda _: None)
    assert evaluation is not None
    assert evaluation.train_until == chain.sources.cutoff(begins)
    assert evaluation.origins[0] == (begins - np.timedelta64(7, "D")).astype(object)
    assert evaluation.methods == ["challenger", "champion"]
    assert evaluation.tracks == list(TRACKS)
    for margin in demand_margins(evaluation):
        assert (margin.gain, margin.low, margin.high) == (0, 0, 0)
        assert margin.champion > 0


def test_versions_that_begin_from_released_weeks_have_no_common_rows(chain: Any) -> None:
    said: list[str] = []
    promised = chain.bundle.manifest.privacy.model_copy(update={"mechanism": "dp-counts"})
    private = at(chain.bundle, privacy=promised, train_until=datetime(2024, 6, 3, tzinfo=UTC))
    for challenger, champion in ((private, chain.bundle), (chain.bundle, private)):
        assert compare_demand(challenger, champion, chain.settings, said.append) is None
    assert "weeks of its own" in said[0]


@pytest.mark.parametrize("track", TRACKS)
def test_a_forecaster_under_another_name_says_the_same(chain: Any, track: Any) -> None:
    forecaster = Forecaster.load(chain.bundle)
    panel = chain.sources.panel
    known = panel.until(panel.weeks[-4])
    plan = Plan.observed(panel.since(panel.weeks[-4]))
    mine = NamedForecaster("champion", forecaster).forecast(known, plan, track=track)
    assert np.array_equal(mine.mean, forecaster.forecast(known, plan, track=track).mean)
