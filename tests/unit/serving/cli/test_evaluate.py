"""`fairshelf evaluate demand` and `fairshelf train demand`: options, and what is said of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str]]
QUICK = (
    "demand.forecaster.n_epochs=1",
    "demand.forecaster.n_members=1",
    "demand.forecaster.trees.n_trees=5",
    "demand.elasticity.n_learning_rounds=2",
    "demand.evaluation.n_bootstrap=100",
    "demand.evaluation.min_selling_weeks=5",
)


@pytest.mark.usefixtures("house")
def test_a_backtest_shows_its_table_and_writes_its_files(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = [word for setting in QUICK for word in ("--set", setting)]
    asked = ("--out", str(out), "--track", "none", "--test-weeks", "2", "--train-until", "2024-07-01")
    code, printed = call("evaluate", "demand", *asked, *settings)
    assert code == 0
    assert {path.name for path in out.iterdir()} == {"forecasts.parquet", "elasticities.parquet", "metrics.json"}
    assert "chain, track none, known to the week of 2024-06-24" in printed
    for method in ("demand_trees", "imapa", "naive"):
        assert method in printed
    assert "products judged │ 39" in printed
    assert "none.wql" in printed


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--track", "sideways"), "sideways"),
        (("--train-until", "2017-02-30"), "2017-02-30"),
        (("--test-weeks", "0"), "--test-weeks"),
        (("--products", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_options_that_cannot_be_used_are_named(call: Call, options: tuple[str, ...], named: str) -> None:
    code, printed = call("evaluate", "demand", "--out", "x", *options)
    assert code == 2
    assert named in printed


@pytest.mark.parametrize("command", [("train", "demand"), ("evaluate", "demand", "--out", "x")])
def test_no_lake_yet_says_to_ingest(call: Call, command: tuple[str, ...]) -> None:
    code, printed = call(*command)
    assert code == 2
    assert "fairshelf ingest" in printed


def test_weeks_beyond_the_data_are_told(house: Any, call: Call) -> None:
    assert house.settings.storage.lake.exists()
    code, printed = call("evaluate", "demand", "--out", "x", "--train-until", "2024-07-22", "--test-weeks", "4")
    assert code == 2
    assert "2024-07-22" in printed
