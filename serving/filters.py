"""Filters of a request as one mask over the catalogue, with a count of what each leaves out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from serving.errors import FieldError, FieldsInvalid
from serving.ports import Mask, Positions
from serving.schemas_recommend import FilterIn
from serving.shelf import Shelf


@dataclass(frozen=True, eq=False)
class Allowed:
    """What a request lets through.

    Args:
        mask: (N,) products allowed; None when all are.
        filtered_out: Products each filter leaves out by itself.
        missing_ids: Product ids of the filter that the model does not know.
    """

    mask: Mask | None
    filtered_out: dict[str, int]
    missing_ids: tuple[str, ...]

    def without(self, name: str, positions: Positions, n_products: int) -> "Allowed":
        """Leave out some products more, counted under a name; nothing to leave out changes nothing."""
        if not len(positions):
            return self
        mask = np.ones(n_products, dtype=np.bool_) if self.mask is None else self.mask.copy()
        mask[positions] = False
        return Allowed(mask, {**self.filtered_out, name: len(positions)}, self.missing_ids)


EVERYTHING = Allowed(None, {}, ())


def allow(wanted: FilterIn, shelf: Shelf, stock: Mask | None) -> Allowed:
    """Turn a filter into a mask; `exclude_purchased` is left to the ranker, which knows the customer.

    Args:
        wanted: The request's filter.
        shelf: The served model's products.
        stock: (N,) products in stock, None where no inventory is known.

    Raises:
        FieldsInvalid: If only stocked products are wanted and no inventory is known.
    """
    if wanted == FilterIn():  # the common case pays for nothing
        return EVERYTHING
    excluded, missing = shelf.positions(wanted.exclude_product_ids)
    masks = dict(_masks(wanted, shelf, stock))
    mask = np.logical_and.reduce(list(masks.values())) if masks else None
    counts = {name: int(len(shelf) - np.count_nonzero(part)) for name, part in masks.items()}
    return Allowed(mask, counts, missing).without("exclude_product_ids", excluded, len(shelf))


def _masks(wanted: FilterIn, shelf: Shelf, stock: Mask | None) -> Iterator[tuple[str, Mask]]:
    if wanted.departments:
        yield "departments", shelf.departments.mask(wanted.departments)
    if wanted.categories:
        yield "categories", shelf.categories.mask(wanted.categories)
    if wanted.exclude_categories:
        yield "exclude_categories", ~shelf.categories.mask(wanted.exclude_categories)
    if wanted.brands:
        yield "brands", shelf.brands.mask(wanted.brands)
    if wanted.max_price is not None:  # an unknown price is NaN and never within a limit
        yield "max_price", shelf.price_usd <= float(wanted.max_price.amount)
    if wanted.in_stock_only:
        yield "in_stock_only", _known_stock(stock)


def _known_stock(stock: Mask | None) -> Mask:
    if stock is None:
        raise FieldsInvalid(
            errors=[
                FieldError(
                    field="filter.in_stock_only",
                    code="NO_INVENTORY",
                    message="Stock is not known here. Leave this filter out, or ingest an inventory table.",
                )
            ]
        )
    return stock
