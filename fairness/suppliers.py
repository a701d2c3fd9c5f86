"""Which suppliers are small, which are large, and which products are the shop's own."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from configs.fairness import SupplierSettings
from fairness.errors import SuppliersMalformed

SMALL: Final = "small"
LARGE: Final = "large"
PRIVATE_LABEL: Final = "private_label"
SUPPLIER_CLASSES: Final = (SMALL, LARGE, PRIVATE_LABEL)


def supplier_classes(
    brands: npt.NDArray[np.str_],
    manufacturer_ids: npt.NDArray[np.str_],
    sales: npt.NDArray[Any],
    settings: SupplierSettings,
) -> npt.NDArray[np.str_]:
    """Put every product into the class of its supplier.

    Small are the branded manufacturers that remain once the largest, which together make `1 - small_share` of all
    branded sales, are set aside; so the small ones make at most `small_share` of them. Ties go by id. Products
    without a manufacturer id count as those of one manufacturer, whose name is not known. The sales of a
    manufacturer's private-label products count for the shop, not for him.

    Args:
        brands: (N,) brand of each product.
        manufacturer_ids: (N,) who makes it.
        sales: (N,) how much it sells, in any unit; the same for every product.
        settings: What is small, and which brands are the shop's own.

    Returns:
        (N,) `small`, `large` or `private_label`.

    Raises:
        SuppliersMalformed: If the columns differ in length, or sales are negative or not finite.

    >>> settings = SupplierSettings(
    ...     small_share=0.2, private_label_brands=("Own",), small_target=0.6, private_label_tolerance=0.15,
    ...     list_length=10, strengths=(1.0,))
    >>> brands, makers = np.array(["Own", "B", "B", "B"]), np.array(["1", "1", "2", "3"])
    >>> supplier_classes(brands, makers, np.array([50, 2, 8, 1]), settings).tolist()
    ['private_label', 'large', 'large', 'small']
    """
    _require_sound(brands, manufacturer_ids, sales)
    own = np.isin(brands, settings.private_label_brands)
    _, maker = np.unique(manufacturer_ids, return_inverse=True)
    n_makers = int(maker.max()) + 1 if len(maker) else 0
    totals = np.bincount(maker, weights=np.where(own, 0.0, sales), minlength=n_makers)
    order = np.lexsort((np.arange(n_makers), -totals))  # largest first
    larger = np.zeros(n_makers)
    larger[order[1:]] = np.cumsum(totals[order])[:-1]  # sales of all manufacturers larger than this one
    limit = (1 - settings.small_share) * totals.sum()
    small = larger >= limit * (1 - 1e-12)  # rounding must not put the manufacturer at the limit on the other side
    return np.where(own, PRIVATE_LABEL, np.where(small[maker], SMALL, LARGE))


def _require_sound(
    brands: npt.NDArray[np.str_], manufacturer_ids: npt.NDArray[np.str_], sales: npt.NDArray[Any]
) -> None:
    if not len(brands) == len(manufacturer_ids) == len(sales):
        lengths = f"{len(brands)} brands, {len(manufacturer_ids)} manufacturers and {len(sales)} sales were given"
        raise SuppliersMalformed(problem=lengths)
    broken = ~(np.isfinite(sales) & (np.asarray(sales) >= 0))
    if broken.any():
        raise SuppliersMalformed(problem=f"{int(broken.sum())} of {len(sales)} sales are negative or not finite")
