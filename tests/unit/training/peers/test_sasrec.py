"""SASRec's process: what it is told, what it answers, and how it is stopped. RecTools itself is not needed."""

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from training.peers.data import PeerData
from training.peers.errors import PeerEnvironmentMissing, PeerFailed, PeerUnfinished
from training.peers.sasrec import N_RANKS, SasRec

SHAPE = {"n_factors": 4, "n_blocks": 1, "history_length": 3, "n_negatives": 2, "n_epochs": 1}

# Stands in for the other environment's Python: its second argument is the folder of the request.
ANSWERS = """
import json, sys
import numpy as np
folder = sys.argv[2]
wishes = json.load(open(f"{folder}/wishes.json"))
lines = np.load(f"{folder}/lines.npz")
shape = {"n_factors": 4, "n_blocks": 1, "history_length": 3, "n_negatives": 2, "n_epochs": 1}
assert wishes == {**shape, "seed": 9, "k": 100}
assert (np.diff(lines["days_ago"]) <= 0).all()
lists = np.full((len(lines["trainable"]), wishes["k"]), -1)
lists[lines["customer"], 0] = lines["product"]  # the product bought last
np.savez(f"{folder}/lists.npz", all=lists, novel=lists[:, ::-1])
json.dump({"peak_memory_gb": 0.25}, open(f"{folder}/facts.json", "w"))
"""


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    return tmp_path / "python"


def fitted(data: PeerData, interpreter: Path, script: str, limit_s: int = 60) -> SasRec:
    program = interpreter.with_suffix(".py")
    program.write_text(script, encoding="utf-8")
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n', encoding="utf-8")
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    return SasRec(data, seed=9, interpreter=interpreter, limit_s=limit_s, **SHAPE)


def test_lists_come_back_for_the_customers_they_are_of(shopped: PeerData, interpreter: Path) -> None:
    peer = fitted(shopped, interpreter, ANSWERS)
    assert peer.peak_memory_gb == 0.25
    positions, scores = peer.rank(["p5", "stranger", "p0"], task="all", k=2)
    for row, who in ((0, 5), (2, 0)):
        mine = shopped.customer == who
        newest = shopped.days_ago[mine].min()
        assert positions[row, 0] == max(shopped.product[mine & (shopped.days_ago == newest)])
    assert positions[:, 1].tolist() == [-1, -1, -1]
    assert positions[1].tolist() == [-1, -1]
    assert scores[0, 0] == 0
    assert np.isneginf(scores[1]).all()


def test_tasks_have_lists_of_their_own_and_longer_lists_end_empty(shopped: PeerData, interpreter: Path) -> None:
    peer = fitted(shopped, interpreter, ANSWERS)
    positions, _ = peer.rank(["p5"], task="novel", k=N_RANKS + 5)
    assert np.flatnonzero(positions[0] >= 0).tolist() == [N_RANKS - 1]


def test_it_is_stopped_in_time(shopped: PeerData, interpreter: Path) -> None:
    with pytest.raises(PeerUnfinished, match="did not finish in 1 s"):
        fitted(shopped, interpreter, "import time\ntime.sleep(30)", limit_s=1)


def test_its_last_words_are_told(shopped: PeerData, interpreter: Path) -> None:
    with pytest.raises(PeerFailed, match=r"code 1, at last saying \"ModuleNotFoundError: No module named 'nowhere'\""):
        fitted(shopped, interpreter, "import nowhere")


def test_without_an_interpreter_it_says_how_to_make_one(shopped: PeerData, tmp_path: Path) -> None:
    with pytest.raises(PeerEnvironmentMissing, match=r"rectools\[torch\]"):
        SasRec(shopped, seed=9, interpreter=tmp_path / "absent", limit_s=1, **SHAPE)
