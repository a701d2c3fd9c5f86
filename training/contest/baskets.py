"""The contest of baskets: one product of each is hidden, and has to be found from the others."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.benchmarks import BenchmarkRow, cpu_seconds
from training.catalogue import Catalogue
from training.contest.meter import measured
from training.contest.result import Method
from training.errors import NobodyToJudge
from training.intervals import bootstrap_means, percentile_interval
from training.peers.baskets import BasketCompleter
from training.peers.data import Floats, Ints
from training.splits import Holdout

K: Final = 10
FIGURE: Final = "basket.recall@10"

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
    """

    name: str
    title: str
    fit: Fit
    grid: tuple[Mapping[str, Any], ...] = ({},)
    validate: Fit | None = None
    ours: bool = False


@dataclass(frozen=True)
class Completed:
    """What one method reached: (C,) recall of each customer, and what it cost."""

    method: Method
    recalls: Floats
    tuning_cpu_s: float
    fit_cpu_s: float
    rank_cpu_s: float
    peak_memory_gb: float


def run_completion(contender: Completion, baskets: HiddenProducts, validation: HiddenProducts) -> Completed:
    """Tune a method on the validation days' baskets, fit it before the cut-off, and judge it by the window's."""
    began = cpu_seconds()
    point, reached = contender.grid[0], {}
    if contender.validate is not None and len(contender.grid) > 1:
        values = [float(recalls(contender.validate(one), validation).mean()) for one in contender.grid]
        point, reached = contender.grid[int(np.argmax(values))], {"basket": max(values)}
    tuning_cpu_s = cpu_seconds() - began
    with measured() as fitting:
        completer = contender.fit(point)
    with measured() as ranking:
        found = recalls(completer, baskets)
    method = Method(
        name=contender.name,
        title=contender.title,
        ours=contender.ours,
        chosen={"basket": dict(point)},
        validated=reached,
        n_tried=len(contender.grid) if reached else 0,
        left_out=None,
    )
    peak = max(fitting.peak_memory_gb, ranking.peak_memory_gb)
    return Completed(method, found, tuning_cpu_s if reached else 0.0, fitting.cpu_s, ranking.cpu_s, peak)


def completion_rows(entries: Sequence[Completed], *, n_resamples: int, seed: int) -> list[BenchmarkRow]:
    """Average over customers, with intervals that resample customers, the same resamples for everyone."""
    values = np.column_stack([entry.recalls for entry in entries])
    means = bootstrap_means(values, n_resamples=n_resamples, seed=seed)  # (R, methods)
    peers = [place for place, entry in enumerate(entries) if not entry.method.ours]
    rows: list[BenchmarkRow] = []
    for place, entry in enumerate(entries):
        rows.append(_row(entry, FIGURE, float(values[:, place].mean()), "", interval=means[:, place]))
        if entry.method.ours and peers:
            best = max(peers, key=lambda peer: float(values[:, peer].mean()))
            ratios = means[:, place] / np.where(means[:, best] > 0, means[:, best], np.nan)
            rows.append(_compared(rows[-1], entries[best].method.name, float(values[:, best].mean()), ratios))
        rows += [
            _row(entry, figure, getattr(entry, figure), "s") for figure in ("tuning_cpu_s", "fit_cpu_s", "rank_cpu_s")
        ]
        rows.append(_row(entry, "peak_memory_gb", entry.peak_memory_gb, "GB"))
    return rows


def _row(entry: Completed, figure: str, value: float, unit: str, *, interval: Floats | None = None) -> BenchmarkRow:
    return BenchmarkRow(
        name=entry.method.name,
        figure=figure,
        value=value,
        unit=unit,
        ratio_to=None,
        ratio=None,
        interval_95=None if interval is None else tuple(percentile_interval(interval, 0.95)),
    )


def _compared(own: BenchmarkRow, peer: str, theirs: float, ratios: Floats) -> BenchmarkRow:
    ratio = own.value / theirs if theirs > 0 else None
    interval = tuple(percentile_interval(ratios, 0.95))
    return own.model_copy(update={"ratio_to": peer, "ratio": ratio, "interval_95": interval})
