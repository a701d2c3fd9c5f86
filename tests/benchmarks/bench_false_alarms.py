"""How often chance is taken for harm; by hand: `python tests/benchmarks/bench_false_alarms.py ROOT [--relabelings N]`.

ROOT is a storage root with a lake and sealed demographics, for instance `var`; nothing is written there. Each
relabeling deals the demographics out to all customers at random, all attributes of a customer together, so that no
group differs from another and every alarm is false. Prints the JSON rows of `fairshelf bench --json`: how often a
family of measures raises an alarm (some p-value, adjusted by Holm, below alpha) and how often a measure FAILs, with
customers resampled, and with rows resampled beside it. The families:

- recommender: `ndcg_at_10_all`, of lists of each customer's ten most frequent products before the last four weeks;
- demand: `shelf_surcharge`, `suggested_price_change` for made-up suggestions, and with `--scan` `surcharged_products`;
- discounts: `discount_depth` and `paid_over_shelf`, with four fifths as margin, as if they were registered.

The rows' bootstrap is given by its normal limit, which at these numbers of rows is the same; without it, 2,000 draws of
a million rows would be needed for each relabeling.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.loading import load_settings
from configs.settings import Settings
from fairness.bootstrap import GroupDraws, Resampling, Tally
from fairness.demographics import AUDIT_ROLE, read_demographics
from fairness.groups import Grouping, grouping_of
from fairness.measures import Definition, Measure
from fairness.policy import Policy
from fairness.price_definitions import SHELF_SURCHARGE, SUGGESTED_PRICE_CHANGE, SURCHARGED_PRODUCTS
from fairness.price_metrics import Comparisons, Lines, compare_prices
from fairness.prices import lines_of, read_sales
from fairness.surcharge_verdicts import judge_scan
from fairness.verdict import adjust, judge
from features.columns import CUSTOMER_ID
from features.ingest import SEALED_DEMOGRAPHICS
from features.lake import Lake
from privacy.audit_log import AuditLog
from privacy.sealed import PRIVATE_KEY

K: Final = 10
TEST_WEEKS: Final = 4
NDCG: Final = Definition("recommendations", "ndcg_at_10_all", "", "", "NDCG", 1.0, "ratio", "")
DEPTH: Final = Definition("prices", "discount_depth", "", "", "share", 1.0, "ratio", "")
PAID: Final = Definition("prices", "paid_over_shelf", "", "", "share", 1.0, "ratio", "", more_is_better=False)

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Figure:
    """One measure: sums by customer, and the sums of squares and products of its rows."""

    definition: Definition
    policy: Policy
    tally: Tally
    squares: tuple[Floats, Floats, Floats]  # of the rows by customer: numerator squared, both, denominator squared


def main() -> None:
    """Deal the labels out, judge, count, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split(";")[0])
    parser.add_argument("root", type=Path, help="storage root that holds a lake and sealed demographics")
    parser.add_argument("--relabelings", type=int, default=500)
    parser.add_argument("--scan", action="store_true", help="scan for surcharged products too; slow")
    arguments = parser.parse_args()
    settings = load_settings("dev", [f"storage.root={arguments.root}"])
    start = time.monotonic()
    rows = _measured(settings, arguments.relabelings, scan=arguments.scan)
    rows.append(_row("all of it", "time", round(time.monotonic() - start, 1), "s"))
    rows.append(_row("all of it", "peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB"))
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "pandas")}
    json.dump({"rows": rows, "machine": machine, "versions": versions}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _measured(settings: Settings, n_relabelings: int, *, scan: bool) -> list[Row]:
    sales = read_sales(Lake.open(settings.storage.lake))
    ids = sorted(map(str, sales[CUSTOMER_ID].unique()))
    lines, products, _ = lines_of(sales, ids)
    compared = compare_prices(lines, lines.shelf)
    recommender, demand = (Policy(settings.fairness, name) for name in ("two-tower", "demand"))
    families = {
        "recommender": [_ndcg(lines, len(ids), recommender)],
        "demand": [_surcharge(compared, len(ids), demand), _suggestions(lines, len(ids), demand)],
        "discounts": [
            _of_lines(DEPTH, demand, lines, lines.discount, len(ids)),
            _of_lines(PAID, demand, lines, lines.out_of_pocket, len(ids)),
        ],
    }
    scanned = _scanner(compared, products, demand) if scan else None
    true = [
        grouping_of(_demographics(settings), ids, attribute, settings.fairness.statistics)
        for attribute in settings.fairness.attributes
    ]
    rng = np.random.default_rng(settings.fairness.statistics.seed)
    found: dict[tuple[str, str], list[tuple[bool, bool]]] = {}
    for done in range(n_relabelings):
        dealt = rng.permutation(len(ids))
        groupings = [Grouping(one.attribute, one.labels, one.codes[dealt]) for one in true]
        for family, figures in families.items():
            extra = [scanned(where) for where in groupings] if scanned and family == "demand" else []
            for way, measures in _both_ways(figures, groupings):
                found.setdefault((family, way), []).append(_alarms([*measures, *extra], settings))
        if done % 10 == 0:
            sys.stderr.write(f"\r{done} of {n_relabelings} relabelings")
    return [row for (family, way), alarms in found.items() for row in _rates(f"{family} family, {way}", alarms)]


def _demographics(settings: Settings) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        return read_demographics(
            settings.storage.audit / SEALED_DEMOGRAPHICS,
            settings.storage.keys / PRIVATE_KEY,
            AuditLog(Path(folder) / "log.jsonl"),
            role=AUDIT_ROLE,
            reason="benchmark of false alarms",
        )


def _figure(
    definition: Definition,
    policy: Policy,
    customer: npt.NDArray[np.int64],
    numerator: Floats,
    denominator: Floats,
    n_customers: int,
) -> Figure:
    def summed(values: Floats) -> Floats:
        return np.bincount(customer, values, n_customers).astype(np.float64)

    events = np.bincount(customer, minlength=n_customers).astype(np.float64)
    tally = Tally(summed(numerator), summed(denominator), events, events > 0)
    squares = summed(numerator**2), summed(numerator * denominator), summed(denominator**2)
    return Figure(definition, policy, tally, squares)


def _of_lines(definition: Definition, policy: Policy, lines: Lines, amount: Floats, n_customers: int) -> Figure:
    return _figure(definition, policy, lines.customer, amount, lines.shelf, n_customers)


def _surcharge(compared: Comparisons, n_customers: int, policy: Policy) -> Figure:
    weights = compared.charged_others
    return _figure(SHELF_SURCHARGE, policy, compared.customer, compared.excess, weights, n_customers)


def _suggestions(lines: Lines, n_customers: int, policy: Policy) -> Figure:
    """Suggested prices that lie up to a tenth above or below today's, drawn once, the same for everybody."""
    changes = np.random.default_rng(1).uniform(0.9, 1.1, int(lines.product.max()) + 1)
    suggested = lines.shelf * changes[lines.product]
    return _figure(SUGGESTED_PRICE_CHANGE, policy, lines.customer, suggested, lines.shelf, n_customers)


def _ndcg(lines: Lines, n_customers: int, policy: Policy) -> Figure:
    """One row for each place of each list: what a hit there adds to the customer's NDCG."""
    recent = lines.week > lines.week.max() - TEST_WEEKS
    pairs = pd.DataFrame({"customer": lines.customer, "product": lines.product})
    often = pairs[~recent].value_counts().rename("n").reset_index()
    often = often.sort_values(["customer", "n", "product"], ascending=[True, False, True])
    often["place"] = often.groupby("customer").cumcount()
    bought = pairs[recent].drop_duplicates().assign(hit=1.0)
    listed = often[often["place"] < K].merge(bought, "left", on=["customer", "product"]).fillna({"hit": 0.0})
    n_bought = np.bincount(bought["customer"], minlength=n_customers)
    listed = listed[n_bought[listed["customer"]] > 0]
    best = np.cumsum(1 / np.log2(np.arange(2, K + 2)))[np.clip(n_bought, 1, K) - 1]
    gain = listed["hit"] / np.log2(listed["place"] + 2) / best[listed["customer"]]
    shown = listed.groupby("customer")["place"].transform("size")
    customer = listed["customer"].to_numpy(np.int64)
    return _figure(NDCG, policy, customer, gain.to_numpy(np.float64), (1 / shown).to_numpy(np.float64), n_customers)


def _scanner(compared: Comparisons, products: Sequence[str], policy: Policy) -> Callable[[Grouping], Measure]:
    return lambda where: judge_scan(SURCHARGED_PRODUCTS, compared, compared.product, products, where, policy)


def _both_ways(figures: Sequence[Figure], groupings: Sequence[Grouping]) -> list[tuple[str, list[Measure]]]:
    by_customer, by_row = [], []
    for where in groupings:
        statistics = figures[0].policy.statistics
        resampling = Resampling(where, n_draws=statistics.n_draws, seed=statistics.seed)
        for figure in figures:
            drawn = resampling.draws(figure.tally)
            by_customer.append(_judged(figure, drawn, where))
            by_row.append(_judged(figure, _of_rows(figure, drawn, where), where))
    return [("customers resampled", by_customer), ("rows resampled", by_row)]


def _of_rows(figure: Figure, drawn: GroupDraws, where: Grouping) -> GroupDraws:
    """Draws of a bootstrap of rows: the figure, and a standard error by the delta method over rows."""

    def summed(values: Floats) -> Floats:
        return np.bincount(where.codes, values, len(where.labels)).astype(np.float64)

    top, cross, bottom = (summed(part) for part in figure.squares)
    variance = (top - 2 * drawn.values * cross + drawn.values**2 * bottom) / summed(figure.tally.denominator) ** 2
    noise = np.random.default_rng(1).standard_normal(drawn.draws.shape)
    draws = drawn.values[:, None] + np.sqrt(np.maximum(variance, 0))[:, None] * noise
    return GroupDraws(drawn.labels, drawn.n, drawn.events, drawn.values, draws)


def _judged(figure: Figure, drawn: GroupDraws, where: Grouping) -> Measure:
    return judge(
        figure.definition,
        drawn,
        attribute=where.attribute,
        family="primary",
        margin=figure.policy.margin(figure.definition, where.attribute),
        statistics=figure.policy.statistics,
        grouping=where,
    )


def _alarms(measures: Sequence[Measure], settings: Settings) -> tuple[bool, bool]:
    """Whether some adjusted p-value is below alpha, and whether some measure FAILs."""
    alpha = settings.fairness.statistics.alpha
    adjusted = adjust(measures, alpha)
    p_values = [measure.contrast.p_adjusted for measure in adjusted if measure.contrast is not None]
    return any(p is not None and p < alpha for p in p_values), any(m.verdict == "FAIL" for m in adjusted)


def _rates(name: str, alarms: Sequence[tuple[bool, bool]]) -> list[Row]:
    rows = []
    for place, figure in enumerate(("false alarms", "false FAIL verdicts")):
        n = len(alarms)
        share = sum(alarm[place] for alarm in alarms) / n
        centre, half = share + 1.92 / n, 1.96 * np.sqrt(share * (1 - share) / n + 0.96 / n**2)  # Wilson
        interval = [round(max(0.0, float((centre + side * half) / (1 + 3.84 / n))), 4) for side in (-1, 1)]
        rows.append(_row(name, f"{figure}, {n} relabelings", round(share, 4), "share") | {"interval_95": interval})
    return rows


def _row(name: str, figure: str, value: float, unit: str) -> Row:
    return {"name": name, "figure": figure, "value": value, "unit": unit}


if __name__ == "__main__":
    main()
