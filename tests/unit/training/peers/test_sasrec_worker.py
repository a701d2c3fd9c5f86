"""The worker against a RecTools made of paper: which lines it learns from, and where lists land."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.peers.sasrec_worker import FACTS, LINES, LISTS, WISHES, main


class Model:
    """Recommends to everyone asked the products 3 and 1; for new ones 2."""

    taught: pd.DataFrame
    asked: dict[str, Any]

    def __init__(self, **wishes: Any) -> None:
        type(self).asked = wishes

    def fit(self, dataset: Any) -> None:
        """Remember the lines."""
        type(self).taught = dataset.lines

    def recommend(self, *, users: Any, dataset: Any, filter_viewed: bool, **asked: Any) -> Any:
        """Give two places, or one."""
        assert asked == {"k": 4, "on_unsupported_targets": "ignore"}
        assert set(users) <= set(dataset.lines["user_id"])
        items = [2] if filter_viewed else [3, 1]
        return pd.DataFrame(
            [(user, item, rank) for user in users for rank, item in enumerate(items, start=1)],
            columns=["user_id", "item_id", "rank"],
        )


class Dataset:
    """Keeps its lines, and the ids in their own order."""

    def __init__(self, lines: pd.DataFrame) -> None:
        self.lines = lines
        self._ids = lines["user_id"].unique()
        inside = lines["user_id"].map({user: place for place, user in enumerate(self._ids)})
        self.interactions = SimpleNamespace(df=pd.DataFrame({"user_id": inside}))
        self.user_id_map = SimpleNamespace(convert_to_external=lambda users: self._ids[users])

    @classmethod
    def construct(cls, lines: pd.DataFrame) -> "Dataset":
        """Take lines."""
        return cls(lines)


@pytest.fixture
def request_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    seeds: list[int] = []
    modules = {
        "pandas": pd,
        "rectools.dataset": SimpleNamespace(Dataset=Dataset),
        "rectools.models": SimpleNamespace(SASRecModel=Model),
        "pytorch_lightning": SimpleNamespace(seed_everything=lambda seed, **_: seeds.append(seed)),
    }
    monkeypatch.setattr("importlib.import_module", modules.__getitem__)
    np.savez(
        tmp_path / LINES,
        customer=np.array([4, 4, 0, 2]),
        product=np.array([1, 2, 3, 1]),
        days_ago=np.array([9.0, 8.0, 7.0, 1.0]),
        trainable=np.array([True, True, False, True, True]),
    )
    shape = {"n_factors": 8, "n_blocks": 1, "history_length": 5, "n_negatives": 7, "n_epochs": 2}
    (tmp_path / WISHES).write_text(json.dumps({**shape, "seed": 3, "k": 4}), encoding="utf-8")
    return tmp_path


def test_it_learns_from_those_who_agreed_and_ranks_for_all(request_folder: Path) -> None:
    main(request_folder)
    assert Model.taught["user_id"].tolist() == [4, 4, 0]
    assert Model.taught["datetime"].is_monotonic_increasing
    assert (Model.asked["n_factors"], Model.asked["session_max_len"], Model.asked["n_negatives"]) == (8, 5, 7)
    with np.load(request_folder / LISTS) as lists:
        assert lists["all"].tolist() == [[3, 1, -1, -1], [-1] * 4, [3, 1, -1, -1], [-1] * 4, [3, 1, -1, -1]]
        assert lists["novel"][:, 0].tolist() == [2, -1, 2, -1, 2]
    assert json.loads((request_folder / FACTS).read_text())["peak_memory_gb"] > 0
