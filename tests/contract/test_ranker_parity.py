"""A backtest and a live request see the same customer: the same features and the same lists, to the last bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
import torch

from configs.ranker import RankerSettings
from configs.settings import Settings
from features.build import build_features
from features.lake import Lake
from features.preparation import read_consents
from features.store import Store
from tests.conftest import settings_at
from training.baselines import Task
from training.catalogue import build_catalogue
from training.evaluation_results import TASKS
from training.feature_rows import customer_rows, product_rows
from training.histories import Histories, from_arrow, from_row
from training.purchases import load_purchases
from training.ranker.features import FEATURES
from training.ranker.fit import fit_heads
from training.ranker.model import Ranker, Reach
from training.ranker.moment import learn_moment
from training.ranker.sales import SalesLog
from training.ranker.windows import draw_examples
from training.splits import targets
from training.two_tower.pairs import Pairs
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.repeat_head import RepeatHead
from training.two_tower.scorer import PRODUCT_NUMBERS, PRODUCT_TEXTS, Scorer
from training.two_tower.together import N_COMPANIONS
from training.two_tower.towers import Shape, TwoTower

pytestmark = pytest.mark.real_data

AT: Final = datetime(2017, 11, 6, tzinfo=UTC)
N_REQUESTS: Final = 1000
N_TAUGHT: Final = 150  # customers whom the trees learn from
N_PEOPLE: Final = 1100  # customers of this test's world; a few of them bought nothing of its catalogue
MIN_BUYERS: Final = 60  # of a product of that catalogue: some six hundred products
BLOCK: Final = 100  # customers per batch
K: Final = 100
NONE: Final = np.empty(0, dtype=np.int64)
SMALL: Final = {"num_leaves": 15, "n_trees": 20, "negative_share": 0.3}


@dataclass(frozen=True)
class World:
    """One ranker, and both ways to what it reads of people.

    Attributes:
        scorer: The ranker, with towers of random weights that nobody here needs.
        store: Holds one snapshot, offline and online.
        customer_ids: A thousand people with purchases in the catalogue.
        offline: (C,) the same people, read together from training rows.
    """

    scorer: Scorer
    store: Store
    customer_ids: list[str]
    offline: Histories

    @property
    def ranker(self) -> Ranker:
        """The scorer's."""
        assert self.scorer.ranker is not None
        return self.scorer.ranker

    def live(self, customer: int) -> dict[str, Any]:
        """What the online store answers for a customer."""
        row = self.store.online_customer(self.customer_ids[customer])
        assert row is not None
        return row


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def world(complete_journey_var: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The whole Complete Journey as of one moment, with a small catalogue and small trees."""
    settings = settings_at(complete_journey_var)
    lake = Lake.open(settings.storage.lake)
    trainable = sorted(read_consents(settings.storage, datetime.now(UTC)).trainable)[:N_PEOPLE]
    store = _store(lake, tmp_path_factory.mktemp("parity"), settings)
    scorer = _scorer(lake, store, trainable, _small(settings.ranker))
    offline = from_arrow(customer_rows(store, trainable, [AT]), scorer.catalogue)
    chosen = np.flatnonzero(np.diff(offline.offsets))[:N_REQUESTS]
    return World(scorer, store, [trainable[row] for row in chosen], offline.take(chosen))


def _store(lake: Lake, folder: Path, settings: Settings) -> Store:
    build_features(lake, folder / "tables", [AT], settings.features)
    store = Store(folder)
    store.apply()
    store.materialize(AT)
    return store


def _small(ranker: RankerSettings) -> RankerSettings:
    heads = {name: getattr(ranker, name).model_copy(update=SMALL) for name in ("repeat", "novel")}
    return ranker.model_copy(update=heads)


def _scorer(lake: Lake, store: Store, trainable: list[str], settings: RankerSettings) -> Scorer:
    purchases = load_purchases(lake, until=None, customers=trainable)
    catalogue = build_catalogue(purchases, AT, MIN_BUYERS)
    histories = from_arrow(customer_rows(store, trainable, [AT]), catalogue)
    products = product_rows(store, catalogue, [AT])
    moment = learn_moment(SalesLog(lake, trainable, AT), catalogue, products, histories, AT, settings)
    taught = np.arange(N_TAUGHT)
    bought = targets(purchases, catalogue, trainable[:N_TAUGHT], AT, AT + timedelta(days=settings.target_days))
    examples = draw_examples(moment, histories.take(taught), bought, settings, seed=1)
    reach = Reach(settings.candidates, settings.n_bought, settings.share_new_in_all)
    n = len(catalogue)
    return Scorer(
        TwoTower(Shape(n, [1] * 5, 4, 4)),
        RepeatHead(4),
        catalogue,
        content=np.zeros((n, 5), dtype=np.int64),
        numeric=np.zeros((n, len(NUMERIC_FIELDS)), dtype=np.float32),
        products={name: np.full(n, "") for name in PRODUCT_TEXTS} | {name: np.ones(n) for name in PRODUCT_NUMBERS},
        together=(np.full((n, N_COMPANIONS), -1), np.zeros((n, N_COMPANIONS), dtype=np.float32)),
        ranker=Ranker(moment, fit_heads([examples], settings), reach),
    )


def _task_of(customer: int) -> Task:
    """Ask for either kind of list in turn."""
    return TASKS[customer % len(TASKS)]


def _different(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> int:
    """Count what differs at all; two unknown values are the same."""
    if ours.shape != theirs.shape:
        return max(ours.size, theirs.size)
    unknown = np.isnan(ours) & np.isnan(theirs)
    return int(((ours != theirs) & ~unknown).sum())


def test_a_thousand_live_requests_have_the_features_of_a_backtest(world: World) -> None:
    n_values = n_different = 0
    for customer in range(N_REQUESTS):
        task = _task_of(customer)
        moment, online = world.ranker.moment, from_row(world.live(customer), world.scorer.catalogue)
        offline_found, offline = world.ranker.describe(moment.shopper(world.offline, customer), task=task)
        online_found, live = world.ranker.describe(moment.shopper(online, 0), task=task)
        n_different += _different(offline_found.product_idx, online_found.product_idx) + _different(offline, live)
        n_values += live.size
    assert n_different == 0
    assert n_values > N_REQUESTS * len(FEATURES) * 50  # at least fifty candidates each


def test_a_thousand_live_requests_have_the_lists_of_a_backtest(world: World) -> None:
    n_places = n_different = 0
    for task in TASKS:
        asked = np.array([customer for customer in range(N_REQUESTS) if _task_of(customer) == task])
        for block in np.split(asked, range(BLOCK, len(asked), BLOCK)):
            judged = world.scorer.score(world.offline.take(block), task=task)
            for place, customer in enumerate(block):
                product_idx, scores = _first(judged, place)
                live = world.scorer.rank(world.live(customer), basket_idx=NONE, allowed=None, task=task, k=K)
                n_different += _different(product_idx, live.product_idx) + _different(scores, live.scores)
                n_places += len(live.product_idx)
    assert n_different == 0
    assert n_places > N_REQUESTS * K * 0.9


def _first(pairs: Pairs, customer: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Cut one customer's list out of a batch."""
    own = np.flatnonzero(pairs.customer == customer)[:K]
    return pairs.product_idx[own], pairs.scores[own]
