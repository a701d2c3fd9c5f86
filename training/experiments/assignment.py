"""Who gets which arm, by stable hashing: the same answer everywhere and forever, and no list to keep.

The digest of the experiment's name and the unit's id is read as a number between 0 and 1. Another name shuffles
everybody anew, so experiments do not lean on each other.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

ARMS: Final = ("control", "treatment")  # what their numbers mean

_BITS: Final = 53  # as many as a float holds exactly


def place_of(*words: str) -> float:
    """Give the place of some words between 0 and 1: uniform over words, always the same for the same ones.

    Args:
        words: The experiment's name first, then what is assigned; borders between words count.

    >>> round(place_of("new-home", "c1_7"), 5)
    0.82191
    """
    digest = hashlib.sha256(json.dumps(words).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / float(1 << _BITS)


def arm_of(experiment: str, unit: str, shares: Sequence[float]) -> int | None:
    """Give the arm of a customer, visitor or store.

    Args:
        experiment: Name of the experiment.
        unit: Id of what is assigned.
        shares: Of each arm; together at most 1. Raising the last arm's share moves nobody between arms.

    Returns:
        Number of the arm, from 0; None for who takes no part.
    """
    place, reached = place_of(experiment, unit), 0.0
    for arm, share in enumerate(shares):
        reached += share
        if place < reached:
            return arm
    return None


def arms_of(experiment: str, units: Iterable[str], shares: Sequence[float]) -> npt.NDArray[np.int64]:
    """Give the arms of many: (n,) numbers from 0, -1 for who takes no part."""
    arms = (arm_of(experiment, unit, shares) for unit in units)
    return np.array([-1 if arm is None else arm for arm in arms], dtype=np.int64)


def switch_back_arm(experiment: str, unit: str, block: int) -> int:
    """Give the arm of a store or region in a block of time: each pair of blocks holds both arms, in a drawn order.

    Args:
        experiment: Name of the experiment.
        unit: Store or region.
        block: Number of the block since the experiment began, from 0.

    Returns:
        0 for control or 1 for treatment.
    """
    first = int(place_of(experiment, unit, str(block // 2)) < 0.5)
    return first if block % 2 == 0 else 1 - first


def block_of(moment: datetime, start: datetime, block_hours: float) -> int:
    """Number the block of time that a moment lies in, from 0; negative before the start."""
    return (moment - start) // timedelta(hours=block_hours)
