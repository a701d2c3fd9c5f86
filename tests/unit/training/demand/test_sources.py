"""What a demand run reads from the lake, against the files that were handed over."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.settings import StorageSettings
from features.errors import LakeMissing
from training.demand.errors import ListedUnknown
from training.demand.product_lists import ProductList, read_products
from training.demand.sources import prepare_demand


def listed(path: Path, text: str) -> ProductList:
    """A list from a file."""
    path.write_text(text)
    return read_products(path)


def test_the_panel_holds_the_sums_of_the_files(chain: Any) -> None:
    sales = pd.read_csv(chain.source / "transactions.csv", parse_dates=["event_timestamp"])
    local = sales["event_timestamp"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    sales["week"] = (local - pd.to_timedelta(local.dt.dayofweek, unit="D")).dt.normalize()
    panel, stores = chain.sources.panel, chain.sources.stores
    units = sales.pivot_table(index="product_id", columns="week", values="quantity", aggfunc="sum", fill_value=0)
    assert panel.product_ids.tolist() == units.index.tolist()
    assert len(panel.weeks) == 30
    np.testing.assert_array_equal(panel.units, units.to_numpy())
    by_pair = sales.groupby(["product_id", "store_id"])["quantity"].sum()
    assert list(zip(stores.product_ids, stores.store_ids, strict=True)) == by_pair.index.tolist()
    np.testing.assert_array_equal(stores.units.sum(axis=1), by_pair)


def test_weeks_begin_at_midnight_of_the_trading_zone(chain: Any) -> None:
    assert chain.sources.cutoff(np.datetime64("2024-07-01")) == datetime(2024, 7, 1, 4, tzinfo=UTC)
    assert chain.sources.cutoff(np.datetime64("2024-01-01")) == datetime(2024, 1, 1, 5, tzinfo=UTC)


def test_a_listed_product_that_never_sold_joins_the_panel(chain: Any, tmp_path: Path) -> None:
    assert "p99" not in chain.sources.panel.product_ids
    wanted = listed(tmp_path / "list.csv", "product_id,store_id\np99,\np00,s1\n")
    panel = prepare_demand(chain.settings.storage, lambda _: None, wanted).panel
    assert panel.product_ids.tolist() == [*chain.sources.panel.product_ids.tolist(), "p99"]
    assert panel.units[-1].sum() == 0
    assert np.isnan(panel.shelf_price[-1]).all()
    assert panel.attributes["category"][-1] == "CATEGORY 0"
    np.testing.assert_array_equal(panel.units[:-1], chain.sources.panel.units)


@pytest.mark.parametrize(("text", "named"), [("product_id\nnope\n", "nope"), ("product_id,store_id\np00,s9\n", "s9")])
def test_what_the_lake_has_never_heard_of_is_refused(chain: Any, tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ListedUnknown, match=named):
        prepare_demand(chain.settings.storage, lambda _: None, listed(tmp_path / "list.csv", text))


def test_without_a_lake_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(LakeMissing, match="fairshelf ingest"):
        prepare_demand(StorageSettings(root=tmp_path, min_free_gb=0), lambda _: None)
