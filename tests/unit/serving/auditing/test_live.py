"""Lists on record, joined with what was bought after them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from serving.auditing.live import _is_ours, newest_lists, relevant_after, task_of
from serving.decisions import Decision
from training.catalogue import Catalogue

CATALOGUE = Catalogue(np.array(["apple", "bread", "cheese"]))


def decision(subject: str, at: str, *products: str, **request: Any) -> Decision:
    items = [{"product_id": product} for product in products]
    return Decision(f"dec_{subject}_{at}", at, subject, {"request": request, "items": items})


def test_the_newest_list_of_each_task_counts() -> None:
    shown = newest_lists(
        [
            decision("ben", "2026-01-01T10:00:00.000Z", "apple", "bread"),
            decision("ada", "2026-01-01T11:00:00.000Z", "cheese"),
            decision("ben", "2026-01-01T12:00:00.000Z", "gone", "cheese", "apple"),
            decision("ben", "2026-01-01T13:00:00.000Z", "bread", placement="discover"),
        ],
        CATALOGUE,
    )
    assert shown.customer_ids == ["ada", "ben"]
    assert shown.lists["all"][:, :3].tolist() == [[2, -1, -1], [2, 0, -1]]  # what left the catalogue is passed over
    assert shown.lists["novel"][:, 0].tolist() == [-1, 1]
    assert shown.shown_at["all"]["ben"] == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_what_was_asked_tells_the_task() -> None:
    assert task_of({"request": {"placement": "discover"}}) == "novel"
    assert task_of({"request": {"filter": {"exclude_purchased": True}}}) == "novel"
    assert task_of({"request": {"filter": {"departments": ["DELI"]}}}) == "all"
    assert task_of({}) == "all"


def test_only_purchases_after_the_list_count_and_new_ones_must_be_new() -> None:
    shown = newest_lists(
        [
            decision("ada", "2026-01-02T00:00:00.000Z", "apple"),
            decision("ada", "2026-01-02T00:00:00.000Z", "bread", placement="discover"),
        ],
        CATALOGUE,
    )
    moments = pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-03", "2026-01-03"], utc=True)
    purchases = pd.DataFrame(
        {
            "customer_id": ["ada", "ada", "ada", "zoe"],
            "product_id": ["cheese", "apple", "bread", "apple"],
            "event_timestamp": moments,
        }
    )
    history = sparse.csr_array(np.array([[True, False, False]]))
    marked = relevant_after(shown, purchases, CATALOGUE, history)
    assert marked["all"].toarray().tolist() == [[True, True, False]]
    assert marked["novel"].toarray().tolist() == [[False, True, False]]


def test_nothing_bought_marks_nothing() -> None:
    shown = newest_lists([decision("ada", "2026-01-02T00:00:00.000Z", "apple")], CATALOGUE)
    empty = pd.DataFrame({"customer_id": [], "product_id": [], "event_timestamp": pd.to_datetime([], utc=True)})
    marked = relevant_after(shown, empty, CATALOGUE, sparse.csr_array((1, 3), dtype=bool))
    assert marked["all"].nnz == 0


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"placement": {"name": "discover"}}, True),
        ({"placement": {"name": "reorder"}}, False),
        ({"bundle_digest": "another"}, False),
        ({"kind": "similar_products"}, False),
    ],
)
def test_only_lists_as_the_model_was_audited_for_count(changes: dict[str, Any], counts: bool) -> None:
    facts = {"kind": "recommendations", "bundle_digest": "b", **changes}
    assert _is_ours(Decision("dec_1", "2026-01-01T10:00:00.000Z", "ben", facts), "b") is counts
