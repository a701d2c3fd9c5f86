"""Many small baskets of eight people, drawn once; and the hand-worked ones as peers see them."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue
from training.peers.data import PeerData

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def shopping() -> pd.DataFrame:
    """8 people with 1 to 11 baskets of 1 to 4 of 6 products, at different hours of 2017."""
    random = np.random.default_rng(5)
    lines = [
        (f"p{person}", str(product), f"{person}-{basket}", "s1", pd.Timestamp("2017-01-02", tz="UTC") + when)
        for person in range(8)
        for basket in range(1 + person * 10 // 7)
        for when in [pd.Timedelta(hours=int(random.integers(1, 1300)))]
        for product in random.permutation(list("abcdef"))[: random.integers(1, 5)]
    ]
    return pd.DataFrame(lines, columns=["customer_id", "product_id", "basket_id", "store_id", "event_timestamp"])


@pytest.fixture(scope="session")
def shelf() -> Catalogue:
    """Five of the six products."""
    return Catalogue(np.array(list("abcde")))


@pytest.fixture
def shopped(shopping: pd.DataFrame, shelf: Catalogue) -> PeerData:
    """Everyone but p6 agreed to model training."""
    return PeerData(shopping[shopping["customer_id"] != "p6"], shopping, shelf, CUTOFF)


@pytest.fixture
def data(purchases: pd.DataFrame, catalogue: Catalogue) -> PeerData:
    """The hand-worked baskets; everyone agreed."""
    return PeerData(purchases, purchases, catalogue, CUTOFF)
