"""What privacy costs the demand models; by hand: `python tests/benchmarks/bench_private_demand.py ROOT [--seeds N]`.

ROOT is a storage root with a lake, for instance `var`; nothing is written there, and nothing is released: noise comes
from seeds, so the ledger is not charged and no version can be made of it. At each origin a version is fitted on what
would have been released then, and judged by wQL over both origins, on the products that `evaluate demand` judges:

- `private`: the existing fit on weeks put together from the release, as `train demand --private` does it;
- `structured`: no fit; level x response x 0.3 dispersion read off the same release, to tell what the fit adds;
- `means`: the plain peer, all of epsilon on product sums, their means with a negative binomial around them;
- `not private`: the existing fit on the exact weeks.

Prints JSON rows, or a Markdown table with `--markdown`. `--no-fit` leaves the fits out, which take minutes each.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from configs.demand import DemandSettings, PrivateDemandSettings
from configs.loading import load_settings
from features.store import Store
from privacy.randomness import SeededRandomness
from training.demand.backtest import Origin, frequent_products, origins
from training.demand.elasticity import fit_elasticities
from training.demand.fit import fit_forecaster
from training.demand.forecast import LEVELS
from training.demand.forecaster import Forecaster
from training.demand.metrics import wql
from training.demand.panel import Floats, Panel
from training.demand.panel_reader import read_panel
from training.demand.plan import TRACKS, Plan
from training.demand.private_design import Design, design_of, public_panel, regimes
from training.demand.private_fit import of_categories
from training.demand.private_panel import Reconstruction, drawn_panel, levels_of, telling, with_responses
from training.demand.private_plan import demand_plan
from training.demand.private_release import Sales, read_sums, release_sums
from training.demand.private_sources import listed_products, read_sales
from training.demand.quantiles import negative_binomial_quantiles
from training.demand.sources import DemandSources, day_of, prepare_demand

TEST_WEEKS: Final = 8
STRUCTURED_DISPERSION: Final = 0.3
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Bench:
    """Data and settings of all runs."""

    sources: DemandSources
    shop: Panel
    settings: DemandSettings
    rolling: Sequence[Origin]
    product_ids: npt.NDArray[np.str_]

    @cache  # noqa: B019
    def design(self, place: int) -> tuple[Design, Sales]:
        """The public frame at an origin, and the lines before it."""
        known = public_panel(self.rolling[place].known(self.shop))
        design = design_of(known, self.sources.stores.store_ids, self.settings.private.half_life_weeks)
        return design, read_sales(self.sources.lake, design)

    def rebuilt(self, place: int, private: PrivateDemandSettings, seed: int) -> tuple[Design, Reconstruction]:
        """What a release would have said at an origin."""
        design, sales = self.design(place)
        plan, stream = demand_plan(private), SeededRandomness(1000 * seed + place)
        released = read_sums(release_sums(sales, design, plan.levels, stream), design, plan.levels)
        found = levels_of(released, design)
        if plan.responses is None:
            return design, found
        told = telling(found, design, private.min_telling_units)
        more = read_sums(release_sums(sales.of(told), design, plan.responses, stream), design, plan.responses)
        return design, with_responses(found, released.beside(more), told, design)

    def actual(self, place: int) -> Floats:
        """Units sold after an origin, of the products judged."""
        return self.rolling[place].future(self._judged(self.shop)).units

    def fitted(self, place: int, known: Panel) -> tuple[dict[str, Floats], Forecaster]:
        """Quantiles by track of the existing fit on some weeks."""
        with tempfile.TemporaryDirectory() as folder:
            forecaster = fit_forecaster(known, None, self.settings, Path(folder)).forecaster
        plan = Plan.observed(self.rolling[place].future(self.shop))
        rows = np.searchsorted(known.product_ids, self.product_ids)
        return {track: forecaster.forecast(known, plan, track=track).quantiles[rows] for track in TRACKS}, forecaster

    def read_off(self, place: int, design: Design, found: Reconstruction) -> dict[str, Floats]:
        """Quantiles by track of level x response, without a fit."""
        future = self.rolling[place].future(self.shop)
        rows = np.searchsorted(design.panel.product_ids, self.product_ids)
        flat = np.repeat(found.expected(design)[rows].mean(axis=1)[:, None], len(future.weeks), axis=1)
        responses = found.lift[design.category[rows][:, None], regimes(public_panel(future))[rows]]
        means = {"none": flat, "full": found.level[rows, None] * responses}
        spread = np.full(flat.shape, STRUCTURED_DISPERSION)
        return {track: negative_binomial_quantiles(mean, spread) for track, mean in means.items()}

    def _judged(self, panel: Panel) -> Panel:
        return panel.take(np.searchsorted(panel.product_ids, self.product_ids))


def prepared(root: Path) -> Bench:
    """Read everything once."""
    settings = load_settings("dev", [f"storage.root={root}"])
    sources = prepare_demand(settings.storage, _say)
    shop = read_panel(Store(settings.storage.feast), listed_products(sources.lake))
    cutoff = day_of(shop.weeks[-TEST_WEEKS])
    rolling = origins(shop, cutoff, TEST_WEEKS, settings.demand.horizon_weeks)
    judged = frequent_products(rolling[0].known(shop), settings.demand.evaluation)
    return Bench(sources, shop, settings.demand, rolling, judged)


def measure(bench: Bench, epsilons: Sequence[float], n_seeds: int, *, fit: bool) -> list[Row]:
    """Judge every method; one row for each epsilon, method, track and seed."""
    rows: list[Row] = []
    if fit:
        exact = [bench.fitted(place, origin.known(bench.shop))[0] for place, origin in enumerate(bench.rolling)]
        rows += scored(bench, "not private", None, 0, exact)
    for epsilon in epsilons:
        private = bench.settings.private.model_copy(update={"target_epsilon": epsilon, "min_epsilon_to_fit": 0.0})
        only_means = private.model_copy(update={"min_epsilon_to_fit": 20.5})
        for seed in range(n_seeds):
            _say(f"epsilon {epsilon:g}, seed {seed}")
            found = [bench.rebuilt(place, private, seed) for place in range(len(bench.rolling))]
            plain = [bench.rebuilt(place, only_means, seed) for place in range(len(bench.rolling))]
            rows += scored(bench, "structured", epsilon, seed, [bench.read_off(n, *one) for n, one in enumerate(found)])
            rows += scored(bench, "means", epsilon, seed, [bench.read_off(n, *one) for n, one in enumerate(plain)])
            if fit:
                rows += fitted_rows(bench, epsilon, seed, found, private.dispersion)
    return rows


def fitted_rows(
    bench: Bench, epsilon: float, seed: int, found: Sequence[tuple[Design, Reconstruction]], dispersion: float
) -> list[Row]:
    """Fit on the weeks put together, judge, and tell the elasticities of the first origin."""
    panels = [drawn_panel(one, design, dispersion, bench.settings.seed) for design, one in found]
    rows = scored(
        bench, "private", epsilon, seed, [bench.fitted(place, panel)[0] for place, panel in enumerate(panels)]
    )
    learnt = of_categories(fit_elasticities(panels[0], bench.settings.elasticity), panels[0], bench.settings)
    median = float(np.median(learnt.of(bench.product_ids, np.full(len(bench.product_ids), "")).value))
    return [*rows, {"method": "private", "epsilon": epsilon, "seed": seed, "figure": "elasticity", "value": median}]


def scored(bench: Bench, method: str, epsilon: float | None, seed: int, said: Sequence[dict[str, Floats]]) -> list[Row]:
    """Pool the origins: wQL and coverage of the 80% interval in each track that was answered."""
    actual = np.concatenate([bench.actual(place) for place in range(len(said))])
    rows: list[Row] = []
    for track in said[0]:
        quantiles = np.concatenate([one[track] for one in said])
        inside = (actual >= quantiles[..., 0]) & (actual <= quantiles[..., -1])
        named = {"method": method, "epsilon": epsilon, "seed": seed, "track": track}
        rows.append({**named, "figure": "wql", "value": float(wql(actual, quantiles, LEVELS).value)})
        rows.append({**named, "figure": "coverage_80", "value": float(inside.mean())})
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """Lay out the mean over seeds, with the range."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        key = (row["epsilon"], row["method"], row["figure"], row.get("track", ""))
        found.setdefault(key, []).append(row["value"])
    lines = ["| epsilon | method | figure | track | mean | range | seeds |", "|---|---|---|---|---|---|---|"]
    for (epsilon, method, figure, track), values in found.items():
        low, high = min(values), max(values)
        shown = "–" if epsilon is None else f"{epsilon:g}"
        mean = np.mean(values)
        lines.append(f"| {shown} | {method} | {figure} | {track} | {mean:.4f} | {low:.4f}–{high:.4f} | {len(values)} |")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 3.0, 8.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-fit", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    rows = measure(prepared(asked.root), asked.epsilons, asked.seeds, fit=not asked.no_fit)
    sys.stdout.write((as_markdown(rows) if asked.markdown else json.dumps({"rows": rows}, indent=2)) + "\n")


if __name__ == "__main__":
    main()
