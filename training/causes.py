"""Why a product stands where it stands: the group of features without which it would stand lower.

A reason shown to a customer must be true of the model that ordered the list. So each reason is a group of features with
the values they would have if its cause were absent; the model judges the product again with those values, and the
cause that costs it most is named, if without it the product would have stood lower at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Judge = Callable[[Features, Ints], Scores]  # (m, F) features and (m,) products they are of, to (m,) scores

NO_CAUSE: Final = -1


@dataclass(frozen=True)
class Cause:
    """One thing that can be said of a product.

    Attributes:
        code: What it is called in an answer.
        absent: By feature, the value it would have without the cause.
    """

    code: str
    absent: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Named:
    """The strongest true cause of each product.

    Attributes:
        cause: (n,) number of the cause, -1 where none lowers the product.
        places_lost: (n,) how much lower the product would stand without it.
    """

    cause: Ints
    places_lost: Ints


class Causes:
    """All that can be said, ready for a model's features.

    Args:
        causes: What can be said.
        features: Names of the model's features, in order.

    Raises:
        KeyError: If a cause names a feature that the model does not read.
    """

    def __init__(self, causes: Sequence[Cause], features: Sequence[str]) -> None:
        self.codes = tuple(cause.code for cause in causes)
        column = {name: at for at, name in enumerate(features)}
        self._columns = [np.array([column[name] for name in cause.absent], dtype=np.int64) for cause in causes]
        self._absent = [np.array([*cause.absent.values()], dtype=np.float32) for cause in causes]

    def without(self, features: Features) -> Features:
        """Take each cause away in turn: (n, F) to (G, n, F)."""
        taken = np.repeat(features[None], len(self.codes), axis=0)
        for number, (columns, absent) in enumerate(zip(self._columns, self._absent, strict=True)):
            taken[number][:, columns] = absent
        return taken

    def of(self, judge: Judge, features: Features, scores: Scores, rivals: Scores) -> Named:
        """Name the strongest true cause of each product shown.

        Args:
            judge: The model that ordered the list.
            features: (n, F) of the products shown.
            scores: (n,) as the model gave them for these features.
            rivals: (m,) scores of everything that was judged for the list, the products shown among them.
        """
        n, n_causes = len(features), len(self.codes)
        if n == 0 or n_causes == 0:
            return Named(np.full(n, NO_CAUSE), np.zeros(n, dtype=np.int64))
        product = np.tile(np.arange(n), n_causes)
        lower = judge(self.without(features).reshape(n_causes * n, -1), product).reshape(n_causes, n)
        ordered = np.sort(rivals)
        itself = lower < scores  # the product's own score is among the rivals'
        lost = _above(ordered, lower) - itself - _above(ordered, scores)
        worth = np.where(lost > 0, scores - lower, -np.inf)
        best = worth.argmax(axis=0)
        chosen = lost[best, np.arange(n)]
        return Named(np.where(chosen > 0, best, NO_CAUSE), np.maximum(chosen, 0))


def _above(ordered: Scores, scores: Scores) -> Ints:
    """Count the (m,) rivals, sorted, above each score."""
    above: Ints = len(ordered) - np.searchsorted(ordered, scores, side="right")
    return above
