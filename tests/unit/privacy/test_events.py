"""Releases as records."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PrivacyParameterInvalid
from privacy.events import (
    DiscreteLaplace,
    Event,
    Gaussian,
    GaussianPoisson,
    Laplace,
    exceeding,
    from_json,
    merged,
    to_json,
)

scales = st.sampled_from([0.5, 1.0, 4.67])
events = st.one_of(
    st.builds(
        GaussianPoisson, noise_multiplier=scales, sample_rate=st.sampled_from([0.1, 1.0]), steps=st.integers(1, 50)
    ),
    st.builds(Gaussian, noise_multiplier=scales),
    st.builds(Laplace, scale=scales),
    st.builds(DiscreteLaplace, scale=scales),
)


@given(st.lists(events, max_size=6))
def test_what_is_written_is_read_back(given_events: list[Event]) -> None:
    assert from_json(to_json(given_events)) == tuple(given_events)


@given(st.lists(events, max_size=8), st.randoms())
def test_the_order_of_releases_does_not_matter(given_events: list[Event], random: object) -> None:
    shuffled = list(given_events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert list(merged(shuffled).items()) == list(merged(given_events).items())


@given(st.lists(events, max_size=6), st.lists(events, max_size=6))
def test_what_exceeds_and_what_was_allowed_cover_the_whole(wanted: list[Event], allowed: list[Event]) -> None:
    both = merged([*exceeding(wanted, allowed), *allowed])
    assert all(both.get(event, 0) >= times for event, times in merged(wanted).items())
    assert exceeding(wanted, wanted) == ()
    assert exceeding(exceeding(wanted, allowed), wanted) == ()


def test_fewer_steps_exceed_nothing_and_more_exceed_by_the_difference() -> None:
    def steps(n: int) -> GaussianPoisson:
        return GaussianPoisson(noise_multiplier=2.0, sample_rate=0.1, steps=n)

    assert exceeding([steps(60)], [steps(100)]) == ()
    assert exceeding([steps(60), steps(60)], [steps(100)]) == (steps(20),)
    assert exceeding([Gaussian(noise_multiplier=2.0)], [steps(100)]) == (Gaussian(noise_multiplier=2.0),)


@pytest.mark.parametrize("noise", [0.0, -1.0, 0.01, 1e7, math.inf, math.nan])
def test_noise_out_of_range_is_refused_by_name(noise: float) -> None:
    with pytest.raises(PrivacyParameterInvalid, match="noise_multiplier is"):
        Gaussian(noise_multiplier=noise)
    with pytest.raises(PrivacyParameterInvalid, match="scale is"):
        Laplace(scale=noise)
    with pytest.raises(PrivacyParameterInvalid, match="scale is"):
        DiscreteLaplace(scale=noise)


@pytest.mark.parametrize(
    ("rate", "steps", "named"), [(0.0, 5, "sample_rate"), (1.1, 5, "sample_rate"), (0.1, 0, "steps")]
)
def test_a_step_out_of_range_is_refused_by_name(rate: float, steps: int, named: str) -> None:
    with pytest.raises(PrivacyParameterInvalid, match=named):
        GaussianPoisson(noise_multiplier=1.0, sample_rate=rate, steps=steps)
