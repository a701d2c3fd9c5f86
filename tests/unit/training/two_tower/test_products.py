"""Product features as the towers read them."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from training.two_tower.products import CONTENT_FIELDS, NUMERIC_FIELDS, Vocabulary, numeric_features, text_columns

COUNTS = ("n_baskets_recent", "n_baskets_prior", "n_baskets_90d", "n_baskets", "n_first_buyers_recent", "n_buyers")
SOLD: Mapping[str, float | None] = {
    "n_baskets_recent": 7,
    "n_baskets_prior": 3,
    "n_baskets_90d": 45,
    "n_baskets": 99,
    "n_first_buyers_recent": 4,
    "n_buyers": 30,
    "repeat_rate": 0.25,
    "days_since_first_sale": 45.0,
}


def table(*rows: Mapping[str, float | None]) -> pa.Table:
    types = {**dict.fromkeys(COUNTS, pa.int64()), "repeat_rate": pa.float64(), "days_since_first_sale": pa.float64()}
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()})


def features(*rows: Mapping[str, float | None]) -> list[dict[str, float]]:
    values = numeric_features(table(*rows), popularity_days=14)
    assert values.dtype == np.float32
    return [dict(zip(NUMERIC_FIELDS, row, strict=True)) for row in values.tolist()]


def test_one_product_by_hand() -> None:
    (found,) = features(SOLD)
    assert found == pytest.approx(
        {
            "log_novelty_rate": np.log((0.6 * 4 + 0.2 * 7) / 14 + 0.2 * 45 / 90 + 0.02),
            "log_recent": np.log(8),
            "log_90d": np.log(46),
            "log_total": np.log(100),
            "trend": np.log(8 / 4),
            "log_first_buyers": np.log(5),
            "log_buyers": np.log(31),
            "repeat_rate": 0.25,
            "sells_now": 1,
            "youth": 0.5,
        },
        rel=1e-5,
    )


def test_a_product_that_was_never_sold_has_zeros_and_the_lowest_rate() -> None:
    unsold, sold = features(dict.fromkeys(SOLD), SOLD)
    lowest = unsold.pop("log_novelty_rate")
    assert lowest == pytest.approx(np.log(0.02))
    assert lowest < sold["log_novelty_rate"]
    assert set(unsold.values()) == {0}


@pytest.mark.parametrize(
    ("count", "feature"),
    [
        ("n_baskets_recent", "log_novelty_rate"),
        ("n_baskets_recent", "log_recent"),
        ("n_baskets_recent", "trend"),
        ("n_baskets_90d", "log_novelty_rate"),
        ("n_baskets_90d", "log_90d"),
        ("n_baskets", "log_total"),
        ("n_first_buyers_recent", "log_novelty_rate"),
        ("n_first_buyers_recent", "log_first_buyers"),
        ("n_buyers", "log_buyers"),
    ],
)
def test_more_sales_never_lower_a_sales_feature(count: str, feature: str) -> None:
    values = [row[feature] for row in features(*({**SOLD, count: n} for n in (0, 1, 2, 10, 1000)))]
    assert values == sorted(values)
    assert len(set(values)) == 5


def test_youth_ends_after_ninety_days() -> None:
    ages = features(*({**SOLD, "days_since_first_sale": days} for days in (0.0, 9.0, 90.0, 3000.0)))
    assert [age["youth"] for age in ages] == pytest.approx([0, 0.1, 1, 1])


def contents(values: Mapping[str, Sequence[str | None]]) -> pa.Table:
    n = len(next(iter(values.values())))
    return pa.table({field: pa.array(values.get(field, [""] * n), pa.string()) for field in CONTENT_FIELDS})


def test_known_values_are_numbered_from_one_and_unknown_ones_are_zero() -> None:
    known = contents({"department": ["dairy", "bakery", None, "dairy"], "brand": ["own", "", "own", "big"]})
    vocabulary = Vocabulary.of(known)
    assert vocabulary.values["department"] == ["bakery", "dairy"]
    assert vocabulary.sizes == [3, 1, 1, 3, 1]
    codes: npt.NDArray[np.int64] = vocabulary.codes(known)
    assert codes.dtype == np.int64
    assert codes.shape == (4, len(CONTENT_FIELDS))
    assert codes[:, 0].tolist() == [2, 1, 0, 2]
    assert codes[:, 3].tolist() == [2, 0, 2, 1]
    assert not codes[:, [1, 2, 4]].any()
    later = vocabulary.codes(contents({"department": ["garden", "dairy", None]}))
    assert later[:, 0].tolist() == [0, 2, 0]
    assert (codes < vocabulary.sizes).all()


def test_missing_texts_are_empty() -> None:
    found = text_columns(contents({"brand": ["own", None]}), ["brand", "department"])
    assert found["brand"].tolist() == ["own", ""]
    assert found["department"].tolist() == ["", ""]
