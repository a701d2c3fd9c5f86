"""What one private release of counts gives at no further cost: vocabulary, popularity, first purchases, prior."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.errors import PrivateVocabularyEmpty

_TYPE_WEIGHT: Final = 20.0  # products that the mean over all rare ones counts for beside a type's own
_SMALLEST_SHARE: Final = 0.05  # of the mean count of rare products; no product is impossible
_SMALLEST_NOISES: Final = 1e-3  # the same where that mean drowned: in standard deviations of the noise
_SPREAD: Final = 0.5  # how far products differ in what part of their buyers is new, beside others of the category
_FEWEST_NEW: Final = 0.1  # of the first purchases that a product of its category is expected to have
_FARTHEST: Final = 5.0  # times that a category may differ from all others in what part of its buyers is new

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class ReleasedPopularity:
    """Popularity of N public products from noisy counts; a function of the release and of public content alone.

    Attributes:
        counts: (N,) smoothed counts of customers, recent ones more, all above 0.
        first: (N,) smoothed counts of first purchases likewise.
        taught: (V,) positions of the products whose noisy count stands out, ascending: the vocabulary.
    """

    counts: Floats
    first: Floats
    taught: Ints

    @property
    def log_prior(self) -> npt.NDArray[np.float32]:
        """(N,) log of each product's share of all counts."""
        return np.asarray(np.log(self.counts / self.counts.sum()), dtype=np.float32)

    @property
    def signals(self) -> npt.NDArray[np.float32]:
        """(N, 2) log shares of the counts and of the first purchases."""
        log_first = np.log(self.first / self.first.sum())
        return np.column_stack([self.log_prior, log_first]).astype(np.float32)


def smooth(
    noisy: Floats, noise_std: float, product_types: Texts, min_noises: float, n_taught: int
) -> tuple[Floats, Ints]:
    """Take what stands out of the noise as it is, and for every other product the mean of the rare ones of its type.

    A mean over many products has little noise left, although each count drowns in it.

    Args:
        noisy: (N,) released counts over every public product, sold or not.
        noise_std: Standard deviation of their noise; public.
        product_types: (N,) public type of each product.
        min_noises: A product stands out from this many standard deviations.
        n_taught: Most products in the vocabulary; the highest counts are taken.

    Returns:
        (N,) counts, all above 0, and (V,) positions of the vocabulary, ascending.

    Raises:
        PrivateVocabularyEmpty: If nothing stands out.
    """
    threshold = min_noises * noise_std
    stands_out = noisy >= threshold
    if not stands_out.any():
        raise PrivateVocabularyEmpty(threshold=threshold, n_products=len(noisy))
    smallest = _SMALLEST_NOISES * noise_std
    counts = np.where(stands_out, noisy, _rare_means(noisy, stands_out, product_types, smallest))
    best = np.argsort(np.where(stands_out, -noisy, np.inf), kind="stable")[: min(n_taught, int(stands_out.sum()))]
    return counts, np.sort(best).astype(np.int64)


def smooth_first(noisy: Floats, noise_std: float, counts: Floats, categories: Texts) -> Floats:
    """Draw noisy counts of first purchases towards what products of the category have for their popularity.

    The fewer first purchases are expected beside the noise, the more the category decides.

    Args:
        noisy: (N,) released counts of first purchases.
        noise_std: Standard deviation of their noise; public.
        counts: (N,) smoothed counts of customers.
        categories: (N,) public category of each product.

    Returns:
        (N,) counts, all above 0.

    Source: Efron and Morris (1975), with the variances stated instead of estimated.
    """
    names, codes = np.unique(categories, return_inverse=True)
    all_counts = counts.sum()
    overall = max(float(noisy.sum()), _SMALLEST_NOISES * noise_std) / all_counts
    own, expected = (np.bincount(codes, values, minlength=len(names)) for values in (noisy, counts))
    weight = all_counts / len(names)  # the mean category's
    ratios = np.clip((own + weight * overall) / (expected + weight), overall / _FARTHEST, overall * _FARTHEST)
    base = ratios[codes] * counts
    trust = (_SPREAD * base) ** 2 / ((_SPREAD * base) ** 2 + noise_std**2)
    drawn: Floats = np.maximum(base + trust * (noisy - base), _FEWEST_NEW * base)
    return drawn


def _rare_means(noisy: Floats, stands_out: npt.NDArray[np.bool_], product_types: Texts, smallest: float) -> Floats:
    """Average the counts of rare products by type, drawn towards the mean of all: (N,), all above 0."""
    names, codes = np.unique(product_types, return_inverse=True)
    rare = ~stands_out
    overall = max(float(noisy[rare].mean()) if rare.any() else 0.0, smallest)
    n_rare = np.bincount(codes[rare], minlength=len(names))
    total = np.bincount(codes[rare], noisy[rare], minlength=len(names))
    means = (total + _TYPE_WEIGHT * overall) / (n_rare + _TYPE_WEIGHT)
    floored: Floats = np.maximum(means, _SMALLEST_SHARE * overall)[codes]
    return floored
