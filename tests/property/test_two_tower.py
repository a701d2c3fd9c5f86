"""Ragged histories and shared baskets, for any input, against pure Python."""

from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from training.catalogue import Catalogue
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories, from_arrow, from_row
from training.two_tower.module import SnapshotBatches
from training.two_tower.together import basket_companions

CATALOGUE = Catalogue(np.array(["beer", "bread", "eggs", "milk", "tea"]))
PRODUCTS = (*CATALOGUE.product_ids.tolist(), "caviar", "truffles")  # the last two are not in the catalogue
Row = dict[str, Any]


@st.composite
def ragged(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]]]:
    """Each customer's products and session, customers without either included."""
    lists = st.lists(st.integers(0, 50), max_size=6)
    n_customers = draw(st.integers(1, 8))
    both = [draw(st.lists(lists, min_size=n_customers, max_size=n_customers)) for _ in range(2)]
    return both[0], both[1]


def batch_of(bought: list[list[int]], session: list[list[int]]) -> Histories:
    offsets, session_offsets = (np.cumsum([0, *map(len, lists)]) for lists in (bought, session))
    flat = np.array([product for products in bought for product in products], dtype=np.int64)
    return Histories(
        offsets=offsets,
        product_idx=flat,
        pairs=np.arange(len(flat) * len(PAIR_FIELDS), dtype=np.float32).reshape(-1, len(PAIR_FIELDS)),
        profiles=np.arange(len(bought) * len(PROFILE_FIELDS), dtype=np.float32).reshape(-1, len(PROFILE_FIELDS)),
        session_offsets=session_offsets,
        session_idx=np.array([product for products in session for product in products], dtype=np.int64),
        stores=np.array([f"s{row}" for row in range(len(bought))], dtype=str),
    )


@given(ragged(), st.data())
def test_taking_customers_equals_picking_lists(lists: tuple[list[list[int]], list[list[int]]], data: Any) -> None:
    bought, session = lists
    rows = data.draw(st.lists(st.integers(0, len(bought) - 1), max_size=10))
    histories = batch_of(bought, session)
    taken = histories.take(np.array(rows, dtype=np.int64))
    assert len(taken) == len(rows)
    for place, row in enumerate(rows):
        mine = slice(*taken.offsets[place : place + 2])
        assert taken.product_idx[mine].tolist() == bought[row]
        assert taken.pairs[mine].tolist() == histories.pairs[slice(*histories.offsets[row : row + 2])].tolist()
        assert taken.session_idx[slice(*taken.session_offsets[place : place + 2])].tolist() == session[row]
        assert taken.profiles[place].tolist() == histories.profiles[row].tolist()
        assert taken.is_blank[place] == (not bought[row] and not session[row])
    assert taken.customer_of_pair.tolist() == [place for place, row in enumerate(rows) for _ in bought[row]]
    assert taken.offsets[-1] == len(taken.product_idx)


days = st.floats(0, 1000, width=32)


@st.composite
def feature_rows(draw: st.DrawFn) -> Row:
    """One customer as the feature store gives him, lists or whole profile missing at times."""
    ids = draw(st.lists(st.sampled_from(PRODUCTS), unique=True, max_size=5))
    row: Row = {"product_ids": ids, "n_baskets": [draw(st.integers(1, 99)) for _ in ids]}
    row |= {field: [draw(days) for _ in ids] for field in PAIR_FIELDS[1:]}
    row["session_product_ids"] = draw(st.lists(st.sampled_from(PRODUCTS), max_size=3))
    row |= {field: draw(st.none() | days) for field in PROFILE_FIELDS}
    row["store_id"] = draw(st.sampled_from([None, "s1", "s22"]))
    if draw(st.booleans()) and not ids:
        row |= dict.fromkeys(("product_ids", *PAIR_FIELDS))
    return row


@given(st.lists(feature_rows(), min_size=1, max_size=4))
@settings(deadline=None)
def test_training_rows_and_online_rows_make_the_same_batch(rows: list[Row]) -> None:
    texts, whole, numbers = pa.list_(pa.string()), pa.list_(pa.int64()), pa.list_(pa.float64())
    types: Row = {"product_ids": texts, "n_baskets": whole, **dict.fromkeys(PAIR_FIELDS[1:], numbers)}
    types |= {"session_product_ids": texts, "store_id": pa.string(), **dict.fromkeys(PROFILE_FIELDS, pa.float64())}
    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()})
    batch = from_arrow(table, CATALOGUE)
    for number, row in enumerate(rows):
        offline, online = batch.take(np.array([number])), from_row(row, CATALOGUE)
        for name in ("offsets", "product_idx", "pairs", "profiles", "session_offsets", "session_idx"):
            np.testing.assert_array_equal(getattr(offline, name), getattr(online, name), strict=True)
        known = [product for product in row["product_ids"] or [] if product in CATALOGUE.product_ids]
        assert offline.stores.tolist() == online.stores.tolist() == [row["store_id"] or ""]
        assert CATALOGUE.product_ids[online.product_idx].tolist() == known


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(0, 2**32 - 1),
    st.integers(0, 50),
)
def test_an_epoch_holds_every_example_once(sizes: list[int], batch_size: int, seed: int, epoch: int) -> None:
    starts = np.cumsum([0, *sizes])
    sampler = SnapshotBatches([np.arange(size) for size in sizes], batch_size=batch_size, seed=seed)
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert sorted(example for batch in found for example in batch) == list(range(sum(sizes)))
    assert len(found) == len(sampler)
    assert all(1 <= len(batch) <= batch_size for batch in found)
    parts = [{int(np.searchsorted(starts, example, side="right")) for example in batch} for batch in found]
    assert all(len(part) == 1 for part in parts)
    assert found == list(sampler)


lines = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5).map(str), st.sampled_from(PRODUCTS)), max_size=60)


@given(lines)
@settings(deadline=None)
def test_companions_equal_counting_every_pair(drawn: list[tuple[str, str, str]]) -> None:
    found, scores = basket_companions(
        pd.DataFrame(drawn, columns=["customer_id", "basket_id", "product_id"], dtype=object), CATALOGUE
    )
    held: dict[tuple[str, str], set[str]] = {}
    for customer, basket, product in drawn:
        held.setdefault((customer, basket), set()).add(product)
    ids = CATALOGUE.product_ids.tolist()
    n = {(a, b): sum(a in basket and b in basket for basket in held.values()) for a in ids for b in ids}
    for position, product in enumerate(ids):
        score = {other: n[product, other] / sqrt((n[product, product] + 20) * (n[other, other] + 20)) for other in ids}
        listed = [ids[i] for i in found[position] if i >= 0]
        assert set(listed) == {other for other in ids if other != product and n[product, other] >= 3}
        np.testing.assert_allclose(scores[position, : len(listed)], [score[other] for other in listed], rtol=1e-5)
        assert (np.diff(scores[position]) <= 0).all()
        assert ((scores[position] >= 0) & (scores[position] < 1)).all()
