"""Made-up customers: each his own, all of public products."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from privacy.auditing.errors import CanariesUnplantable
from training.catalogue import Catalogue
from training.two_tower.private_canaries import (
    N_ANSWERS,
    N_HISTORY,
    counting_purchases,
    made_up_shop,
    training_canaries,
)
from training.two_tower.private_popularity import ReleasedPopularity

TIMES = (datetime(2025, 4, 1, tzinfo=UTC), datetime(2025, 5, 1, tzinfo=UTC))
UNTIL = datetime(2025, 5, 12, tzinfo=UTC)
SHELF = Catalogue(np.array([f"p{i:03d}" for i in range(100)]))
TAUGHT = np.arange(40)


def content() -> np.ndarray:
    """Twenty kinds of products, five of each; a kind's products are alike but for a hair."""
    vectors = np.eye(20)[np.arange(100) % 20] + 1e-3 * np.random.default_rng(1).normal(size=(100, 20))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_no_two_canaries_have_the_same_and_buy_the_same() -> None:
    histories, answers = training_canaries(content(), TAUGHT, 60)
    assert histories.shape == (60, N_HISTORY)
    assert answers.shape == (60, N_ANSWERS)
    assert len({(*had, *bought) for had, bought in zip(histories.tolist(), answers.tolist(), strict=True)}) == 60
    assert set(answers.ravel()) <= set(TAUGHT)
    assert not set(histories.ravel()) & set(TAUGHT), "what is known cannot be bought for the first time"


def test_histories_are_like_the_answers() -> None:
    vectors = content()
    histories, answers = training_canaries(vectors, TAUGHT, 5)
    likeness = np.einsum("nd,nd->n", vectors[histories].mean(axis=1), vectors[answers].mean(axis=1))
    anybody = float((vectors[40:].mean(axis=0) @ vectors[:40].mean(axis=0)).item())
    assert (likeness > 1.5 * anybody).all()


def test_more_canaries_than_there_are_products_are_refused() -> None:
    with pytest.raises(CanariesUnplantable, match="285 different canaries, and 300 are asked for"):
        training_canaries(content(), TAUGHT, 300)
    with pytest.raises(CanariesUnplantable):
        counting_purchases(SHELF, 101, 0, 4, UNTIL, seed=1)


def test_canaries_of_the_counts_share_no_product() -> None:
    lines, canary_ids, other_ids = counting_purchases(SHELF, 30, 10, 18, UNTIL, seed=1)
    mine = lines[lines["customer_id"].isin(canary_ids)]
    assert len(mine) == 30 * 3
    assert mine["product_id"].is_unique
    assert (len(canary_ids), len(other_ids)) == (30, 10)
    assert set(lines["event_timestamp"]) == {pd.Timestamp(UNTIL - timedelta(days=1))}


def test_a_shop_is_histories_first_and_answers_later() -> None:
    popularity = ReleasedPopularity(np.arange(1.0, 101), np.ones(100), TAUGHT)
    histories, answers = training_canaries(content(), TAUGHT, 7)
    shop = made_up_shop(SHELF, popularity, (histories, answers), 5, TIMES, seed=1)
    first = shop.lines[shop.lines["customer_id"] == shop.canary_ids[0]]
    times = pd.to_datetime(first["event_timestamp"])
    had, bought = (first.loc[times == at, "product_id"] for at in TIMES)
    assert SHELF.index_of(had.tolist()).tolist() == histories[0].tolist()
    assert SHELF.index_of(bought.tolist()).tolist() == answers[0].tolist()
    assert (len(shop.canary_ids), len(shop.other_ids)) == (7, 5)
    again = made_up_shop(SHELF, popularity, (histories, answers), 5, TIMES, seed=1)
    assert shop.lines.equals(again.lines), "the seed is public: nobody real is among them"
