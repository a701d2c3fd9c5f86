"""A town small enough to check by eye: eight products of four types, two stores, twelve customers of two tastes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from configs.loading import load_settings
from configs.ranker import RankerSettings
from configs.settings import Settings
from features.ingest import ingest_files
from features.lake import Lake
from training.catalogue import Catalogue
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.purchases import load_purchases
from training.ranker.fit import fit_heads
from training.ranker.model import Ranker, Reach
from training.ranker.moment import Moment, learn_moment
from training.ranker.sales import SalesLog
from training.ranker.windows import Examples, draw_examples
from training.splits import targets

MOMENT = datetime(2025, 3, 31, tzinfo=UTC)
SHELF = ("beer", "bread", "chips", "cider", "eggs", "milk", "rolls", "salsa")  # positions 0 to 7
_TYPES = ("drink", "bakery", "snack", "drink", "dairy", "dairy", "bakery", "snack")
_MAKERS = ("brew", "oven", "crisp", "brew", "farm", "farm", "oven", "crisp")
_TASTES = ((0, 2, 3, 7), (1, 4, 5, 6))  # even customers like drinks and snacks, odd ones bakery and dairy
N_CUSTOMERS = 12

MakeHistories = Callable[[Sequence[Sequence[tuple[int, int, float, float]]]], Histories]


@pytest.fixture
def make_histories() -> MakeHistories:
    """Make histories from (product, baskets, days since last, days since first) per customer, latest first."""
    return histories_of


def histories_of(
    customers: Sequence[Sequence[tuple[int, int, float, float]]], stores: Sequence[str] | None = None
) -> Histories:
    """The same, for fixtures of the session."""
    rows = [entry for customer in customers for entry in customer]
    pairs = np.zeros((len(rows), len(PAIR_FIELDS)), dtype=np.float32)
    for place, (_, n_baskets, last, first) in enumerate(rows):
        pairs[place] = (n_baskets, n_baskets * 2 ** (-last / 30), n_baskets * 2 ** (-last / 90), last, first)
    offsets = np.concatenate([[0], np.cumsum([len(customer) for customer in customers])])
    return Histories(
        offsets=offsets.astype(np.int64),
        product_idx=np.array([entry[0] for entry in rows], dtype=np.int64),
        pairs=pairs,
        profiles=np.tile(np.arange(1, len(PROFILE_FIELDS) + 1, dtype=np.float32), (len(customers), 1)),
        session_offsets=np.zeros(len(customers) + 1, dtype=np.int64),
        session_idx=np.empty(0, dtype=np.int64),
        stores=np.array([""] * len(customers) if stores is None else stores),
    )


@pytest.fixture(scope="session")
def ranker_settings() -> RankerSettings:
    """What ships, with trees for a town."""
    shipped = load_settings("test").ranker
    small = {"num_leaves": 4, "n_trees": 5, "least_rows": 2, "negative_share": 1.0, "feature_share": 1.0}
    heads = {name: getattr(shipped, name).model_copy(update=small) for name in ("repeat", "novel")}
    return shipped.model_copy(update={"taste_rank": 4, "ease_lambda": 1.0, "target_days": 14, **heads})


@pytest.fixture(scope="session")
def town_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody buys two products of his taste every week, at the store of his parity, until two weeks after MOMENT."""
    folder = tmp_path_factory.mktemp("town")
    lines = []
    for customer in range(N_CUSTOMERS):
        liked = _TASTES[customer % 2]
        for week in range(12):
            at = MOMENT - timedelta(days=7 * (10 - week) - 1)
            lines += [
                (
                    f"c{customer}",
                    SHELF[liked[(customer + week * step) % 4]],
                    f"s{customer % 2}",
                    f"b{customer}-{week}",
                    at,
                )
                for step in (1, 2)
            ]
    for customer in range(N_CUSTOMERS):  # after the moment, everybody tries one product of the other taste
        tried = SHELF[_TASTES[1 - customer % 2][customer // 2 % 4]]
        lines.append((f"c{customer}", tried, f"s{customer % 2}", f"b{customer}-10", MOMENT + timedelta(days=1)))
    columns = ["customer_id", "product_id", "store_id", "basket_id", "event_timestamp"]
    transactions = pd.DataFrame(lines, columns=columns).assign(quantity=2.0, paid_amount=3.0, shelf_amount=4.0)
    transactions["loyalty_discount"] = np.where(transactions["product_id"] == "beer", 1.0, 0.0)
    products = pd.DataFrame(
        {
            "product_id": SHELF,
            "department": "FOOD",
            "category": _TYPES,
            "product_type": _TYPES,
            "brand": "National",
            "manufacturer_id": _MAKERS,
        }
    )
    weeks = [(MOMENT - timedelta(days=7 * back)).date() for back in (0, 1, 2)]
    promotions = pd.DataFrame(
        [("milk", "s0", weeks[0], "1", "0"), ("beer", "s0", weeks[1], "1", "0"), ("beer", "s1", weeks[2], "0", "A")],
        columns=["product_id", "store_id", "week_start", "display", "mailer"],
    )
    consents = pd.DataFrame(
        [
            (f"c{customer}", purpose, True, MOMENT - timedelta(days=300))
            for customer in range(N_CUSTOMERS)
            for purpose in ("personalization", "model_training")
        ],
        columns=["customer_id", "purpose", "granted", "event_timestamp"],
    )
    tables = {"transactions": transactions, "products": products, "promotions": promotions, "consents": consents}
    for name, rows in tables.items():
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    settings = _settings(folder / "var")
    ingest_files(folder, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return settings.storage.root


@pytest.fixture(scope="session")
def town(town_root: Path) -> Lake:
    """The lake of the town."""
    return Lake.open(_settings(town_root).storage.lake)


def _settings(root: Path) -> Settings:
    return load_settings("test", [f"storage.root={root}", "ingest.max_reject_share=0.5"])


@pytest.fixture(scope="session")
def purchases(town: Lake) -> pd.DataFrame:
    """All lines of the town."""
    return load_purchases(town, until=None, customers=None)


@pytest.fixture(scope="session")
def customer_ids(purchases: pd.DataFrame) -> list[str]:
    """The town's people, ascending."""
    return sorted(purchases["customer_id"].unique())


@pytest.fixture(scope="session")
def shelf() -> Catalogue:
    """All eight products."""
    return Catalogue(np.array(SHELF))


@pytest.fixture(scope="session")
def product_rows(town: Lake, shelf: Catalogue) -> pa.Table:
    """The product table in the order of the shelf."""
    rows = town.read("products").set_index("product_id").loc[list(shelf.product_ids)]
    return pa.Table.from_pandas(rows.reset_index(), preserve_index=False)


@pytest.fixture(scope="session")
def sales_log(town: Lake, customer_ids: list[str]) -> SalesLog:
    """Everybody's lines up to the moment."""
    return SalesLog(town, customer_ids, MOMENT)


@pytest.fixture(scope="session")
def histories(purchases: pd.DataFrame, shelf: Catalogue, customer_ids: list[str], home_stores: list[str]) -> Histories:
    """Everybody as of the moment, counted line by line."""
    known = purchases[purchases["event_timestamp"] < MOMENT]
    people = []
    for customer_id in customer_ids:
        own = known[known["customer_id"] == customer_id]
        entries = []
        for product_id, lines in own.groupby("product_id"):
            days = (MOMENT - lines["event_timestamp"]).dt.total_seconds() / 86_400
            entries.append(
                (int(shelf.index_of([str(product_id)])[0]), len(lines), float(days.min()), float(days.max()))
            )
        people.append(sorted(entries, key=lambda entry: (entry[2], entry[0])))
    return histories_of(people, home_stores)


@pytest.fixture(scope="session")
def home_stores(purchases: pd.DataFrame, customer_ids: list[str]) -> list[str]:
    """Everybody's store."""
    return [str(purchases.loc[purchases["customer_id"] == c, "store_id"].iloc[0]) for c in customer_ids]


@pytest.fixture(scope="session")
def moment(
    sales_log: SalesLog,
    shelf: Catalogue,
    product_rows: pa.Table,
    histories: Histories,
    ranker_settings: RankerSettings,
) -> Moment:
    """What is learnt from the town."""
    return learn_moment(sales_log, shelf, product_rows, histories, MOMENT, ranker_settings)


@pytest.fixture(scope="session")
def bought_next(purchases: pd.DataFrame, shelf: Catalogue, customer_ids: list[str]) -> sparse.csr_array:
    """What everybody bought in the two weeks after the moment."""
    return targets(purchases, shelf, customer_ids, MOMENT, MOMENT + timedelta(days=14))


@pytest.fixture(scope="session")
def examples(
    moment: Moment,
    histories: Histories,
    bought_next: sparse.csr_array,
    ranker_settings: RankerSettings,
) -> Examples:
    """Every candidate of the town."""
    return draw_examples(moment, histories, bought_next, ranker_settings, seed=1)


@pytest.fixture(scope="session")
def ranker(moment: Moment, examples: Examples, ranker_settings: RankerSettings) -> Ranker:
    """Trees over the town."""
    heads = fit_heads([examples], ranker_settings)
    reach = Reach(ranker_settings.candidates, ranker_settings.n_bought, ranker_settings.share_new_in_all)
    return Ranker(moment, heads, reach)
