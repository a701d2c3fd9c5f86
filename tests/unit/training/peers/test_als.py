"""Implicit ALS: what it learns on blocks of taste, and who may teach it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue
from training.peers.als import ImplicitAls
from training.peers.data import PeerData
from training.peers.errors import PeerNotInstalled

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
POINT = {"n_factors": 2, "regularization": 0.1, "confidence": 4.0, "n_iterations": 20, "seed": 3}


@pytest.fixture
def tastes() -> PeerData:
    """Six people buy a, b, c and six d, e, f; the last of each has not bought one of them yet."""
    pytest.importorskip("implicit")
    when = pd.Timestamp("2017-02-01", tz="UTC")
    lines = [
        (f"{taste}{person}", product, f"{taste}{person}", "s", when)
        for taste in ("abc", "def")
        for person in range(6)
        for product in taste
        if not (person == 5 and product in "cf")
    ]
    names = ["customer_id", "product_id", "basket_id", "store_id", "event_timestamp"]
    purchases = pd.DataFrame(lines, columns=names)
    training = purchases[purchases["customer_id"] != "abc5"]
    return PeerData(training, purchases, Catalogue(np.array(list("abcdef"))), CUTOFF)


def test_it_finds_what_others_of_one_taste_buy(tastes: PeerData) -> None:
    peer = ImplicitAls(tastes, **POINT)  # type: ignore[arg-type]
    assert peer.rank(["def5", "abc5"], task="novel", k=1)[0].tolist() == [[5], [2]]  # abc5 taught nothing, is folded in
    assert set(peer.rank(["def0"], task="all", k=3)[0][0].tolist()) == {3, 4, 5}


def test_equal_seeds_give_equal_factors(tastes: PeerData) -> None:
    one, other = (ImplicitAls(tastes, **POINT).score(np.arange(12)) for _ in range(2))  # type: ignore[arg-type]
    np.testing.assert_array_equal(one, other)


def test_a_stranger_has_no_taste(tastes: PeerData) -> None:
    peer = ImplicitAls(tastes, **POINT)  # type: ignore[arg-type]
    assert np.abs(peer.score(np.array([12]))).max() < 1e-6


def test_a_missing_package_is_named(tastes: PeerData, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(PeerNotInstalled, match="pip install 'implicit"):
        ImplicitAls(tastes, **POINT)  # type: ignore[arg-type]
