"""Counts and means that a private model may stand on: each is one Gaussian release, charged like a training step.

Promise: adding or removing all records of one customer changes the distribution of a release by at most what the
accountant gives for its `event`. What is worked out from a release alone, such as a vocabulary, costs nothing more.

Not covered: the list of products itself, which must be public (a product master), and records of other tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from privacy.events import NOISE, Gaussian, require
from privacy.randomness import Floats, Ints, Randomness, SystemRandomness

Weighting = Literal["equal", "shared"]
MOST: Final = 10_000_000  # products or contributions; far beyond any
_LARGEST: Final = 1e120  # entry of a vector; its square is still a number


@dataclass(frozen=True, eq=False)
class ReleasedCounts:
    """How often each product was bought, with noise on every one, those never bought included.

    Attributes:
        values: (n_products,) noisy counts, in customers; may be negative. Where weighting is "shared" they are in
            shares of a customer, which rank products but count nobody.
        noise_std: Standard deviation of the noise on each, in the same unit.
        event: What the accountant is told.
        constants: How it was made, public all of it.
    """

    values: Floats
    noise_std: float
    event: Gaussian
    constants: Mapping[str, Any]


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


@dataclass(frozen=True, eq=False)
class ReleasedMean:
    """The mean of a feature vector over customers, with noise.

    Attributes:
        values: (n_features,) noisy mean of the vectors after each was clipped.
        event: What the accountant is told; covers the number of customers as well.
    """

    values: Floats
    event: Gaussian


def release_counts(
    owners: Ints,
    products: Ints,
    *,
    n_products: int,
    max_products_per_customer: int,
    weighting: Weighting,
    noise_multiplier: float,
    randomness: Randomness | None = None,
) -> ReleasedCounts:
    """Count the customers of each product, so that no customer can be told from the counts.

    A customer counts once for a product and for at most so many products; which, is left to chance. All that one
    customer adds has L2 norm 1 at most before the noise: with m the limit, each product weighs 1/sqrt(m) when
    "equal", and 1/sqrt(k) for a customer of k products when "shared". Equal weights count customers; shared ones drown
    less in noise where most customers stay far below the limit.

    Args:
        owners: (T,) whose purchase each is; any whole numbers, in any order.
        products: (T,) position of the product in a public list, 0 to `n_products` - 1.
        n_products: Length of that list.
        max_products_per_customer: m, public; a whole number from 1.
        weighting: How a customer's say is spread over products.
        noise_multiplier: Standard deviation of the noise over the norm that one customer adds; 0.05 to 1e6.
        randomness: Of noise and choice; None is the operating system's. Anything else is for tests.

    Raises:
        PrivacyParameterInvalid: If a constant is out of range or a product is not in the list.

    Source: Dwork and Roth (2014), theorem A.1; bounded contribution after Wilson et al. (2020).
    """
    require("noise_multiplier", noise_multiplier, *NOISE)
    require("max_products_per_customer", max_products_per_customer, 1, MOST)
    require("n_products", n_products, 1, MOST)
    if len(products):
        require("products", int(products.min()), 0, n_products - 1)
        require("products", int(products.max()), 0, n_products - 1)
    stream = randomness or SystemRandomness()
    sums = contributions(owners, products, n_products, max_products_per_customer, weighting, stream)
    unit = sqrt(max_products_per_customer) if weighting == "equal" else 1.0
    noisy = sums + noise_multiplier * stream.gaussian(n_products)
    return ReleasedCounts(
        values=noisy * unit,
        noise_std=noise_multiplier * unit,
        event=Gaussian(noise_multiplier=noise_multiplier),
        constants={
            "n_products": n_products,
            "max_products_per_customer": max_products_per_customer,
            "weighting": weighting,
            "noise_multiplier": noise_multiplier,
            "secure": type(stream) is SystemRandomness,
        },
    )


def contributions(
    owners: Ints, products: Ints, n_products: int, max_products: int, weighting: Weighting, randomness: Randomness
) -> Floats:
    """Add up what customers contribute, before the noise. Not private by itself.

    Returns:
        (n_products,) sums, which one customer changes by at most 1 in L2 norm.
    """
    pairs = np.unique(np.stack([owners, products]), axis=1) if len(owners) else np.empty((2, 0), dtype=np.int64)
    pairs = pairs[:, np.lexsort((randomness.uniform(pairs.shape[1]), pairs[0]))]  # by customer, by chance within
    _, starts, counts = np.unique(pairs[0], return_index=True, return_counts=True)
    place = np.arange(pairs.shape[1]) - np.repeat(starts, counts)
    shares = max_products if weighting == "equal" else np.repeat(np.minimum(counts, max_products), counts)
    weights = np.where(place < max_products, 1 / np.sqrt(shares), 0.0)
    sums: Floats = np.bincount(pairs[1], weights=weights, minlength=n_products).astype(np.float64)
    return sums


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


def dp_vocabulary(counts: ReleasedCounts, threshold: float) -> Ints:
    """Take the products whose noisy count reaches a threshold; costs nothing beyond the release.

    A product that nobody bought gets in with the probability that noise alone reaches the threshold.

    Returns:
        (k,) positions, ascending.

    >>> import numpy as np
    >>> dp_vocabulary(ReleasedCounts(np.array([9.0, 0.5]), 1.0, Gaussian(noise_multiplier=1.0), {}), threshold=3.0)
    array([0])
    """
    return np.flatnonzero(counts.values >= threshold).astype(np.int64)


def dp_popularity(counts: ReleasedCounts, floor: float) -> Floats:
    """Turn noisy counts into shares; costs nothing beyond the release.

    Args:
        counts: The release.
        floor: Least count that any product is taken to have, so that logarithms exist; above 0.

    Returns:
        (n_products,) shares above 0 that sum to 1.

    Raises:
        PrivacyParameterInvalid: If the floor is not above 0.
    """
    require("floor", floor, np.nextafter(0.0, 1.0), MOST)
    lifted = np.maximum(counts.values, floor)
    shares: Floats = lifted / lifted.sum()
    return shares


def release_mean(
    vectors: npt.NDArray[np.floating[Any]],
    *,
    max_norm: float,
    noise_multiplier: float,
    randomness: Randomness | None = None,
) -> ReleasedMean:
    """Average a feature vector over customers, so that no customer can be told from the mean.

    Each vector is clipped to an L2 norm; sum and number of customers are released together, each with half of the
    squared sensitivity. A vector that is not finite counts as zeros.

    Args:
        vectors: (N, n_features) one row per customer.
        max_norm: Longest that a vector may be, public; above 0.
        noise_multiplier: Standard deviation of the noise over what one customer adds to both; 0.05 to 1e6.
        randomness: Of the noise; None is the operating system's. Anything else is for tests.

    Raises:
        PrivacyParameterInvalid: If a constant is out of range.
    """
    require("noise_multiplier", noise_multiplier, *NOISE)
    require("max_norm", max_norm, np.nextafter(0.0, 1.0), 1e12)
    stream = randomness or SystemRandomness()
    sums = bounded_rows(vectors, max_norm).sum(axis=0)
    noisy = sums + noise_multiplier * stream.gaussian(len(sums))
    mean = noisy[:-1] * max_norm / max(noisy[-1], 1.0)
    return ReleasedMean(values=mean, event=Gaussian(noise_multiplier=noise_multiplier))


def bounded_rows(vectors: npt.NDArray[np.floating[Any]], max_norm: float) -> Floats:
    """Clip each vector and append the customer's own 1, scaled so that a row has L2 norm 1 at most.

    Returns:
        (N, n_features + 1).
    """
    rows = np.asarray(vectors, dtype=np.float64)
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True, initial=0.0), np.finfo(np.float64).tiny)
    norms = largest * np.linalg.norm(rows / largest, axis=1, keepdims=True)  # without overflow
    clipped = rows / np.maximum(norms, max_norm)
    bounded: Floats = np.hstack([clipped, np.ones((len(rows), 1))]) / np.sqrt(2)
    return bounded
