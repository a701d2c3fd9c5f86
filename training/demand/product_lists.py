"""Lists of products, and of products at stores, that a person hands over in a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.columns import PRODUCT_ID, STORE_ID
from training.demand.errors import ListedUnknown, ProductListUnreadable

_N_EXAMPLES: Final = 5


@dataclass(frozen=True, eq=False)
class ProductList:
    """What a file asks for, each series once.

    Attributes:
        path: Where it was read.
        product_ids: (N,) products asked for chain-wide, ascending.
        pairs: Columns product_id and store_id, ascending; products asked for at a store.
    """

    path: Path
    product_ids: npt.NDArray[np.str_]
    pairs: pd.DataFrame

    @property
    def all_product_ids(self) -> npt.NDArray[np.str_]:
        """Every product named, ascending."""
        return np.unique(np.concatenate([self.product_ids, self.pairs[PRODUCT_ID].to_numpy(dtype=str)]))

    def require_known(self, product_ids: Collection[str], store_ids: Collection[str] | None = None) -> None:
        """Refuse ids that the lake has never heard of; products it lists but never sold pass.

        Args:
            product_ids: Every product of the lake.
            store_ids: Every store of the lake; None where stores are of no concern.

        Raises:
            ListedUnknown: If the list names any other.
        """
        self._require("product", self.all_product_ids, product_ids)
        if store_ids is not None:
            self._require("store", np.unique(self.pairs[STORE_ID].to_numpy(dtype=str)), store_ids)

    def _require(self, what: str, listed: npt.NDArray[np.str_], known: Collection[str]) -> None:
        unknown = listed[~np.isin(listed, np.asarray(list(known), dtype=str))]
        if len(unknown):
            raise ListedUnknown(
                what=what,
                path=self.path,
                examples=unknown[:_N_EXAMPLES].tolist(),
                n_unknown=len(unknown),
                n_listed=len(listed),
            )


def read_products(path: Path) -> ProductList:
    """Read a list of products: CSV or Parquet, column product_id and optionally store_id; an empty store is the chain.

    Ids are text: `0042` stays `0042` in a CSV. Other columns are ignored, rows named twice count once.

    Raises:
        ProductListUnreadable: If the file cannot be read, lacks product_id, holds no row, or a row without a product.
    """
    rows = _read(path)
    if PRODUCT_ID not in rows.columns:
        raise ProductListUnreadable(path=path, problem=f"it has no column product_id but {_few(list(rows.columns))}")
    products = _texts(rows[PRODUCT_ID])
    stores = _texts(rows[STORE_ID]) if STORE_ID in rows.columns else pd.Series("", index=rows.index)
    if rows.empty:
        raise ProductListUnreadable(path=path, problem="it holds no rows")
    if (products == "").any():
        row = int(np.flatnonzero(products == "")[0]) + 1
        raise ProductListUnreadable(path=path, problem=f"row {row} of the list has no product_id")
    pairs = pd.DataFrame({PRODUCT_ID: products, STORE_ID: stores})[stores != ""]
    return ProductList(
        path=path,
        product_ids=np.unique(products[stores == ""].to_numpy(dtype=str)),
        pairs=pairs.drop_duplicates().sort_values([PRODUCT_ID, STORE_ID], ignore_index=True),
    )


def _read(path: Path) -> pd.DataFrame:
    """Read the file by its ending, every CSV cell as text."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except FileNotFoundError:
        raise ProductListUnreadable(path=path, problem="there is no such file") from None
    except (OSError, ValueError, pa.ArrowException) as failure:  # pandas' parser errors are ValueErrors
        problem = str(failure).strip().splitlines()[0].rstrip(".")
        raise ProductListUnreadable(path=path, problem=f"it is neither CSV nor Parquet ({problem})") from None


def _texts(column: pd.Series) -> pd.Series:
    """Spell ids as text, "" where there is none; whole numbers without a decimal point."""
    known = column.notna()
    if pd.api.types.is_float_dtype(column) and (column[known] % 1 == 0).all():
        column = column.astype("Int64")  # ids of an integer column with gaps
    return column.astype("string").fillna("").str.strip().astype(object)


def _few(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_N_EXAMPLES])) or "none at all"
