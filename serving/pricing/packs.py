"""Packs: how much is in one, and which products differ in the size of their pack alone."""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]

# Unit of the text to (dimension, amount in the dimension's own unit): ounces, pieces, square feet, feet.
_UNITS: Final = {
    "OZ": ("oz", 1.0),
    "Z": ("oz", 1.0),
    "LB": ("oz", 16.0),
    "G": ("oz", 0.035274),
    "KG": ("oz", 35.274),
    "ML": ("oz", 0.033814),
    "L": ("oz", 33.814),
    "LTR": ("oz", 33.814),
    "PT": ("oz", 16.0),
    "QT": ("oz", 32.0),
    "GA": ("oz", 128.0),
    "GAL": ("oz", 128.0),
    "CT": ("piece", 1.0),
    "PK": ("piece", 1.0),
    "PC": ("piece", 1.0),
    "DZ": ("piece", 12.0),
    "LOAD": ("load", 1.0),
    "LOADS": ("load", 1.0),
    "LDS": ("load", 1.0),
    "SQ FT": ("square foot", 1.0),
    "FT": ("foot", 1.0),
    "IN": ("inch", 1.0),
}
_SIZE: Final = re.compile(r"(?:(\d+)\s*(?:/|PK|CT)\s*)?(\d*\.?\d+)\s*(?:FL\s+)?(SQ FT|[A-Z]+)\b.*")
_TOLERANCE: Final = 1e-6


def amount_in(package_size: str) -> tuple[str, float] | None:
    """Read a size as printed on a pack; None where it cannot be told.

    Returns:
        Dimension and amount in its unit: ounces of weight or volume, pieces, loads, square feet, feet, inches.

    >>> amount_in("6/12 OZ"), amount_in("2 LTR"), amount_in("LARGE")
    (('oz', 72.0), ('oz', 67.628), None)
    """
    found = _SIZE.fullmatch(" ".join(package_size.upper().split()))
    if found is None or found[3] not in _UNITS:
        return None
    dimension, each = _UNITS[found[3]]
    amount = int(found[1] or 1) * float(found[2]) * each
    return (dimension, amount) if amount > 0 else None


def families(attributes: dict[str, npt.NDArray[Any]], price: Floats) -> tuple[Texts, Floats]:
    """Find products of one maker, brand and type that differ in the size of their pack alone.

    A type often holds lines of different quality. So a family counts only where its prices tell the same story as its
    sizes today: no larger pack cheaper than a smaller one, and no larger pack dearer for its content. Where they do
    not, nobody can say which products belong together, and no ladder holds.

    Args:
        attributes: (N,) brand, manufacturer_id, product_type and package_size of each product.
        price: (N,) current price.

    Returns:
        (N,) key of the family, "" for none, and (N,) amount in one pack, NaN where it cannot be told.
    """
    sizes = [amount_in(str(text)) for text in attributes["package_size"]]
    amount = np.array([size[1] if size else np.nan for size in sizes], dtype=np.float64)
    parts = zip(attributes["manufacturer_id"], attributes["brand"], attributes["product_type"], sizes, strict=True)
    keys = np.array(
        [_key(maker, brand, kind, size) for maker, brand, kind, size in parts],
        dtype=np.str_,
    )
    keys[~np.isfinite(price) | ~np.isfinite(amount)] = ""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.append(True, keys[order][1:] != keys[order][:-1]))
    for members in np.split(order, starts[1:]):
        if len(members) < 2 or not _told_by_size(amount[members], price[members]):
            keys[members] = ""
    return keys, amount


def _key(maker: object, brand: object, kind: object, size: tuple[str, float] | None) -> str:
    return "/".join(map(str, (maker, brand, kind, size[0]))) if maker and kind and size else ""


def _told_by_size(amount: Floats, price: Floats) -> bool:
    order = np.argsort(amount, kind="stable")
    sizes, prices = amount[order], price[order]
    larger = np.diff(sizes) > _TOLERANCE
    dearer = np.diff(prices) >= -_TOLERANCE
    cheaper_content = np.diff(prices / sizes) <= _TOLERANCE
    alike = np.abs(np.diff(prices)) <= _TOLERANCE
    return bool(np.where(larger, dearer & cheaper_content, alike).all())
