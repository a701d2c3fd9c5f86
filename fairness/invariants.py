"""What must hold exactly, whatever the statistics say; no waiver lifts it."""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import pandas as pd

from fairness.measures import Contrast, Definition, Measure, Surface, Verdict
from features.columns import DEMOGRAPHICS, PRODUCT_ID

Lineage = Mapping[str, Mapping[str, Collection[tuple[str, str]]]]  # view, feature, (table of the lake, column)

PERMUTATION: Final = Definition(
    surface="prices",
    measure="suggested_price_permutation",
    title="Prices when customers trade places",
    meaning=(
        "Every purchase is given to another customer at random and all prices are made anew, from the lake to the "
        "suggestion. The figure is the largest move of any price. It says that who buys cannot move a price; it does "
        "not say that a price suits everybody."
    ),
    unit="USD",
    ideal=0.0,
    kind="difference",
    reference="ideal",
    source="Counterfactual invariance under permutation of the protected input; Kusner et al. (2017), by analogy",
)
LINEAGE: Final = Definition(
    surface="proxies",
    measure="sensitive_columns_in_features",
    title="Sensitive attributes behind the features",
    meaning=(
        "Each feature is followed through its own expression down to the columns it is computed from. The figure "
        "counts sensitive columns among them. What can stand in for an attribute is for"
        " the proxy measures."
    ),
    unit="columns",
    ideal=0.0,
    kind="difference",
    reference="ideal",
    source="Column lineage of the feature expressions",
)
IDENTITY: Final = Definition(
    surface="proxies",
    measure="audited_bundle",
    title="The audit looked at this very bundle",
    meaning="Every file's digest was checked before the audit began and again when it ended; differences are counted.",
    unit="differences",
    ideal=0.0,
    kind="difference",
    reference="ideal",
    source="SHA-256 of the bundle's manifest and files",
)
DEFINITIONS: Final = (PERMUTATION, LINEAGE, IDENTITY)


def permutation_invariant(recorded: pd.DataFrame, permuted: pd.DataFrame) -> Measure:
    """Compare all suggestions before and after customers traded places.

    Args:
        recorded: product_id and any further columns of the answer, one row a product.
        permuted: The same after the permutation.

    Returns:
        PASS only when both hold the same products and every value of every column is exactly equal; INSUFFICIENT when
        there was nothing to compare.
    """
    ours, theirs = (rows.sort_values(PRODUCT_ID, ignore_index=True) for rows in (recorded, permuted))
    if ours["suggested_price"].isna().all() and theirs["suggested_price"].isna().all():
        note = f"None of {len(ours):,} products got a price, so none could move. See why, and audit again."
        return _invariant(PERMUTATION, None, note, "INSUFFICIENT")
    if list(ours[PRODUCT_ID]) != list(theirs[PRODUCT_ID]) or list(ours.columns) != list(theirs.columns):
        note = f"{len(ours):,} products before and {len(theirs):,} after, not the same: customers decide who is priced."
        return _invariant(PERMUTATION, None, note, "FAIL")
    moved = (ours["suggested_price"].astype(float) - theirs["suggested_price"].astype(float)).abs()
    n_changed = int((ours.astype(str) != theirs.astype(str)).any(axis=1).sum())
    largest = float(np.nanmax(moved.to_numpy(), initial=0.0))
    note = f"{len(ours):,} products compared, {n_changed:,} with any difference; the largest move is {largest:.2f} USD."
    return _invariant(PERMUTATION, largest, note, "FAIL" if n_changed or largest > 0 else "PASS")


def lineage_invariant(
    lineages: Mapping[str, Lineage],
    sensitive: Collection[str],
    price_services: Collection[str],
    personal: Mapping[str, Collection[str]],
) -> Measure:
    """Look for sensitive columns behind every feature service, and for any personal column behind those of prices.

    Args:
        lineages: Lineage by service, from `features.lineage.service_lineage`.
        sensitive: Names of the sensitive attributes, as the demographics table has them.
        price_services: Services that prices are made from, where no column about a person may enter.
        personal: Personal columns (`table.column`) by service, from the lineage.
    """
    named = {name.lower() for name in sensitive}
    found = [
        f"{service}.{view}.{feature} from {table}.{column}"
        for service, views in lineages.items()
        for view, features in views.items()
        for feature, columns in features.items()
        for table, column in columns
        if table == DEMOGRAPHICS or column.lower() in named
    ]
    found += [f"{service} from {column}" for service in price_services for column in personal[service]]
    n_features = sum(len(features) for views in lineages.values() for features in views.values())
    if not n_features:
        note = "No feature service was traced, so nothing is known. Name the services of the model, and audit again."
        return _invariant(LINEAGE, None, note, "INSUFFICIENT")
    said = f" Found: {'; '.join(sorted(found)[:5])}." if found else ""
    note = f"{n_features} features of {', '.join(sorted(lineages))} followed to their columns.{said}"
    return _invariant(LINEAGE, float(len(found)), note, "FAIL" if found else "PASS")


def identity_invariant(surface: Surface, expected: str, found: str) -> Measure:
    """Compare the digest of the bundle when the audit began with that at its end."""
    same = expected == found
    changed = f" was {found[:12]} when the audit ended. Audit it again, undisturbed."
    note = f"Bundle {expected[:12]}" + ("." if same else changed)
    measure = _invariant(IDENTITY, 0.0 if same else 1.0, note, "PASS" if same else "FAIL")
    return measure.model_copy(update={"surface": surface})


def _invariant(definition: Definition, value: float | None, note: str, verdict: Verdict) -> Measure:
    contrast = Contrast(
        kind=definition.kind,
        worst_group=None,
        best_group=None,
        value=value,
        interval_95=None,
        p_value=None,
        minimum_detectable=None,
    )
    return Measure(
        surface=definition.surface,
        measure=definition.measure,
        attribute=None,
        family="invariant",
        unit=definition.unit,
        ideal=definition.ideal,
        groups=(),
        contrast=contrast,
        margin=0.0,
        verdict=verdict,
        note=note,
    )
