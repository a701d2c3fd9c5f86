"""What products are, as codes from 0 that mean something within one moment alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]

TYPE: Final = "product_type"
MAKER: Final = "manufacturer_id"
LINE: Final = "line"  # one maker's products of one type
GROUPS: Final = (TYPE, "category", MAKER, LINE, "department")


@dataclass(frozen=True, eq=False)
class Content:
    """Codes of N products.

    Attributes:
        codes: Per group of `GROUPS`, (N,) int64 codes from 0.
        private_label: (N,) 1 for the retailer's own brand, 0 for others.
    """

    codes: Mapping[str, Ints]
    private_label: npt.NDArray[np.float64]

    def n_codes(self, group: str) -> int:
        """Count the codes of a group."""
        return self._n_codes[group]

    @cached_property
    def _n_codes(self) -> Mapping[str, int]:
        return {group: int(codes.max(initial=-1)) + 1 for group, codes in self.codes.items()}


def read_content(products: pa.Table, *, private_brand: str) -> Content:
    """Encode (N,) rows of a product table; a null is a value of its own."""
    codes = {group: _encoded(products[group]) for group in GROUPS if group != LINE}
    maker_of_type = codes[TYPE] * (int(codes[MAKER].max(initial=0)) + 1) + codes[MAKER]
    codes[LINE] = np.unique(maker_of_type, return_inverse=True)[1].astype(np.int64)
    brands = products["brand"].to_pylist()
    return Content(codes, np.array([brand == private_brand for brand in brands], dtype=np.float64))


def _encoded(column: pa.ChunkedArray) -> Ints:
    values = np.array([value or "" for value in column.to_pylist()], dtype=str)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)
