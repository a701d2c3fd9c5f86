"""Training examples: candidates of past moments, and whether they were bought in the days after."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from scipy import sparse

from configs.ranker import RankerSettings
from training.histories import Histories
from training.ranker.candidates import choose_candidates, interests_of
from training.ranker.features import FEATURES, pair_features
from training.ranker.moment import Moment

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Pairs of customers and candidates of one window.

    Attributes:
        features: (n, F) in the order of `FEATURES`.
        is_bought: (n,) whether the customer had bought the product before.
        label: (n,) whether he bought it in the target window.
        weight: (n,) how many pairs each stands for: one over the chance that it was drawn.
    """

    features: npt.NDArray[np.float32]
    is_bought: npt.NDArray[np.bool_]
    label: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float32]


def window_moments(train_until: datetime, settings: RankerSettings) -> list[datetime]:
    """List the moments of the training windows, latest first; no window passes `train_until`."""
    n = max(settings.repeat.n_windows, settings.novel.n_windows)
    return [train_until - timedelta(days=settings.target_days + settings.step_days * i) for i in range(n)]


def draw_examples(
    moment: Moment,
    histories: Histories,
    targets: sparse.csr_array,
    settings: RankerSettings,
    *,
    seed: int,
) -> Examples:
    """Judge every customer's candidates by what he bought, all that he bought and a share of the rest.

    Args:
        moment: What was known.
        histories: (C,) customers as of the moment.
        targets: (C, N) bool, bought in the target window.
        settings: Candidates and shares.
        seed: Of the draw.
    """
    draw = np.random.default_rng(seed)
    parts = []
    for row in range(len(histories)):
        if histories.offsets[row] == histories.offsets[row + 1]:
            continue
        shopper = moment.shopper(histories, row)
        interests = interests_of(moment, shopper)
        found = choose_candidates(
            moment,
            shopper,
            interests,
            settings.candidates,
            n_bought=settings.n_bought,
            share_new=1.0,
            allowed=None,
        )
        wanted = np.zeros(len(moment.catalogue), dtype=bool)
        wanted[targets.indices[targets.indptr[row] : targets.indptr[row + 1]]] = True
        label = wanted[found.product_idx]
        share = np.where(found.is_bought, settings.repeat.negative_share, settings.novel.negative_share)
        chance = np.where(label, 1.0, share)
        kept = draw.random(len(label)) < chance
        sample = found.take(kept)
        features = pair_features(moment, shopper, interests, sample)
        parts.append((features, sample.is_bought, label[kept], (1 / chance[kept]).astype(np.float32)))
    if not parts:
        empty = np.empty(0, dtype=bool)
        return Examples(np.empty((0, len(FEATURES)), np.float32), empty, empty, np.empty(0, np.float32))
    return Examples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
