"""Who bought decides no price: the same sales by other customers give the same panel and exactly the same prices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.pricing.batch import suggest_everything
from serving.pricing.local import local_pricing
from training.demand.panel import Panel
from training.demand.sources import prepare_demand

NOBODY_IN_PARTICULAR = "everybody"


def permuted(sales: pd.DataFrame) -> pd.DataFrame:
    """Every line was bought by somebody else of the same people."""
    shuffled = np.random.default_rng(3).permutation(sales["customer_id"].to_numpy())
    assert (shuffled != sales["customer_id"]).mean() > 0.9
    return sales.assign(customer_id=shuffled)


def renamed(sales: pd.DataFrame) -> pd.DataFrame:
    """People and their visits carry other names, which also sort in another order."""
    turned = {name: f"{name[0]}{9999 - int(name[1:]):04d}" for name in sales["customer_id"].unique()}
    baskets = [f"x{len(sales) - line}" for line in range(len(sales))]
    return sales.assign(customer_id=sales["customer_id"].map(turned), basket_id=baskets)


def removed(sales: pd.DataFrame) -> pd.DataFrame:
    """The till knows nobody: one id stands for all."""
    return sales.assign(customer_id=NOBODY_IN_PARTICULAR)


def added(sales: pd.DataFrame) -> pd.DataFrame:
    """The till tells more of people than it should."""
    rich = sales["customer_id"].str[1:].astype(int) % 2
    return sales.assign(income=np.where(rich, "high", "low"), age=20 + rich * 40, customer_postcode="10001")


CHANGES = [permuted, renamed, removed, added]


def suggested(chain: Any, out: Path) -> pa.Table:
    """Suggest a price for everything with the chain's champion, and store nothing."""
    with local_pricing(chain.settings, lambda _: None) as (pricing, desk):
        suggest_everything(
            pricing,
            desk,
            objective="margin",
            jurisdiction="US-NY",
            inputs=None,
            submit=False,
            currency="USD",
            out=out,
            progress=lambda _: None,
        )
    return pq.read_table(out)


def assert_same_panel(ours: Panel, theirs: Panel) -> None:
    """Compare every number, to the bit."""
    for name in ("product_ids", "weeks", "units", "shelf_price", "paid_price", "imputed", "display", "mailer"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.fixture(scope="module")
def prices(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return suggested(chain, tmp_path_factory.mktemp("prices") / "prices.parquet")


def test_there_is_something_to_change(prices: pa.Table) -> None:
    rows = prices.to_pandas()
    assert (rows["status"] == "pending_approval").sum() >= 30
    moved = rows["suggested_price"].notna() & (rows["suggested_price"] != rows["current_price"])
    assert moved.sum() >= 3


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_other_customers_the_same_prices(
    chain: Any, prices: pa.Table, change: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path
) -> None:
    sales = pd.read_csv(chain.source / "transactions.csv")
    other = chain.ingested_at(tmp_path, change(sales))
    sources = prepare_demand(other.settings.storage, lambda _: None)
    ours, theirs = (
        one.lake.read("transactions", ["customer_id", "basket_id"]).to_numpy().tolist()
        for one in (chain.sources, sources)
    )
    assert len(ours) == len(theirs)
    assert ours != theirs  # pseudonyms of another house differ in any case
    assert_same_panel(chain.sources.panel, sources.panel)
    np.testing.assert_array_equal(chain.sources.stores.units, sources.stores.units)
    assert other.bundle.digest == chain.bundle.digest
    assert suggested(other, tmp_path / "prices.parquet").equals(prices)  # every figure: the change is exactly 0


def test_it_would_show(chain: Any, prices: pa.Table, tmp_path: Path) -> None:
    """The comparison bites: a price that people really paid does enter."""
    sales = pd.read_csv(chain.source / "transactions.csv")
    raised = {name: (1.2 * sales[name]).round(2) for name in ("paid_amount", "shelf_amount", "loyalty_discount")}
    other = chain.ingested_at(tmp_path, sales.assign(**raised))
    assert not suggested(other, tmp_path / "prices.parquet").equals(prices)
