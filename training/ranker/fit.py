"""Teach the trees from the windows before a cut-off."""

from collections.abc import Sequence
from typing import Any, Final

import lightgbm
import numpy as np

from configs.ranker import RankerSettings, TreeSettings
from training.ranker.errors import NothingToLearn
from training.ranker.model import Heads
from training.ranker.windows import Examples

_LARGEST_SEED: Final = 2**31 - 1
_LEAST_POSITIVES: Final = 10


def fit_heads(windows: Sequence[Examples], settings: RankerSettings) -> Heads:
    """Fit both heads, each on its latest windows.

    Args:
        windows: Examples, latest window first.
        settings: Size and strength of the trees.

    Raises:
        NothingToLearn: If hardly any candidate was bought in the windows.
    """
    repeat = _fit("repeat", windows[: settings.repeat.n_windows], True, settings.repeat, settings)
    novel = _fit("novel", windows[: settings.novel.n_windows], False, settings.novel, settings)
    return Heads(repeat, novel)


def _fit(
    head: str, windows: Sequence[Examples], bought: bool, trees: TreeSettings, settings: RankerSettings
) -> lightgbm.Booster:
    if not windows:
        raise NothingToLearn(head=head, n_positives=0, least=_LEAST_POSITIVES)
    rows = [window.is_bought == bought for window in windows]
    features = np.concatenate([window.features[kept] for window, kept in zip(windows, rows, strict=True)])
    label = np.concatenate([window.label[kept] for window, kept in zip(windows, rows, strict=True)])
    weight = np.concatenate([window.weight[kept] for window, kept in zip(windows, rows, strict=True)])
    if label.sum() < _LEAST_POSITIVES:
        raise NothingToLearn(head=head, n_positives=int(label.sum()), least=_LEAST_POSITIVES)
    parameters: dict[str, Any] = {
        "objective": "binary",
        "num_leaves": trees.num_leaves,
        "learning_rate": trees.learning_rate,
        "min_data_in_leaf": min(trees.least_rows, max(len(label) // 20, 1)),
        "feature_fraction": trees.feature_share,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": trees.l2,
        "max_bin": 63,
        "seed": settings.seed % _LARGEST_SEED,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.n_threads,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(features, label, weight=weight), num_boost_round=trees.n_trees)
