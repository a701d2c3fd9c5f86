"""A test for stores that switch back and forth: exact at every look, whatever the sales look like.

Each pair of blocks of a store holds one block of each arm in a drawn order, so without an effect the difference of a
pair is as likely as its negative. Sums of such differences obey the bound with the sum of their squares for what chance
explains; nothing has to be normal, and nothing has to be large.

Source: Bojinov, Simchi-Levi and Zhao (2023) for the design; de la Peña (1999) for sums of symmetric steps; Howard et
al. (2021), table 3, for the bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.experiments.assignment import switch_back_arm
from training.experiments.sequential import always_valid_p, bound

Floats = npt.NDArray[np.float64]

_FARTHEST = 1e3  # an interval that reaches farther than this many standard deviations has no end
_HALVINGS = 60
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class PairLooks:
    """What is known after each pair of blocks, all stores together.

    Attributes:
        steps: (P, S) treatment minus control, pair by pair in time, store by store.
        control: Mean of a control block.
    """

    steps: Floats
    control: float

    @property
    def difference(self) -> float:
        """Mean difference per block."""
        return float(self.steps.mean())

    def p_values(self, rho: float) -> Floats:
        """Give (P,) p-values that may be read after every pair."""
        sums, squares = self.steps.sum(axis=1).cumsum(), (self.steps**2).sum(axis=1).cumsum()
        return always_valid_p(sums, squares, rho)

    def interval(self, rho: float, alpha: float) -> tuple[float, float]:
        """Give the differences that the pairs so far do not contradict; without end where they are too few."""
        return self._end(-1.0, rho, alpha), self._end(1.0, rho, alpha)

    def _end(self, sign: float, rho: float, alpha: float) -> float:
        centre, scale = self.difference, float(self.steps.std()) or 1.0
        near, far = 0.0, _FARTHEST * scale
        if not self._contradicted(centre + sign * far, rho, alpha):
            return sign * float("inf")
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if self._contradicted(centre + sign * middle, rho, alpha) else (middle, far)
        return centre + sign * far

    def _contradicted(self, difference: float, rho: float, alpha: float) -> bool:
        left = self.steps - difference
        limit = bound(np.array([(left**2).sum()]), rho, alpha)[0]
        return bool(abs(left.sum()) >= limit)


def treated_first(experiment: str, units: Sequence[str], n_pairs: int) -> npt.NDArray[np.bool_]:
    """Tell whether the first block of each pair is the treated one: (S, P), following from the experiment's name."""
    pairs = range(n_pairs)
    return np.array([[switch_back_arm(experiment, unit, 2 * pair) == 1 for pair in pairs] for unit in units])


def look_by_pair(first: npt.NDArray[np.bool_], outcomes: Floats) -> PairLooks:
    """Compare the arms within every complete pair of blocks.

    Args:
        first: (S, P) from `treated_first`.
        outcomes: (S, B) of each store or region in each block; what is beyond the pairs is left out.
    """
    n_blocks = 2 * first.shape[1]
    odd, even = outcomes[:, 0:n_blocks:2], outcomes[:, 1:n_blocks:2]
    control = np.where(first, even, odd)
    return PairLooks((np.where(first, odd, even) - control).T, float(control.mean()))


def foreseen_squares(history: Floats, n_pairs: int) -> float:
    """Foresee the sum of squared differences at the planned end from blocks before the experiment.

    Args:
        history: (S, B) outcomes before the start, B at least 2.
        n_pairs: Pairs of blocks planned.
    """
    pairs = history.shape[1] // 2
    steps = history[:, 0 : 2 * pairs : 2] - history[:, 1 : 2 * pairs : 2]
    squares = float((steps**2).sum()) / max(pairs, 1) * n_pairs
    return squares if squares > 0 else _TINY
