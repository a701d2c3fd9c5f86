"""Fair coins that decide which planted customers are in, from a generator that nobody can foretell."""

import numpy as np
import numpy.typing as npt

from privacy.randomness import Randomness, SystemRandomness


def flip(n: int, randomness: Randomness | None) -> npt.NDArray[np.bool_]:
    """Flip n independent fair coins.

    The bounds rest on the coins alone, so they come from the operating system's generator.

    Args:
        n: How many.
        randomness: None is the operating system's. Anything else is for tests.

    Returns:
        (n,) bool; True is in.
    """
    stream = randomness or SystemRandomness()
    return (stream.words(n) >> np.uint64(63)).astype(bool)


def halves(n: int, randomness: Randomness | None) -> npt.NDArray[np.bool_]:
    """Draw half of n positions, each set of that size as likely as any other.

    Returns:
        (n,) bool, n // 2 of them True.
    """
    stream = randomness or SystemRandomness()
    drawn = np.zeros(n, dtype=bool)
    drawn[np.argsort(stream.words(n), kind="stable")[: n // 2]] = True
    return drawn
