"""Sums of customers that nobody is, released as a version released those of real ones, and held against its claim.

Planted are customers whose sums no other canary of the same release has, of full length in every kind of sums, so that
all that the release may say of one customer it says of each. A release of made-up customers costs nothing, so it is
made as often as it takes to plant all of them. What is found is about code and constants; the numbers in the bundle
are not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import sparse

from features.lake import Lake
from features.store import Store
from privacy.auditing.count_trial import GREED, N_GREEDY, Entries, SumTrial, clipped_rows, try_sums
from privacy.auditing.one_run import Coins
from privacy.auditing.record import Finding
from privacy.auditing.record import Release as Released
from privacy.randomness import Randomness, SystemRandomness
from training.demand.panel import Floats
from training.demand.panel_reader import read_panel
from training.demand.private_bundle import ReleasedWeeks
from training.demand.private_design import N_REGIMES, Design, Ints, design_of, public_panel
from training.demand.private_release import Sales, bounded_sums, release_sums
from training.demand.private_sources import listed_products
from training.demand.private_steps import DemandPlan, Name, Step

_N_LINES: Final = 4  # of a canary, on products of his own as far as there are so many
_FULL: Final = 2.0  # times the longest norm that each of his lines brings
_N_OTHERS: Final = 64  # made-up customers beside the canaries of a release, who buy by chance
_N_LINES_OF_OTHERS: Final = 60
_WEEK: Final = np.timedelta64(7, "D")


class Release(Protocol):
    """What is on trial: `release_sums`, or something that claims to be as good."""

    def __call__(self, sales: Sales, design: Design, step: Step, randomness: Randomness) -> Floats:
        """Add up what customers bought, with noise."""


class Bounded(Protocol):
    """Its sums before the noise: `bounded_sums`, or something that claims to be as bounded."""

    def __call__(self, sales: Sales, design: Design, step: Step) -> Floats:
        """Clip what each customer bought and add it up."""


@dataclass(frozen=True, eq=False)
class PrivateDemand:
    """What a twin is made of: a version's releases and public constants.

    Attributes:
        design: Public frame that the sums were asked in.
        plan: Its releases.
        delta: Of the claim.
        seed: Of what made-up customers buy who are no canaries; public.
    """

    design: Design
    plan: DemandPlan
    delta: float
    seed: int

    @property
    def releases(self) -> tuple[tuple[Released, Step], ...]:
        """The releases by the names of their findings."""
        levels: tuple[tuple[Released, Step], ...] = (("levels", self.plan.levels),)
        return levels if self.plan.responses is None else (*levels, ("responses", self.plan.responses))


def design_beside(released: ReleasedWeeks, lake: Lake, store: Store, half_life_weeks: float) -> Design:
    """Lay out the frame of a version's release again, from the shop's own tables; no sale is read.

    Args:
        released: Its weeks; their dates and stores.
        lake: Names the products.
        store: Holds prices and promotions.
        half_life_weeks: As the version was trained.
    """
    shop = read_panel(store, listed_products(lake)).until(released.weeks[-1] + _WEEK)
    return design_of(public_panel(shop), released.store_ids, half_life_weeks)


def audit_sums(
    version: PrivateDemand,
    *,
    n_canaries: int,
    error: float,
    release: Release = release_sums,
    bounded: Bounded = bounded_sums,
    randomness: Randomness | None = None,
) -> tuple[Finding, ...]:
    """Make every release of a version of made-up customers, and test what comes out.

    Args:
        version: What is claimed.
        n_canaries: How many are planted into each release.
        error: Chance that one test fails the right code.
        release: What is on trial.
        bounded: Its sums before the noise.
        randomness: None is the operating system's. Anything else is for tests.

    Raises:
        CanariesTooFew: If too few canaries are in or out.
    """
    findings: list[Finding] = []
    for name, step in version.releases:
        trial = _Trial(version.design, step, n_canaries, version.seed, release, bounded, randomness)
        findings += try_sums(
            SumTrial(
                rows=trial.rows(),
                others=np.tile(_rows(trial.others, version.design, step).sum(axis=0), len(trial.parts)),
                release=trial.released,
                moved=trial.moved,
                noise_multiplier=step.event.noise_multiplier,
                delta=version.delta,
                error=error,
                name=name,
                kinds=trial.kinds(),
                randomness=randomness,
            )
        )
    return tuple(findings)


class _Trial:
    """One step, released as often as it takes to plant every canary, each into one of the releases."""

    def __init__(
        self,
        design: Design,
        step: Step,
        n_canaries: int,
        seed: int,
        release: Release,
        bounded: Bounded,
        randomness: Randomness | None,
    ) -> None:
        self.design, self.step = design, step
        self._release, self._bounded = release, bounded
        self._randomness = randomness or SystemRandomness()
        places = _places(design, step)
        self.parts: Sequence[Sales] = [
            _canaries(design, step, *(place[: n_canaries - first] for place in places))
            for first in range(0, n_canaries, len(places[0]))
        ]
        self.others = _others(design, step, seed)

    def rows(self) -> sparse.csr_array:
        """Write down what each canary adds to all releases together, one after the other: (m, releases · n)."""
        return sparse.csr_array(sparse.block_diag([_rows(part, self.design, self.step) for part in self.parts]))

    def kinds(self) -> Ints:
        """Tell of which family each sum is."""
        sizes = [self.design.size(family.name) for family in self.step.families]
        return np.tile(np.repeat(np.arange(len(sizes)), sizes), len(self.parts)).astype(np.int64)

    def released(self, coins: Coins) -> Floats:
        """Release the others with the canaries that are in."""
        ends = np.cumsum([_n_customers(part) for part in self.parts])[:-1]
        return np.concatenate(
            [
                self._release(_together(_of(part, inside), self.others), self.design, self.step, self._randomness)
                for part, inside in zip(self.parts, np.split(coins, ends), strict=True)
            ]
        )

    def moved(self) -> float:
        """Let customers bring several times what a canary brings, and take out one at a time."""
        everyone = _together(self.parts[0], self.others)
        greedy = _with_units(everyone, GREED * everyone.units)
        whole = self._bounded(greedy, self.design, self.step)
        numbers = np.unique(greedy.customers)
        tried = np.concatenate([numbers[: N_GREEDY // 2], numbers[-N_GREEDY // 2 :]])  # canaries, and others
        return max(
            float(
                np.linalg.norm(whole - self._bounded(_lines(greedy, greedy.customers != one), self.design, self.step))
            )
            for one in tried
        )


def _places(design: Design, step: Step) -> tuple[Ints, Ints, Ints]:
    """Find places to buy in, each with sums of its own as far as there are so many.

    Returns:
        First product, week and store of each canary of one release.
    """
    n_products, n_weeks, n_stores = len(design.panel), len(design.weeks), len(design.store_ids)
    if any(family.name == "regimes" for family in step.families):
        keys = design.category[:, None] * N_REGIMES + design.regime
        cells = np.unique(keys, return_index=True)[1]
        return cells // n_weeks, cells % n_weeks, np.arange(len(cells)) % n_stores
    places = np.arange(min(n_products, max(n_weeks, n_stores)))
    return places * (n_products // len(places)), places % n_weeks, places % n_stores


def _canaries(design: Design, step: Step, products: Ints, weeks: Ints, stores: Ints) -> Sales:
    """Let each canary buy more than counts, in one week and store; products beside each other are all his own."""
    alone = any(family.name == "regimes" for family in step.families) or len(products) < 2
    n_own = 1 if alone else min(_N_LINES, int(np.diff(products).min()))
    longest = _FULL * max(family.max_norm for family in step.families)
    return Sales(
        customers=np.repeat(np.arange(len(products), dtype=np.int64), _N_LINES),
        products=(products[:, None] + np.arange(_N_LINES) % n_own).ravel(),
        weeks=np.repeat(weeks, _N_LINES),
        stores=np.repeat(stores, _N_LINES),
        units=np.repeat(longest / design.weights[weeks], _N_LINES),
    )


def _others(design: Design, step: Step, seed: int) -> Sales:
    """Let others buy here and there, over all products, weeks and stores; one less than counts, the next one more."""
    rng, n = np.random.default_rng(seed), _N_OTHERS * _N_LINES_OF_OTHERS
    customers = np.repeat(np.arange(_N_OTHERS, dtype=np.int64), _N_LINES_OF_OTHERS)
    longest = max(family.max_norm for family in step.families)
    return Sales(
        customers=customers,
        products=rng.integers(0, len(design.panel), n),
        weeks=rng.integers(0, len(design.weeks), n),
        stores=rng.integers(0, len(design.store_ids), n),
        units=rng.exponential(longest / _N_LINES_OF_OTHERS ** np.where(customers % 2, 0.5, 1.0)),
    )


def _rows(sales: Sales, design: Design, step: Step) -> sparse.csr_array:
    """Write down what each customer adds by the definition of a release, without the release's own code: (m, n)."""
    places: dict[Name, Ints] = {
        "products": sales.products,
        "weeks": sales.weeks,
        "stores": sales.stores,
        "regimes": design.category[sales.products] * N_REGIMES + design.regime[sales.products, sales.weeks],
    }
    parts = []
    for family in step.families:
        faded = design.weights[sales.weeks] if family.name == "products" else 1.0
        entries = Entries(sales.customers, places[family.name], sales.units * faded, _n_customers(sales))
        clipped = clipped_rows(entries, n_columns=design.size(family.name), max_norm=family.max_norm)
        parts.append(clipped * family.share**0.5)
    return sparse.csr_array(sparse.hstack(parts))


def _n_customers(sales: Sales) -> int:
    return int(sales.customers.max(initial=-1)) + 1


def _lines(sales: Sales, kept: Coins) -> Sales:
    return Sales(sales.customers[kept], sales.products[kept], sales.weeks[kept], sales.stores[kept], sales.units[kept])


def _of(sales: Sales, inside: Coins) -> Sales:
    return _lines(sales, inside[sales.customers])


def _with_units(sales: Sales, units: Floats) -> Sales:
    return Sales(sales.customers, sales.products, sales.weeks, sales.stores, units)


def _together(first: Sales, second: Sales) -> Sales:
    return Sales(
        customers=np.concatenate([first.customers, second.customers + _n_customers(first)]),
        products=np.concatenate([first.products, second.products]),
        weeks=np.concatenate([first.weeks, second.weeks]),
        stores=np.concatenate([first.stores, second.stores]),
        units=np.concatenate([first.units, second.units]),
    )
