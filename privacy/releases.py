"""Sums over customers that a private model may stand on: each is one Gaussian release, charged like a training step.

Promise: adding or removing all records of one customer changes the distribution of a release by at most what the
accountant gives for its `event`. What is worked out from a release alone, such as a vocabulary, costs nothing more.

Not covered: the list of products itself, which must be public (a product master), and records of other tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from privacy.events import NOISE, Gaussian, require
from privacy.randomness import Floats, Ints, Randomness, SystemRandomness

MOST: Final = 10_000_000  # products or contributions; far beyond any
_LARGEST: Final = 1e120  # entry of a vector; its square is still a number


@dataclass(frozen=True, eq=False)
class ReleasedSums:
    """Sums over customers of a long vector each, with noise on every column, those nobody filled included.

    Attributes:
        values: (n_columns,) noisy sums, in the unit of the values; may be negative.
        noise_std: Standard deviation of the noise on each, in the same unit.
        event: What the accountant is told.
        constants: How they were made, public all of it.
    """

    values: Floats
    noise_std: float
    event: Gaussian
    constants: Mapping[str, Any]


def release_sums(
    owners: Ints,
    columns: Ints,
    values: Floats,
    *,
    n_columns: int,
    max_norm: float,
    noise_multiplier: float,
    randomness: Randomness | None = None,
) -> ReleasedSums:
    """Add up what customers fill columns with, so that no customer can be told from the sums.

    Each customer's entries are one vector over all columns. A vector longer than `max_norm` in L2 is shrunk to that
    length, a shorter one stays as it is; so one customer moves all sums together by `max_norm` at most. Several counts,
    such as recent buyers and first purchases, may lie side by side in one vector and then cost one release.

    Args:
        owners: (T,) whose entry each is; any whole numbers, in any order.
        columns: (T,) 0 to `n_columns` - 1; entries of one customer in one column add up.
        values: (T,) entries; one that is not finite counts as 0.
        n_columns: Public.
        max_norm: Longest that a customer's vector may be, public; above 0.
        noise_multiplier: Standard deviation of the noise over `max_norm`; 0.05 to 1e6.
        randomness: Of the noise; None is the operating system's. Anything else is for tests.

    Raises:
        PrivacyParameterInvalid: If a constant is out of range or a column does not exist.

    Source: Dwork and Roth (2014), theorem A.1; clipping as in Abadi et al. (2016).
    """
    require("noise_multiplier", noise_multiplier, *NOISE)
    require("max_norm", max_norm, np.nextafter(0.0, 1.0), 1e12)
    require("n_columns", n_columns, 1, MOST)
    if len(columns):
        require("columns", int(columns.min()), 0, n_columns - 1)
        require("columns", int(columns.max()), 0, n_columns - 1)
    stream = randomness or SystemRandomness()
    sums = bounded_sums(owners, columns, values, n_columns=n_columns, max_norm=max_norm)
    noise_std = noise_multiplier * max_norm
    return ReleasedSums(
        values=sums + noise_std * stream.gaussian(n_columns),
        noise_std=noise_std,
        event=Gaussian(noise_multiplier=noise_multiplier),
        constants={
            "n_columns": n_columns,
            "max_norm": max_norm,
            "noise_multiplier": noise_multiplier,
            "secure": type(stream) is SystemRandomness,
        },
    )


def bounded_sums(owners: Ints, columns: Ints, values: Floats, *, n_columns: int, max_norm: float) -> Floats:
    """Clip each customer's vector and add them up, before the noise. Not private by itself.

    Returns:
        (n_columns,) sums, which one customer changes by at most `max_norm` in L2 norm.
    """
    _, rows = np.unique(owners, return_inverse=True)
    cells, cell_of = np.unique(rows * n_columns + columns, return_inverse=True)  # one for each customer and column
    finite = np.where(np.isfinite(values), values, 0.0)
    filled = np.clip(np.bincount(cell_of, finite, minlength=len(cells)), -_LARGEST, _LARGEST)
    customers = cells // n_columns
    norms = np.sqrt(np.bincount(customers, filled**2))[customers]  # (cells,) of the customer's whole vector
    shrunk = filled * (max_norm / np.maximum(norms, max_norm))
    sums: Floats = np.bincount(cells % n_columns, shrunk, minlength=n_columns).astype(np.float64)
    return sums
