"""Lists on record and lists as the service makes them, told apart from what cannot be compared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from serving.decisions import Decision
from serving.drifting import lists_as_served, lists_on_record, measure_drift
from training.catalogue import Catalogue
from training.drift import read_drift
from training.errors import ModelUnknown

CATALOGUE = Catalogue(np.array(["apple", "bread", "cheese"]))
ALLOWED = frozenset({"ada", "ben"})


def decision(subject: str | None, *products: str, at: int = 1, **facts: Any) -> Decision:
    items = [
        {"product_id": product, "score": 1 / place, "source": "repeat" if place == 1 else "two_tower"}
        for place, product in enumerate(products, start=1)
    ]
    usual = {"kind": "recommendations", "bundle_digest": "b", "request": {}, "items": items}
    return Decision(f"dec_{at}", f"2026-01-0{at}T10:00:00.000Z", subject, {**usual, **facts})


def recorded(*decisions: Decision) -> list[list[int]]:
    lists = lists_on_record(decisions, "b", CATALOGUE, allowed=ALLOWED, k=2)
    found: list[list[int]] = lists.positions.tolist()
    return found


def test_each_persons_newest_list_counts_newest_first_and_to_its_length() -> None:
    decisions = [
        decision("ada", "apple", "bread", at=1),
        decision("ben", "cheese", "apple", "bread", at=2),
        decision("ada", "bread", "gone", at=3),
    ]
    assert recorded(*decisions) == [[1, -1], [2, 0]]
    lists = lists_on_record(decisions, "b", CATALOGUE, allowed=ALLOWED, k=2)
    assert lists.scores.tolist() == [[1, 0.5]] * 2
    assert lists.sources.tolist() == [["repeat", "two_tower"]] * 2


@pytest.mark.parametrize(
    "other",
    [
        decision(None, "apple", "bread"),
        decision("zoe", "apple", "bread"),  # does not allow it any more
        decision("ada", "apple"),
        decision("ada", "apple", "bread", bundle_digest="another"),
        decision("ada", "apple", "bread", kind="price_suggestions"),
        decision("ada", "apple", "bread", request={"filter": {"departments": ["DELI"]}}),
        decision("ada", "apple", "bread", request={"context": {"basket": ["cheese"]}}),
        decision("ada", "apple", "bread", placement={"name": "discover"}),
    ],
    ids=["nobody", "no consent", "short", "version", "kind", "filter", "basket", "placement"],
)
def test_what_training_cannot_be_compared_by_is_left_out(other: Decision) -> None:
    assert recorded(other) == []
    assert recorded(other, decision("ben", "cheese", "bread", at=2, placement={"name": "home"})) == [[2, 1]]


def test_lists_are_made_as_the_service_makes_them(shop: Any) -> None:
    champion, settings = shop.services.bundles.champion(), load_settings("test").serving.recommend
    rows = [{"product_ids": list(bought), "session_product_ids": []} for bought in (("12", "15"), ("16",), ())]
    lists = lists_as_served(champion.ranker, champion.shelf, rows, settings, k=4)
    for row, positions, sources in zip(rows, lists.positions, lists.sources, strict=True):
        shop.know("ada", *row["product_ids"])
        served = shop.recommend(customer_id="ada", limit=4)["items"]
        assert [champion.shelf.product_ids[position] for position in positions] == [one["product_id"] for one in served]
        assert sources.tolist() == [one["source"] for one in served]
    assert len(lists_as_served(champion.ranker, champion.shelf, rows, settings, k=99)) == 0


def test_drift_of_a_champion_is_measured_and_kept(chain: Any, tmp_path: Path) -> None:
    storage = chain.settings.storage
    now = datetime(2026, 3, 1, tzinfo=UTC)
    drift = measure_drift(chain.bundle, chain.settings, now=now, progress=lambda _: None)
    assert (drift.model, drift.version, drift.bundle_digest) == ("demand", "1", chain.bundle.digest)
    assert drift.before == chain.bundle.manifest.train_until
    assert drift.today == drift.before  # the champion learnt from every week
    assert drift.shifts
    assert all(shift.psi in (0, None) for shift in drift.shifts)
    assert read_drift(storage.reports, "demand") == drift


def test_a_model_without_measures_is_refused(chain: Any) -> None:
    stranger = type(chain.bundle)(chain.bundle.directory, chain.bundle.manifest.model_copy(update={"name": "segments"}))
    with pytest.raises(ModelUnknown, match="segments"):
        measure_drift(stranger, chain.settings, now=datetime.now(UTC), progress=lambda _: None)
