"""Folding events into a row against building the row from scratch."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import FeatureSettings
from features.folding import fold
from features.journal import Event, EventType, JournalEntry

AS_OF = datetime(2017, 12, 4, tzinfo=UTC)
SETTINGS = FeatureSettings(
    snapshot_step_days=14,
    n_training_snapshots=2,
    history_length=50,
    session_length=3,
    half_life_short_days=30,
    half_life_long_days=90,
    popularity_days=14,
    price_window_days=28,
    online_ttl_days=365,
    clock="wall",
)
MEASURES = ("n_baskets", "decayed_short", "decayed_long", "days_since_last", "days_since_first")

_times = st.integers(-200 * 86_400_000_000, 30 * 86_400_000_000).map(lambda us: AS_OF + timedelta(microseconds=us))
_purchases = st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3", "p4"]), _times), max_size=30, unique=True)


@given(before=_purchases, after=_purchases, data=st.data())
@settings(max_examples=200, deadline=None)
def test_folding_equals_building_from_scratch(
    before: list[tuple[str, datetime]], after: list[tuple[str, datetime]], data: st.DataObject
) -> None:
    before = [(product, t) for product, t in before if t < AS_OF]
    after = [purchase for purchase in after if purchase not in before]  # late ones too: some lie before AS_OF
    row = from_scratch(before, AS_OF) if before else None
    cut = data.draw(st.integers(0, len(after)))
    for seq, part in enumerate((after[:cut], after[cut:])):
        if part:
            entries = [entry(seq * 100 + i, "purchase", product, t) for i, (product, t) in enumerate(part)]
            row = fold(row, "c1", entries, SETTINGS)
    if row is None:
        return
    twin = from_scratch(before + after, datetime.fromtimestamp(row["as_of_epoch_s"], UTC))
    assert row["product_ids"] == twin["product_ids"]
    for name in MEASURES:
        assert row[name] == pytest.approx(twin[name], rel=1e-9, abs=1e-9), name


@given(kinds=st.lists(st.tuples(st.sampled_from(["view", "add_to_basket", "remove_from_basket", "purchase"]), _times)))
@settings(max_examples=100, deadline=None)
def test_session_lists_the_latest_first_once_each_and_nothing_bought(
    kinds: list[tuple[EventType, datetime]],
) -> None:
    entries = [entry(i + 1, kind, f"p{i % 5}", t) for i, (kind, t) in enumerate(kinds)]
    if not entries:
        return
    session: list[str] = []
    for e in entries:
        product = str(e.event.product_id)
        session = [p for p in session if p != product]
        session = [product, *session] if e.event.type in ("view", "add_to_basket") else session
    row = fold(None, "c1", entries, SETTINGS)
    assert row["session_product_ids"] == session[:3]
    assert row["journal_seq"] == len(entries)


def test_a_purchase_at_the_moment_of_the_row_moves_it_a_second_on() -> None:
    row = fold(
        from_scratch([("p1", AS_OF - timedelta(days=30))], AS_OF), "c1", [entry(7, "purchase", "p2", AS_OF)], SETTINGS
    )
    second = 1 / 86_400
    assert row["as_of_epoch_s"] == int(AS_OF.timestamp()) + 1
    assert row["event_timestamp"] == AS_OF + timedelta(seconds=1)
    assert row["product_ids"] == ["p2", "p1"]
    assert row["days_since_last"] == pytest.approx([second, 30 + second], rel=1e-12)
    assert row["decayed_short"] == pytest.approx([2 ** (-second / 30), 2 ** (-(30 + second) / 30)], rel=1e-12)
    assert row["journal_seq"] == 7


def test_a_late_event_never_turns_the_row_back() -> None:
    row = fold(
        from_scratch([("p1", AS_OF - timedelta(days=1))], AS_OF),
        "c1",
        [entry(1, "purchase", "p2", AS_OF - timedelta(days=9))],
        SETTINGS,
    )
    assert row["as_of_epoch_s"] == int(AS_OF.timestamp())
    assert row["product_ids"] == ["p1", "p2"]
    assert row["days_since_last"] == [1.0, 9.0]


def test_a_line_that_repeats_another_adds_no_basket() -> None:
    entries = [entry(1, "purchase", "p1", AS_OF), entry(2, "purchase", "p1", AS_OF, repeats_line=True)]
    row = fold(None, "c1", entries, SETTINGS)
    assert (row["n_baskets"], row["journal_seq"]) == ([1], 2)


def test_the_longest_history_keeps_the_latest() -> None:
    entries = [entry(i, "purchase", f"p{i:03}", AS_OF - timedelta(days=i)) for i in range(60)]
    row = fold(None, "c1", entries, SETTINGS)
    assert row["product_ids"] == [f"p{i:03}" for i in range(50)]
    assert all(len(row[name]) == 50 for name in MEASURES)


def from_scratch(purchases: list[tuple[str, datetime]], as_of: datetime) -> dict[str, Any]:
    """The obvious way: all days at once, no state."""
    days: dict[str, list[float]] = {}
    for product, t in purchases:
        assert t < as_of
        days.setdefault(product, []).append((as_of - t) / timedelta(days=1))
    order = sorted(days, key=lambda product: (min(days[product]), product))
    return {
        "product_ids": order,
        "n_baskets": [len(days[p]) for p in order],
        "decayed_short": [sum(2 ** (-d / SETTINGS.half_life_short_days) for d in days[p]) for p in order],
        "decayed_long": [sum(2 ** (-d / SETTINGS.half_life_long_days) for d in days[p]) for p in order],
        "days_since_last": [min(days[p]) for p in order],
        "days_since_first": [max(days[p]) for p in order],
        "session_product_ids": [],
        "as_of_epoch_s": int(as_of.timestamp()),
        "journal_seq": 0,
    }


def entry(seq: int, kind: EventType, product: str, at: datetime, *, repeats_line: bool = False) -> JournalEntry:
    """Make a journal entry of c1."""
    return JournalEntry(seq, Event(f"e{seq}", kind, "c1", product, None, None, None, None, at), at, repeats_line)
