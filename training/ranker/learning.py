"""From a lake and its feature snapshots to a fitted ranker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from configs.ranker import RankerSettings
from features.store import Store
from training.catalogue import Catalogue, build_catalogue
from training.errors import CatalogueEmpty
from training.feature_rows import customer_rows, product_rows
from training.histories import Histories, from_arrow
from training.ranker.fit import fit_heads
from training.ranker.model import Ranker, Reach
from training.ranker.moment import Moment, learn_moment
from training.ranker.sales import SalesLog
from training.ranker.windows import Examples, draw_examples, window_moments
from training.splits import targets


@dataclass(frozen=True, eq=False)
class RankerData:
    """Everything a fit reads, of people who agreed to model training alone.

    Attributes:
        store: Feature store with a snapshot at `train_until` and at every one of `window_moments`.
        log: Lines with amounts.
        purchases: Lines that catalogues and targets are read from.
        customer_ids: Those people.
        train_until: Nothing at or after this time is read.
        min_buyers: Fewest distinct buyers of a product in a catalogue.
    """

    store: Store
    log: SalesLog
    purchases: pd.DataFrame
    customer_ids: Sequence[str]
    train_until: datetime
    min_buyers: int


def fit_ranker(
    data: RankerData,
    catalogue: Catalogue,
    settings: RankerSettings,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Ranker:
    """Learn from the windows before a cut-off, then look at the cut-off itself.

    Args:
        data: What is read.
        catalogue: The products as of the cut-off.
        settings: Candidates and trees.
        progress: Told each step in words.

    Raises:
        NothingToLearn: If hardly any candidate was bought in the windows, or none lies within the data.
    """
    windows = []
    for place, at in enumerate(window_moments(data.train_until, settings)):
        progress(f"ranker: purchases after {at:%Y-%m-%d}")
        try:
            windows.append(_window(data, at, settings, seed=settings.seed + place))
        except CatalogueEmpty:  # the data begin too late for this window, and for every earlier one
            break
    progress("ranker: trees")
    heads = fit_heads(windows, settings)
    progress(f"ranker: what is known by {data.train_until:%Y-%m-%d}")
    moment, _ = _look(data, catalogue, data.train_until, settings)
    return Ranker(moment, heads, Reach(settings.candidates, settings.n_bought, settings.share_new_in_all))


def _window(data: RankerData, at: datetime, settings: RankerSettings, *, seed: int) -> Examples:
    catalogue = build_catalogue(data.purchases, at, data.min_buyers)
    moment, histories = _look(data, catalogue, at, settings)
    end = at + timedelta(days=settings.target_days)
    bought = targets(data.purchases, catalogue, data.customer_ids, at, end)
    return draw_examples(moment, histories, bought, settings, seed=seed)


def _look(data: RankerData, catalogue: Catalogue, at: datetime, settings: RankerSettings) -> tuple[Moment, Histories]:
    histories = from_arrow(customer_rows(data.store, data.customer_ids, [at]), catalogue)
    products = product_rows(data.store, catalogue, [at])
    moment = learn_moment(data.log, catalogue, products, histories, at, settings)
    return moment, histories
