"""A ranker written and read back."""

from pathlib import Path

import numpy as np

from tests.unit.training.conftest import make_facts
from training.artifact import Bundle, write_bundle
from training.histories import Histories
from training.ranker.bundling import load_ranker, ranker_parts
from training.ranker.model import Ranker


def _bundled(ranker: Ranker, folder: Path) -> Bundle:
    arrays, texts = ranker_parts(ranker)
    return write_bundle(
        folder / "1",
        name="two-tower",
        version="1",
        facts=make_facts(),
        tensors={},
        arrays=arrays,
        frames={},
        texts=texts,
    )


def test_a_round_trip_changes_no_feature_and_no_score(ranker: Ranker, histories: Histories, tmp_path: Path) -> None:
    read = load_ranker(_bundled(ranker, tmp_path), ranker.moment.catalogue)
    assert read is not None
    for row in range(len(histories)):
        for task in ("all", "novel"):
            before = ranker.moment.shopper(histories, row)
            after = read.moment.shopper(histories, row)
            np.testing.assert_array_equal(read.describe(after, task=task)[1], ranker.describe(before, task=task)[1])
            judged, expected = read.judge(after, task=task), ranker.judge(before, task=task)
            np.testing.assert_array_equal(judged.candidates.product_idx, expected.candidates.product_idx)
            np.testing.assert_array_equal(judged.scores, expected.scores)


def test_nothing_in_it_is_as_long_as_the_customers(ranker: Ranker, histories: Histories) -> None:
    arrays, _ = ranker_parts(ranker)
    assert all(len(histories) not in values.shape for values in arrays.values())
