"""The release: sums of sales to which no customer adds more than a bound, with noise on every one.

Promise: adding or removing all records of one customer moves the vector by at most 1 in L2 norm before the noise, so
that the accountant's figure for one Gaussian release holds for it and for everything worked out from it.

Not covered: the frame the sums are asked in (products, prices, promotions, weeks, stores), which must be public.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from privacy.randomness import Randomness
from training.demand.panel import Flags, Floats
from training.demand.private_design import N_REGIMES, Design, Ints
from training.demand.private_steps import Family, Name, Step


@dataclass(frozen=True, eq=False)
class Sales:
    """T lines of sales before a cut-off; never leaves the run.

    Attributes:
        customers: (T,) whose; any whole numbers from 0.
        products: (T,) position among the design's products.
        weeks: (T,) position among its weeks.
        stores: (T,) position among its stores.
        units: (T,) sold, above 0.
    """

    customers: Ints
    products: Ints
    weeks: Ints
    stores: Ints
    units: Floats

    def of(self, products: Flags) -> "Sales":
        """Keep the lines of some products: (P,) flags."""
        kept = products[self.products]
        return Sales(
            customers=self.customers[kept],
            products=self.products[kept],
            weeks=self.weeks[kept],
            stores=self.stores[kept],
            units=self.units[kept],
        )


@dataclass(frozen=True, eq=False)
class ReleasedSums:
    """What one or more releases said, in units again.

    Attributes:
        sums: (n,) by family, noisy; may be below 0. What customers bought beyond their bound is missing.
        noise_std: Standard deviation of the noise on each sum of a family.
    """

    sums: dict[Name, Floats]
    noise_std: dict[Name, float]

    def beside(self, more: "ReleasedSums") -> "ReleasedSums":
        """Add the families of another release."""
        return ReleasedSums(self.sums | more.sums, self.noise_std | more.noise_std)


def bounded_sums(sales: Sales, design: Design, step: Step) -> Floats:
    """Add up what customers contribute, before the noise. Not private by itself.

    Returns:
        (n,) families one after the other, which all records of one customer change by at most 1 in L2 norm.
    """
    return np.concatenate([_family(sales, design, family) for family in step.families])


def release_sums(sales: Sales, design: Design, step: Step, randomness: Randomness) -> Floats:
    """Release the sums of a step: (n,), each with noise of its event's standard deviation.

    Args:
        sales: Lines before the cut-off; which products' may depend on earlier releases, on nothing else.
        design: Public frame.
        step: Bounds, shares and noise.
        randomness: Of the noise.

    Source: Dwork and Roth (2014), theorem A.1; bounded contribution after Wilson et al. (2020).
    """
    sums = bounded_sums(sales, design, step)
    return sums + step.event.noise_multiplier * randomness.gaussian(len(sums))


def read_sums(values: Floats, design: Design, step: Step) -> ReleasedSums:
    """Turn a released vector into units, family by family."""
    ends = np.cumsum([design.size(family.name) for family in step.families])[:-1]
    parts = np.split(values, ends)
    noise = step.event.noise_multiplier
    return ReleasedSums(
        sums={family.name: part * family.scale for family, part in zip(step.families, parts, strict=True)},
        noise_std={family.name: noise * family.scale for family in step.families},
    )


def _family(sales: Sales, design: Design, family: Family) -> Floats:
    """Add up one family's contributions, each customer's clipped to its norm: (n,) over the family's scale."""
    keys, units = _asked(sales, design, family.name)
    shape = (int(sales.customers.max(initial=-1)) + 1, design.size(family.name))
    each = sparse.csr_array((units, (sales.customers, keys)), shape=shape)  # lines of one sum are added up
    norms = np.sqrt(np.asarray(each.multiply(each).sum(axis=1)).ravel())
    kept = 1 / np.maximum(norms, family.max_norm)
    sums: Floats = np.asarray(each.T @ kept, dtype=np.float64) * family.share**0.5
    return sums


def _asked(sales: Sales, design: Design, name: Name) -> tuple[Ints, Floats]:
    """Say to which sum of a family each line belongs, and what it adds."""
    if name == "products":
        return sales.products, sales.units * design.weights[sales.weeks]
    if name == "regimes":
        regime = design.regime[sales.products, sales.weeks]
        return design.category[sales.products] * N_REGIMES + regime, sales.units
    return (sales.weeks if name == "weeks" else sales.stores), sales.units
