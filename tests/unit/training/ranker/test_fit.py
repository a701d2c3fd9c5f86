"""What the heads learn, and when they refuse."""

import numpy as np
import pytest

from configs.ranker import RankerSettings
from training.ranker.errors import NothingToLearn
from training.ranker.features import FEATURES
from training.ranker.fit import fit_heads
from training.ranker.windows import Examples


def _made(seed: int, *, planted: str) -> Examples:
    """Two hundred bought and two hundred new pairs; whoever has more than half of one feature buys."""
    draw = np.random.default_rng(seed)
    features = draw.random((400, len(FEATURES)), dtype=np.float32)
    label = features[:, FEATURES.index(planted)] > 0.5
    return Examples(features, np.arange(400) % 2 == 0, label, np.ones(400, dtype=np.float32))


def test_both_heads_find_what_was_planted(ranker_settings: RankerSettings) -> None:
    heads = fit_heads([_made(1, planted="taste")], ranker_settings)
    unseen = _made(2, planted="taste")
    chances = heads.judge(unseen.features, unseen.is_bought)
    for kind in (unseen.is_bought, ~unseen.is_bought):
        assert chances[kind & unseen.label].min() > chances[kind & ~unseen.label].max()


def test_a_head_reads_its_latest_windows_alone(ranker_settings: RankerSettings) -> None:
    few = {name: getattr(ranker_settings, name).model_copy(update={"n_windows": 1}) for name in ("repeat", "novel")}
    settings = ranker_settings.model_copy(update=few)
    windows = [_made(1, planted="taste"), _made(3, planted="ease")]
    unseen = _made(2, planted="taste")
    np.testing.assert_array_equal(
        fit_heads(windows, settings).judge(unseen.features, unseen.is_bought),
        fit_heads(windows[:1], settings).judge(unseen.features, unseen.is_bought),
    )


def test_the_same_seed_gives_the_same_trees(ranker_settings: RankerSettings) -> None:
    window = _made(1, planted="store")
    first, second = (fit_heads([window], ranker_settings) for _ in range(2))
    assert first.novel.model_to_string() == second.novel.model_to_string()


def test_nothing_bought_is_nothing_to_learn(ranker_settings: RankerSettings) -> None:
    window = _made(1, planted="taste")
    unbought = Examples(window.features, window.is_bought, window.label & window.is_bought, window.weight)
    with pytest.raises(NothingToLearn, match="novel head has 0 bought candidates"):
        fit_heads([unbought], ranker_settings)
