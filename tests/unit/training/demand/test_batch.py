"""Everything forecast from a promoted bundle: whole, in the form of the contract, stores summing to their chain."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from configs.demand import EventSettings
from training.demand.batch import forecast_everything
from training.demand.evaluation_files import SCHEMA

LAST = date(2024, 7, 22)
QUANTILES = [f"q{level}" for level in range(10, 100, 10)]


def forecasts(chain: Any, out: Path, **asked: Any) -> tuple[tuple[int, int], pd.DataFrame]:
    """Forecast three weeks and read the file."""
    options = {"n_weeks": 3, "stores": True, "out": out, **asked}
    counts = forecast_everything(chain.bundle, chain.sources, options.pop("demand", chain.settings.demand), **options)
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    return counts, table.to_pandas()


@pytest.fixture(scope="module")
def forecast(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[int, int], pd.DataFrame]:
    return forecasts(chain, tmp_path_factory.mktemp("batch") / "deep" / "forecasts.parquet")


def test_a_row_for_every_series_and_week(chain: Any, forecast: tuple[tuple[int, int], pd.DataFrame]) -> None:
    (n_products, n_pairs), rows = forecast
    assert (n_products, n_pairs) == (40, len(chain.sources.stores))
    assert len(rows) == 3 * (n_products + n_pairs)
    assert not rows.duplicated(["product_id", "store_id", "week_start"]).any()
    assert set(rows["origin"]) == {LAST}
    assert sorted(set(rows["week_start"])) == [LAST + timedelta(weeks=ahead) for ahead in (1, 2, 3)]
    of_chain = rows[rows["store_id"].isna()]
    assert of_chain["product_id"].unique().tolist() == [f"p{place:02d}" for place in range(40)]
    assert set(rows["store_id"].dropna()) == {"s0", "s1", "s2"}
    assert not ((rows["product_id"] == "p38") & (rows["store_id"] == "s2")).any()


def test_stores_sum_to_the_chain(forecast: tuple[tuple[int, int], pd.DataFrame]) -> None:
    _, rows = forecast
    keys = ["product_id", "week_start"]
    chain = rows[rows["store_id"].isna()].set_index(keys)["mean"]
    stores = rows[rows["store_id"].notna()].groupby(keys)["mean"].sum()
    np.testing.assert_allclose(stores.loc[chain.index], chain, rtol=1e-9)


def test_quantiles_never_cross(forecast: tuple[tuple[int, int], pd.DataFrame]) -> None:
    values = forecast[1][QUANTILES].to_numpy()
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()


def test_without_stores_the_chain_is_the_same(
    chain: Any, forecast: tuple[tuple[int, int], pd.DataFrame], tmp_path: Path
) -> None:
    counts, rows = forecasts(chain, tmp_path / "chain.parquet", stores=False)
    assert counts == (40, 0)
    theirs = forecast[1][forecast[1]["store_id"].isna()].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, theirs)


def test_a_known_event_lifts_its_week(
    chain: Any, forecast: tuple[tuple[int, int], pd.DataFrame], tmp_path: Path
) -> None:
    week = LAST + timedelta(weeks=2)
    event = EventSettings(name="fair", first_day=week, last_day=week + timedelta(days=6), uplift=2.0, departments=())
    demand = chain.settings.demand.model_copy(update={"events": (event,)})
    _, rows = forecasts(chain, tmp_path / "fair.parquet", demand=demand)
    factor = (rows["mean"] / forecast[1]["mean"]).to_numpy()
    np.testing.assert_allclose(factor, np.where(rows["week_start"] == week, 2.0, 1.0), rtol=1e-9)
