"""The catalogue's products as the request path needs them: by id, by property, by name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.ports import Mask, Positions


@dataclass(frozen=True, eq=False)
class Facet:
    """One property of all products, coded so that a filter is a table look-up.

    Args:
        codes: (N,) code of each product's value.
        code_of: Code by value in lower case.
    """

    codes: npt.NDArray[np.int64]
    code_of: Mapping[str, int]

    @classmethod
    def of(cls, values: Iterable[Any]) -> "Facet":
        """Code the values of all products in catalogue order."""
        folded = np.asarray([str(value).casefold() for value in values], dtype=np.str_)
        names, codes = np.unique(folded, return_inverse=True)
        return cls(codes=codes.astype(np.int64), code_of={str(name): code for code, name in enumerate(names)})

    def mask(self, values: Iterable[str]) -> Mask:
        """Mark the products that have one of the values.

        >>> Facet.of(["Dairy", "MEAT", "Dairy"]).mask(["dairy", "unheard of"])
        array([ True, False,  True])
        """
        wanted = np.zeros(len(self.code_of), dtype=np.bool_)
        for value in values:
            code = self.code_of.get(value.casefold())
            if code is not None:
                wanted[code] = True
        return wanted[self.codes]


@dataclass(frozen=True, eq=False)
class Shelf:
    """All products of one model version.

    Args:
        product_ids: Ids in catalogue order.
        index: Position by id.
        names: What to call each product; products have no names of their own, so type and category serve.
        departments: Coded departments.
        categories: Coded categories.
        types: Coded types of products.
        brands: Coded brands.
        price_usd: (N,) last shelf price, NaN where unknown.
        suppliers: Coded classes of suppliers; None for a model that knows none.
    """

    product_ids: tuple[str, ...]
    index: Mapping[str, int]
    names: tuple[str, ...]
    departments: Facet
    categories: Facet
    types: Facet
    brands: Facet
    price_usd: npt.NDArray[np.float64]
    suppliers: Facet | None = None

    @classmethod
    def of(cls, product_ids: Iterable[Any], products: Mapping[str, Sequence[Any] | npt.NDArray[Any]]) -> "Shelf":
        """Prepare the shelf of a catalogue.

        Args:
            product_ids: Ids in catalogue order.
            products: Columns in the same order: department, category, product_type, brand, price_usd; supplier_class
                where there is one.
        """
        ids = tuple(str(product_id) for product_id in product_ids)
        named = zip(products["product_type"], products["category"], products["department"], strict=True)
        return cls(
            product_ids=ids,
            index={product_id: position for position, product_id in enumerate(ids)},
            names=tuple(_name(*texts) for texts in named),
            departments=Facet.of(products["department"]),
            categories=Facet.of(products["category"]),
            types=Facet.of(products["product_type"]),
            brands=Facet.of(products["brand"]),
            price_usd=np.asarray(products["price_usd"], dtype=np.float64),
            suppliers=Facet.of(products["supplier_class"]) if "supplier_class" in products else None,
        )

    def __len__(self) -> int:
        return len(self.product_ids)

    def positions(self, product_ids: Iterable[str]) -> tuple[Positions, tuple[str, ...]]:
        """Find products by id, each once and in the order given; ids the model does not know come second."""
        asked = dict.fromkeys(product_ids)
        found = [self.index[product_id] for product_id in asked if product_id in self.index]
        missing = tuple(product_id for product_id in asked if product_id not in self.index)
        return np.asarray(found, dtype=np.int64), missing


def _name(*texts: Any) -> str:
    """Take the first text that says anything.

    >>> _name("", "FLUID MILK PRODUCTS", "GROCERY")
    'Fluid Milk Products'
    """
    return next((" ".join(str(text).split()).title() for text in texts if text and str(text).strip()), "This Product")
