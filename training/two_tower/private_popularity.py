"""What one private release of counts gives at no further cost: vocabulary, popularity, prior, pooling weights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.errors import PrivateVocabularyEmpty

_TYPE_WEIGHT: Final = 20.0  # products that the mean over all rare ones counts for beside a type's own
_SMALLEST_SHARE: Final = 0.05  # of the mean count of rare products; no product is impossible
_SMALLEST_NOISES: Final = 1e-3  # the same where that mean drowned: in standard deviations of the noise

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ReleasedPopularity:
    """Popularity of N public products from noisy counts; a function of the release and of public content alone.

    Attributes:
        counts: (N,) smoothed counts of customers, all above 0.
        taught: (V,) positions of the products whose noisy count stands out, ascending: the vocabulary.
    """

    counts: Floats
    taught: Ints

    @property
    def log_prior(self) -> npt.NDArray[np.float32]:
        """(N,) log of each product's share of all counts."""
        return np.asarray(np.log(self.counts / self.counts.sum()), dtype=np.float32)

    @property
    def pool_weights(self) -> npt.NDArray[np.float32]:
        """(N,) what a purchase says of its buyer: more for rare products, like an inverse document frequency."""
        weights = np.log1p(self.counts.max() / self.counts)
        return np.asarray(weights / weights.max(), dtype=np.float32)


def smooth(
    noisy: Floats, noise_std: float, product_types: npt.NDArray[np.str_], min_noises: float
) -> ReleasedPopularity:
    """Take what stands out of the noise as it is, and for every other product the mean of the rare ones of its type.

    A mean over many products has little noise left, although each count drowns in it.

    Args:
        noisy: (N,) released counts over every public product, sold or not.
        noise_std: Standard deviation of their noise; public.
        product_types: (N,) public type of each product.
        min_noises: A product stands out from this many standard deviations.

    Raises:
        PrivateVocabularyEmpty: If nothing does.
    """
    threshold = min_noises * noise_std
    stands_out = noisy >= threshold
    if not stands_out.any():
        raise PrivateVocabularyEmpty(threshold=threshold, n_products=len(noisy))
    smallest = _SMALLEST_NOISES * noise_std
    counts = np.where(stands_out, noisy, _rare_means(noisy, stands_out, product_types, smallest))
    return ReleasedPopularity(counts, np.flatnonzero(stands_out).astype(np.int64))


def _rare_means(
    noisy: Floats, stands_out: npt.NDArray[np.bool_], product_types: npt.NDArray[np.str_], smallest: float
) -> Floats:
    """Average the counts of rare products by type, drawn towards the mean of all: (N,), all above 0."""
    names, codes = np.unique(product_types, return_inverse=True)
    rare = ~stands_out
    overall = max(float(noisy[rare].mean()) if rare.any() else 0.0, smallest)
    n_rare = np.bincount(codes[rare], minlength=len(names))
    total = np.bincount(codes[rare], noisy[rare], minlength=len(names))
    means = (total + _TYPE_WEIGHT * overall) / (n_rare + _TYPE_WEIGHT)
    floored: Floats = np.maximum(means, _SMALLEST_SHARE * overall)[codes]
    return floored
