"""`fairshelf forecast`: everything as a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Call = Callable[..., tuple[int, str]]


@pytest.mark.usefixtures("house")
def test_forecast_writes_the_horizon_by_default(facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "forecasts.parquet"
    said = facts("forecast", "--out", str(out))
    assert (said["products"], said["pairs of product and store"], said["weeks"], said["version"]) == (40, 0, 4, "1")
    assert pq.read_table(out).num_rows == 160


def test_forecast_of_stores_and_other_weeks(house: Any, facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "forecasts.parquet"
    said = facts("forecast", "--out", str(out), "--weeks", "2", "--stores")
    n_pairs = len(house.sources.stores)
    assert (said["pairs of product and store"], said["weeks"]) == (n_pairs, 2)
    assert pq.read_table(out).num_rows == 2 * (40 + n_pairs)


@pytest.mark.parametrize("weeks", ["0", "27"])
def test_weeks_out_of_range(call: Call, weeks: str) -> None:
    code, printed = call("forecast", "--out", "x", "--weeks", weeks)
    assert code == 2
    assert "--weeks" in printed


def test_no_champion_yet_says_to_train(call: Call) -> None:
    code, printed = call("forecast", "--out", "x")
    assert code == 2
    assert "fairshelf train demand" in printed
