"""Elasticities: how units answer to the price, with how sure that is and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import log_ndtr, ndtri_exp

from training.artifact import Bundle
from training.demand.panel import Floats

Texts = npt.NDArray[np.str_]
Level = Literal["product", "category", "chain"]

PRODUCTS: Final = "elasticities"
LEVELS_ABOVE: Final = "elasticity_levels"


@dataclass(frozen=True, eq=False)
class Elasticities:
    """Own-price elasticities of N products: a normal posterior cut off at 0.

    Attributes:
        product_ids: (N,) str, ascending.
        location: (N,) mean of the normal before it is cut off at 0.
        scale: (N,) its standard deviation, above 0.
        sources: (N,) the level that tells most: product, category or chain.
        identified: (N,) whether the product's own price moved enough to say anything about it.
        categories: (C,) str, ascending; what a new product of a category is expected to be.
        category_location: (C,) as `location`, for such a product.
        category_scale: (C,) as `scale`.
        chain_location: As `location`, for a new product of an unknown category.
        chain_scale: As `scale`.
    """

    product_ids: npt.NDArray[np.str_]
    location: Floats
    scale: Floats
    sources: npt.NDArray[np.str_]
    identified: npt.NDArray[np.bool_]
    categories: npt.NDArray[np.str_]
    category_location: Floats
    category_scale: Floats
    chain_location: float
    chain_scale: float

    def __len__(self) -> int:
        return len(self.product_ids)

    @property
    def value(self) -> Floats:
        """(N,) the posterior mean, below 0: change of log units per change of the log paid price.

        Source: mean of a normal cut off above, Johnson, Kotz and Balakrishnan (1994), section 13.10.1.
        """
        edge = -self.location / self.scale
        ratio = np.exp(-0.5 * edge**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(edge))
        mean: Floats = np.minimum(self.location - self.scale * ratio, -np.finfo(float).tiny)
        return mean

    def quantile(self, level: float) -> Floats:
        """(N,) the elasticity that lies above a share of the posterior; `level` strictly between 0 and 1."""
        return self._at(np.full(len(self), level))

    def interval(self, coverage: float) -> tuple[Floats, Floats]:
        """Bound the elasticities so that each lies inside with this probability, tails alike.

        Args:
            coverage: Strictly between 0 and 1.

        Returns:
            (N,) lower and (N,) upper bounds, both below 0.
        """
        return self.quantile((1 - coverage) / 2), self.quantile((1 + coverage) / 2)

    def draws(self, n: int, seed: int) -> Floats:
        """Draw n elasticities of each product from its posterior; (n, N), all below 0."""
        levels = np.random.default_rng(seed).uniform(size=(n, len(self)))
        return self._at(levels)

    def of(self, product_ids: Sequence[str] | Texts, categories: Sequence[str] | Texts) -> "Elasticities":
        """Give the elasticities of products, known or not, in the order asked.

        A product that the fit did not see gets what its category expects of a new product, else what the chain does.

        Args:
            product_ids: Any ids, in any order.
            categories: The category of each; "" when unknown.
        """
        asked = np.asarray(product_ids, dtype=np.str_)
        own, known = _find(self.product_ids, asked)
        at, placed = _find(self.categories, np.asarray(categories, dtype=np.str_))
        choices = [known, placed]
        locations = [_pick(self.location, own), _pick(self.category_location, at)]
        scales = [_pick(self.scale, own), _pick(self.category_scale, at)]
        return Elasticities(
            product_ids=asked,
            location=np.select(choices, locations, self.chain_location),
            scale=np.select(choices, scales, self.chain_scale),
            sources=np.select(choices, [_pick(self.sources, own), np.full(len(asked), "category")], "chain"),
            identified=known & _pick(self.identified, own),
            categories=self.categories,
            category_location=self.category_location,
            category_scale=self.category_scale,
            chain_location=self.chain_location,
            chain_scale=self.chain_scale,
        )

    def table(self) -> pa.Table:
        """Lay out the file contract: value, 80% and 90% intervals, and the level each comes from."""
        low_80, high_80 = self.interval(0.8)
        low_90, high_90 = self.interval(0.9)
        columns = {
            "product_id": pa.array(self.product_ids.tolist(), pa.string()),
            "value": self.value,
            "low_80": low_80,
            "high_80": high_80,
            "low_90": low_90,
            "high_90": high_90,
            "source": pa.array(self.sources.tolist(), pa.string()),
        }
        return pa.table(columns)

    def bundle_parts(self) -> dict[str, pa.Table]:
        """Lay out the frames that `load` reads back from a bundle."""
        products = {
            "product_id": pa.array(self.product_ids.tolist(), pa.string()),
            "location": self.location,
            "scale": self.scale,
            "source": pa.array(self.sources.tolist(), pa.string()),
            "identified": self.identified,
        }
        above = {
            "category": pa.array([*self.categories.tolist(), None], pa.string()),  # the last row is the chain
            "location": np.append(self.category_location, self.chain_location),
            "scale": np.append(self.category_scale, self.chain_scale),
        }
        return {PRODUCTS: pa.table(products), LEVELS_ABOVE: pa.table(above)}

    @classmethod
    def load(cls, bundle: Bundle) -> "Elasticities":
        """Read back what `bundle_parts` wrote.

        Raises:
            BundleItemUnknown: If the bundle holds no elasticities.
            BundleDamaged: If they cannot be read.
        """
        return cls.from_frames({name: bundle.frame(name) for name in (PRODUCTS, LEVELS_ABOVE)})

    @classmethod
    def from_frames(cls, frames: Mapping[str, pa.Table]) -> "Elasticities":
        """Read back the frames of `bundle_parts`."""
        products, above = frames[PRODUCTS], frames[LEVELS_ABOVE]
        location, scale = _numbers(above, "location"), _numbers(above, "scale")
        return cls(
            product_ids=_texts(products["product_id"]),
            location=_numbers(products, "location"),
            scale=_numbers(products, "scale"),
            sources=_texts(products["source"]),
            identified=products["identified"].to_numpy(zero_copy_only=False).astype(bool),
            categories=_texts(above["category"][:-1]),
            category_location=location[:-1],
            category_scale=scale[:-1],
            chain_location=float(location[-1]),
            chain_scale=float(scale[-1]),
        )

    def _at(self, levels: Floats) -> Floats:
        """Invert the posterior's distribution function, in logs so that far tails stay exact."""
        inside = log_ndtr(-self.location / self.scale)  # log of what lies below 0
        found = self.location + self.scale * ndtri_exp(np.log(np.maximum(levels, np.finfo(float).tiny)) + inside)
        below: Floats = np.minimum(found, -np.finfo(float).tiny)
        return below


def _find(known: Texts, asked: Texts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Positions of texts in ascending texts (0 where missing), and which were found."""
    if not len(known):
        return np.zeros(len(asked), dtype=np.int64), np.zeros(len(asked), dtype=bool)
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1).astype(np.int64)
    found = known[at] == asked
    return np.where(found, at, 0), found


def _pick(values: npt.NDArray[Any], positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return values[positions] if len(values) else np.zeros(len(positions), dtype=values.dtype)


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    return np.array(column.to_pylist(), dtype=np.str_)


def _numbers(frame: pa.Table, name: str) -> Floats:
    numbers: Floats = frame[name].to_numpy().astype(np.float64)
    return numbers
