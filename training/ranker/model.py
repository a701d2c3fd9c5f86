"""The fitted ranker: from one customer to judged products, for backtests and live requests alike."""

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt

from configs.ranker import CandidateSettings
from training.baselines import Task
from training.ranker.candidates import Candidates, choose_candidates, interests_of
from training.ranker.features import pair_features
from training.ranker.moment import Moment
from training.ranker.shopper import Shopper

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Heads:
    """The trees.

    Attributes:
        repeat: Chance that a bought product is bought again within the target window.
        novel: Chance that a never bought candidate is bought within it.
    """

    repeat: lightgbm.Booster
    novel: lightgbm.Booster

    def judge(self, features: npt.NDArray[np.float32], is_bought: Mask) -> Floats:
        """Give the chance of a purchase for (n, F) pair features: (n,) in (0, 1)."""
        chances = np.empty(len(is_bought))
        for trees, rows in ((self.repeat, is_bought), (self.novel, ~is_bought)):
            if rows.any():
                chances[rows] = trees.predict(features[rows], num_threads=1, predict_disable_shape_check=True)
        return chances


@dataclass(frozen=True, eq=False)
class Judged:
    """Products judged for one customer, in no order.

    Attributes:
        candidates: The n products.
        features: (n, F) what the trees read of each.
        scores: (n,) chance of a purchase within the target window.
    """

    candidates: Candidates
    features: npt.NDArray[np.float32]
    scores: Floats


@dataclass(frozen=True, eq=False)
class Reach:
    """How many candidates are judged; part of the model, as it was trained on them."""

    candidates: CandidateSettings
    n_bought: int
    share_new_in_all: float


class Ranker:
    """Two stages in one object.

    Args:
        moment: What is known of products.
        heads: The trees.
        reach: How many candidates are judged.
    """

    def __init__(self, moment: Moment, heads: Heads, reach: Reach) -> None:
        self.moment = moment
        self.heads = heads
        self.reach = reach

    def judge(self, shopper: Shopper, *, task: Task, allowed: Mask | None = None) -> Judged:
        """Find and judge candidates for one customer.

        Args:
            shopper: The customer.
            task: `all` judges bought and new products, `novel` new ones alone.
            allowed: (N,) products that may be shown; None allows all.
        """
        candidates, features = self.describe(shopper, task=task, allowed=allowed)
        return Judged(candidates, features, self.heads.judge(features, candidates.is_bought))

    def describe(
        self, shopper: Shopper, *, task: Task, allowed: Mask | None = None
    ) -> tuple[Candidates, npt.NDArray[np.float32]]:
        """Find candidates and compute what the trees read of each: (n, F)."""
        interests = interests_of(self.moment, shopper)
        candidates = choose_candidates(
            self.moment,
            shopper,
            interests,
            self.reach.candidates,
            n_bought=self.reach.n_bought if task == "all" else 0,
            share_new=self.reach.share_new_in_all if task == "all" else 1.0,
            allowed=allowed,
        )
        return candidates, pair_features(self.moment, shopper, interests, candidates)
