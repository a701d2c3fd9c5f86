"""Rows of a log: the judged policy's probability of what was shown, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.off_policy.errors import LoggedRowsMalformed
from training.off_policy.rows import Choices, LoggedRows

LOG = LoggedRows(
    customer=np.array([0, 0, 1]),
    action=np.array([5, 6, 5]),
    slot=np.array([0, 1, 0]),
    reward=np.array([1.0, 0.0, 0.0]),
    p_logged=np.array([0.5, 1.0, 0.25]),
    choices=Choices(np.array([0, 0, 1, 2]), np.array([5, 7, 6, 7]), np.array([0.4, 0.6, 1.0, 1.0])),
    supported=np.ones(3),
)


def test_the_policy_s_probability_of_what_was_shown() -> None:
    assert LOG.p_target().tolist() == [0.4, 1.0, 0.0]


def test_a_sound_log_passes() -> None:
    LOG.require_sound()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"p_logged": np.array([0.5, 0.0, 0.25])}, "1 of 3 propensities"),
        ({"p_logged": np.array([0.5, np.nan, 1.25])}, "2 of 3 propensities"),
        ({"reward": np.array([1.0, np.inf, 0.0])}, "1 rewards"),
        ({"choices": Choices(np.array([0, 0]), np.array([5, 7]), np.array([0.6, 0.6]))}, "exceed 1"),
        ({"choices": Choices(np.array([0]), np.array([5]), np.array([-0.1]))}, "below 0"),
    ],
)
def test_what_cannot_be_weighed_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(LoggedRowsMalformed, match=named):
        replace(LOG, **changes).require_sound()


def test_an_empty_log_is_refused() -> None:
    empty = np.empty(0)
    none = Choices(empty.astype(np.int64), empty.astype(np.int64), empty)
    with pytest.raises(LoggedRowsMalformed, match="there are none"):
        replace(LOG, action=empty.astype(np.int64), p_logged=empty, choices=none).require_sound()
