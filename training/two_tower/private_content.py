"""Frozen product vectors from public product attributes alone; no purchase decides a figure of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import svds

from features.columns import (
    BRAND,
    CATEGORY,
    DEPARTMENT,
    IS_MERCHANDISE,
    LIST_PRICE,
    MANUFACTURER_ID,
    PACKAGE_SIZE,
    PRODUCT_ID,
    PRODUCT_TYPE,
    PRODUCTS,
)
from features.lake import Lake
from training.catalogue import Catalogue
from training.errors import PublicProductsMissing

PUBLIC_FIELDS: Final = (DEPARTMENT, CATEGORY, PRODUCT_TYPE, BRAND, MANUFACTURER_ID, PACKAGE_SIZE)

LEVELS: Final = (  # of which a history says what its owner may try next; one learned scale each
    (CATEGORY,),
    (PRODUCT_TYPE,),
    (CATEGORY, BRAND),
    (MANUFACTURER_ID,),
    (CATEGORY, MANUFACTURER_ID),
    (BRAND,),
)

_WORDS_OF: Final = (CATEGORY, PRODUCT_TYPE)  # written in words that products of several types share
_BETWEEN: Final = "\x1f"  # no text of a product holds it
_SMALLEST: Final = 1e-9  # length below which a vector is rounding
_MIN_PRODUCTS: Final = 2  # an attribute of a single product says nothing of another one

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PublicContent:
    """All that is public of N products.

    Attributes:
        products: Rows of `public_products`.
        vectors: (N, D) from `content_vectors`.
        groups: (N, L) from `content_groups`.
    """

    products: pd.DataFrame
    vectors: Floats
    groups: Ints

    @classmethod
    def of(cls, products: pd.DataFrame, n_dims: int) -> "PublicContent":
        """Work vectors and groups out."""
        return cls(products, content_vectors(products, n_dims), content_groups(products))


def public_products(lake: Lake) -> pd.DataFrame:
    """Read the retailer's product table: merchandise only, ascending by id, texts "" where unknown.

    The table must list what the chain sells, not what somebody bought; then nobody's purchase decides who is in it.

    Returns:
        One row per product: `product_id`, `PUBLIC_FIELDS`, `list_price` (NaN where the retailer gave none).

    Raises:
        PublicProductsMissing: If the table holds no merchandise.
    """
    products = lake.read(PRODUCTS, [PRODUCT_ID, *PUBLIC_FIELDS, LIST_PRICE, IS_MERCHANDISE])
    products = products[products[IS_MERCHANDISE].astype(bool)].drop(columns=IS_MERCHANDISE)
    if products.empty:
        raise PublicProductsMissing(source=lake.manifest.source)
    texts = list(PUBLIC_FIELDS)
    products[texts] = products[texts].astype(object).fillna("").astype(str)
    return products.sort_values(PRODUCT_ID, ignore_index=True)


def public_catalogue(products: pd.DataFrame) -> Catalogue:
    """Give the public products their positions."""
    return Catalogue(products[PRODUCT_ID].to_numpy(dtype=str))


def content_vectors(products: pd.DataFrame, n_dims: int) -> Floats:
    """Embed products by what they are.

    One-hot attributes and the words of category and type, weighted by inverse document frequency over the products
    (not over purchases), rows of length 1, then truncated SVD. Started from a fixed vector and with the signs fixed,
    so that the same table gives the same vectors.

    Args:
        products: Rows of `public_products`.
        n_dims: Length of a vector; columns past the rank of the attributes are 0.

    Returns:
        (N, D) float32, rows of length 1, 0 for a product that shares no attribute with another one.

    Source: Salton and Buckley (1988) for the weights; Deerwester et al. (1990) for the factorisation.
    """
    matrix = _attributes(products)
    vectors = np.zeros((len(products), n_dims))
    rank = min(n_dims, min(matrix.shape) - 1)
    if rank > 0 and matrix.nnz:
        left, strength, right = svds(matrix, k=rank, v0=np.ones(min(matrix.shape)), which="LM")
        order = np.argsort(-strength, kind="stable")
        signs = np.sign(right[order, np.abs(right[order]).argmax(axis=1)])
        vectors[:, :rank] = left[:, order] * strength[order] * signs
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > _SMALLEST).astype(np.float32)
    return unit


def content_groups(products: pd.DataFrame) -> Ints:
    """Tell which group of each level a product is in.

    Args:
        products: Rows of `public_products`.

    Returns:
        (N, L) int64, one column for each of `LEVELS`; the groups of all levels are numbered as one, level after level.
    """
    columns, start = [], 0
    for first, *others in LEVELS:
        names = products[first]
        for field in others:
            names = names + _BETWEEN + products[field]
        codes, known = pd.factorize(names, sort=True)
        columns.append(codes.astype(np.int64) + start)
        start += len(known)
    return np.column_stack(columns)


def _attributes(products: pd.DataFrame) -> sparse.csr_array:
    """Weigh what each product has: (N, A), rows of length 1."""
    rows: list[int] = []
    tokens: list[str] = []
    for row, values in enumerate(products[list(PUBLIC_FIELDS)].itertuples(index=False)):
        named = [*dict.fromkeys(_tokens(dict(zip(PUBLIC_FIELDS, values, strict=True))))]
        rows += [row] * len(named)
        tokens += named
    names, columns = np.unique(np.array(tokens, dtype=object), return_inverse=True)
    n_products = len(products)
    held = np.bincount(columns, minlength=len(names))
    weights = np.where(held >= _MIN_PRODUCTS, np.log(n_products / np.maximum(held, 1)), 0.0)
    held_weights = weights[columns]
    lengths = np.sqrt(np.bincount(rows, held_weights**2, minlength=n_products))
    scaled = held_weights / np.maximum(lengths, 1e-12)[rows]
    matrix = sparse.csr_array(sparse.coo_array((scaled, (rows, columns)), shape=(n_products, len(names))))
    matrix.eliminate_zeros()
    return matrix


def _tokens(values: dict[str, str]) -> Iterator[str]:
    """Name what one product has.

    >>> list(_tokens({"department": "", "category": "COLD CEREAL", "product_type": "", "brand": "Own"}))
    ['category=COLD CEREAL', 'brand=Own', '~COLD', '~CEREAL']
    """
    yield from (f"{field}={value}" for field, value in values.items() if value)
    for field in _WORDS_OF:
        yield from (f"~{word}" for word in values[field].replace("/", " ").replace("-", " ").split())
