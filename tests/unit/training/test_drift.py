"""Drift of figures, on populations small enough to work out by hand."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from training.drift import (
    Drift,
    Shift,
    drift_file,
    read_drift,
    shift_of_names,
    shift_of_numbers,
    shifts_of_tables,
    stability_index,
    write_drift,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def index_by_hand(before: list[float], today: list[float]) -> float:
    """Sum it up part by part."""
    n_before, n_today = sum(before) + 0.5 * len(before), sum(today) + 0.5 * len(today)
    total = 0.0
    for old, new in zip(before, today, strict=True):
        p, q = (old + 0.5) / n_before, (new + 0.5) / n_today
        total += (q - p) * math.log(q / p)
    return total


def test_equal_shares_have_an_index_of_nought_whatever_the_size() -> None:
    assert stability_index(np.array([40.0, 40.0]), np.array([40.0, 40.0])) == 0
    assert stability_index(np.array([1000.0, 3000.0]), np.array([10.0, 30.0])) < 0.001


def test_the_index_is_the_sum_over_the_parts_and_finite_where_one_is_empty() -> None:
    before, today = [10.0, 20.0, 70.0], [40.0, 0.0, 60.0]
    found = stability_index(np.array(before), np.array(today))
    assert found == pytest.approx(index_by_hand(before, today))
    assert 0.25 < found < math.inf
    assert stability_index(np.array(today), np.array(before)) == pytest.approx(found)  # neither side is the better one


def test_nobody_cannot_be_compared() -> None:
    assert math.isnan(stability_index(np.zeros(3), np.ones(3)))
    assert shift_of_numbers("inputs", "price", np.empty(0), np.ones(3), 4).psi is None


def test_numbers_are_cut_where_they_were_alike_full_before() -> None:
    before = np.arange(1.0, 9.0)  # 1 to 8: cuts at the quartiles 2.75, 4.5, 6.25 leave two in each part
    today = np.array([7.0, 8.0, 9.0, 50.0])
    shift = shift_of_numbers("inputs", "price", before, today, n_bins=4)
    assert shift.psi == pytest.approx(index_by_hand([2, 2, 2, 2, 0], [0, 0, 0, 4, 0]))
    assert (shift.before, shift.today) == (4.5, 18.5)


def test_what_is_not_known_is_a_part_of_its_own() -> None:
    known, lost = np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, np.nan, np.nan, np.nan])
    shift = shift_of_numbers("inputs", "price", known, lost, n_bins=10)
    assert shift.psi == pytest.approx(index_by_hand([4, 0, 0], [1, 0, 3]))
    assert (shift.before, shift.today) == (1.0, 1.0)


def test_names_are_compared_by_how_often_they_occur() -> None:
    shift = shift_of_names("outputs", "source", ["repeat"] * 3 + ["popular"], ["popular"] * 2 + ["explore"] * 2)
    assert shift.psi == pytest.approx(index_by_hand([0, 1, 3], [2, 2, 0]))  # explore, popular, repeat
    assert shift.before is None


def test_tables_are_compared_column_by_column() -> None:
    settings = load_settings("test").refresh.drift
    before: dict[str, Any] = {"price": np.array([1.0, 2.0]), "store": np.array(["a", "b"])}
    today: dict[str, Any] = {"store": np.array(["a", "a"]), "price": np.array([1.0, 2.0])}
    price, store = shifts_of_tables("inputs", before, today, settings)
    assert (price.figure, price.psi, price.today) == ("price", 0.0, 1.5)
    assert store.psi == pytest.approx(index_by_hand([1, 1], [2, 0]))


def drift_of(**changes: Any) -> Drift:
    shifts = [
        Shift(side="inputs", figure=figure, psi=psi, before=1.0, today=2.0)
        for figure, psi in (("calm", 0.1), ("moved", 0.3), ("far", 2.0), ("single", None))
    ]
    facts: dict[str, Any] = {
        "model": "two-tower",
        "version": "3",
        "bundle_digest": "b" * 64,
        "measured_at": NOW,
        "before": NOW,
        "today": NOW,
        "n_lists": 7,
        "alarm_at": 0.25,
        "shifts": tuple(shifts),
        "notes": (),
    }
    return Drift(**{**facts, **changes})


def test_what_passes_the_alarm_is_named_furthest_first() -> None:
    assert [shift.figure for shift in drift_of().drifted] == ["far", "moved"]


def test_a_comparison_is_kept_and_read_back_and_a_broken_one_is_none(tmp_path: Path) -> None:
    assert read_drift(tmp_path, "two-tower") is None
    drift = drift_of()
    write_drift(drift, tmp_path)
    assert read_drift(tmp_path, "two-tower") == drift
    drift_file(tmp_path, "two-tower").write_text('{"model": "two-')
    assert read_drift(tmp_path, "two-tower") is None
