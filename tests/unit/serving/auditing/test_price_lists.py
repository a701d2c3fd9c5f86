"""Every price twice: as things are, and when customers trade places."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from configs.settings import Settings, StorageSettings
from fairness.invariants import permutation_invariant
from features.lake import Lake
from serving.auditing import price_lists
from serving.auditing.price_lists import Progress, permuted_lake, permuted_prices, suggested_prices
from training.artifact import Bundle


@pytest.fixture(scope="module")
def prices(chain: Any) -> pd.DataFrame:
    return suggested_prices(chain.bundle, chain.settings, chain.settings.storage, lambda _: None)


def test_dealing_customers_anew_moves_nothing_else(chain: Any, tmp_path: Path) -> None:
    lake = Lake.open(chain.settings.storage.lake)
    ours = lake.read("transactions")
    theirs = permuted_lake(lake, tmp_path / "lake", seed=3).read("transactions")
    people = ["customer_id", "basket_id"]
    for name in people:
        assert (ours[name] != theirs[name]).mean() > 0.9
        assert sorted(ours[name]) == sorted(theirs[name])
    pd.testing.assert_frame_equal(ours.drop(columns=people), theirs.drop(columns=people))
    assert Lake.open(tmp_path / "lake").read("products").equals(lake.read("products"))


def test_prices_do_not_notice(chain: Any, prices: pd.DataFrame) -> None:
    measure = permutation_invariant(prices, permuted_prices(chain.bundle, chain.settings, lambda _: None))
    assert measure.verdict == "PASS", measure.note
    assert not list(chain.settings.storage.root.glob("permuted-*"))


def test_nothing_is_put_on_record(chain: Any, prices: pd.DataFrame) -> None:
    assert (prices["status"] == "pending_approval").sum() >= 30
    assert prices["product_id"].is_unique


@pytest.mark.parametrize("cents", [1, 7])
def test_a_price_that_depends_on_who_buys_is_always_caught(
    chain: Any, prices: pd.DataFrame, cents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: one product costs more, by the number of people among its first buyers who are regulars."""

    def planted(bundle: Bundle, settings: Settings, storage: StorageSettings, progress: Progress) -> pd.DataFrame:
        sales = Lake.open(storage.lake).read("transactions", ["customer_id", "product_id"])
        regulars = sales.loc[sales["product_id"] == "p00", "customer_id"].nunique()
        first = sales["customer_id"].iloc[:40].nunique()
        step = cents * ((regulars + first) % 97) / 100
        return prices.assign(suggested_price=prices["suggested_price"].astype(float) + step)

    monkeypatch.setattr(price_lists, "suggested_prices", planted)
    recorded = planted(chain.bundle, chain.settings, chain.settings.storage, lambda _: None)
    assert (
        permutation_invariant(recorded, price_lists.permuted_prices(chain.bundle, chain.settings, print)).verdict
        == "FAIL"
    )
