"""The contest of baskets: one product of each is hidden, and has to be found from the others."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.benchmarks import cpu_seconds
from training.catalogue import Catalogue
from training.contest.contenders import method_of
from training.contest.judged import Judged
from training.contest.meter import measured
from training.errors import NobodyToJudge
from training.peers.baskets import BasketCompleter
from training.peers.data import Floats, Ints
from training.peers.tuning import Tuned
from training.splits import Holdout

K: Final = 10
TASK: Final = "basket"
FIGURE: Final = f"{TASK}.recall@{K}"

Fit = Callable[[Mapping[str, Any]], BasketCompleter]


@dataclass(frozen=True)
class HiddenProducts:
    """Baskets of the test window, each less one product.

    Attributes:
        customer_ids: (B,) whose they are.
        held: (B, N) bool, what is still in them.
        hidden: (B,) position of the product that was taken out.
    """

    customer_ids: npt.NDArray[np.str_]
    held: sparse.csr_array
    hidden: Ints


def hide_products(
    purchases: pd.DataFrame,
    catalogue: Catalogue,
    holdout: Holdout,
    customers: Collection[str],
    *,
    max_baskets: int,
    seed: int,
) -> HiddenProducts:
    """Take one product at random out of each basket of a window that holds two or more.

    Args:
        purchases: Lines up to the end of the window.
        catalogue: Products outside it are left out.
        holdout: The window.
        customers: Whose baskets count.
        max_baskets: Most baskets; drawn at random where there are more.
        seed: Equal seeds draw and hide alike.

    Raises:
        NobodyToJudge: If there is no such basket.
    """
    lines = purchases[
        (purchases[EVENT_TIMESTAMP] >= holdout.train_until)
        & (purchases[EVENT_TIMESTAMP] < holdout.test_end)
        & purchases[CUSTOMER_ID].isin(list(customers))
    ]
    lines = lines[[CUSTOMER_ID, BASKET_ID, PRODUCT_ID]].drop_duplicates().sort_values([CUSTOMER_ID, BASKET_ID])
    product = catalogue.index_of(lines[PRODUCT_ID])
    lines, product = lines[product >= 0], product[product >= 0]
    basket = lines.groupby([CUSTOMER_ID, BASKET_ID]).ngroup().to_numpy()
    sizes = np.bincount(basket)
    random = np.random.default_rng(seed)
    drawn = random.permutation(np.flatnonzero(sizes >= 2))[:max_baskets]
    if not len(drawn):
        raise NobodyToJudge(train_until=holdout.train_until, test_end=holdout.test_end, n_customers=len(customers))
    drawn.sort()
    shape = (len(sizes), len(catalogue))
    every = sparse.csr_array(sparse.coo_array((np.ones(len(basket), dtype=bool), (basket, product)), shape=shape))
    held = every[drawn]
    hidden = np.array(
        [random.choice(held.indices[held.indptr[row] : held.indptr[row + 1]]) for row in range(len(drawn))]
    )
    held[np.arange(len(drawn)), hidden] = False
    held.eliminate_zeros()
    owners = lines[CUSTOMER_ID].to_numpy(dtype=str)[np.searchsorted(basket, drawn)]
    return HiddenProducts(owners, held, hidden.astype(np.int64))


def recalls(completer: BasketCompleter, baskets: HiddenProducts) -> Floats:
    """Tell whose hidden products were among the first ten: (C,) share of each customer's baskets, by customer id."""
    found = completer.complete(baskets.customer_ids.tolist(), baskets.held, k=K)
    hits = (found == baskets.hidden[:, None]).any(axis=1).astype(np.float64)
    shares: Floats = pd.Series(hits).groupby(baskets.customer_ids).mean().to_numpy()
    return shares


@dataclass(frozen=True)
class Completion:
    """One method of the contest.

    Attributes:
        grid: Points tried on the validation days; one point means that nothing is tuned.
        validate: From a point to a completer fitted before the validation days; None where nothing is tuned.
        fit: From the chosen point to a completer fitted before the cut-off.
        recorded: What an earlier run chose; None lets validation choose.
        window: From when to when the baskets of the validation days were bought.
    """

    name: str
    title: str
    fit: Fit
    grid: tuple[Mapping[str, Any], ...] = ({},)
    validate: Fit | None = None
    ours: bool = False
    recorded: Tuned | None = None
    window: tuple[datetime, datetime] | None = None

    def tuned(self, validation: Callable[[], HiddenProducts]) -> Tuned:
        """Choose a point: the recorded one, or the one that finds most on the validation days."""
        if self.recorded is not None:
            return self.recorded
        if self.validate is None or len(self.grid) == 1:
            return Tuned({TASK: self.grid[0]}, {}, 0, 0.0)
        baskets = validation()
        began = cpu_seconds()
        values = [float(recalls(self.validate(point), baskets).mean()) for point in self.grid]
        best = int(np.argmax(values))
        taken_s = cpu_seconds() - began
        return Tuned({TASK: self.grid[best]}, {TASK: values[best]}, len(values), taken_s, self.window)


def run_completion(contender: Completion, baskets: HiddenProducts, validation: Callable[[], HiddenProducts]) -> Judged:
    """Tune a method on the validation days' baskets, fit it before the cut-off, and judge it by the window's."""
    tuned = contender.tuned(validation)
    with measured() as fitting:
        completer = contender.fit(tuned.chosen[TASK])
    with measured() as ranking:
        found = recalls(completer, baskets)
    costs = {
        "tuning_cpu_s": tuned.cpu_s,
        "fit_cpu_s": fitting.cpu_s,
        "rank_cpu_s": ranking.cpu_s,
        "peak_memory_gb": max(fitting.peak_memory_gb, ranking.peak_memory_gb),
    }
    method = method_of(contender.name, contender.title, ours=contender.ours, tuned=tuned)
    return Judged(method, {FIGURE: found}, costs)
