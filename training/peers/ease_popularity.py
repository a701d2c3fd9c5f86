"""EASE with what everyone buys lately added to its scores."""

from collections.abc import Sequence

from scipy import sparse

from training.baselines import Ease, Popularity, Ranked, Scores, Task, rank_in_blocks
from training.peers.data import PeerData


class EasePopularity:
    """EASE's score plus a weight times the share of customers who bought the product in a window.

    Args:
        data: Baskets before the cut-off.
        half_life_days: Decay of EASE's basket counts; None for none.
        regularization: EASE's ridge penalty; above 0.
        popularity_days: Length of the window; days.
        popularity_weight: Of the share of customers; 0 gives EASE.
    """

    name = "ease_popularity"

    def __init__(
        self,
        data: PeerData,
        *,
        half_life_days: float | None,
        regularization: float,
        popularity_days: int,
        popularity_weight: float,
    ) -> None:
        self._ease = fit_ease(data, half_life_days=half_life_days, regularization=regularization)
        self._histories = data.rows(data.counts(half_life_days))
        buyers = Popularity(data.training, self._histories, data.cutoff, days=popularity_days).counts  # (N,)
        self._added = popularity_weight * buyers / max(int(data.trainable.sum()), 1)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by the sum."""
        return rank_in_blocks(customer_ids, self._histories, self.score, task=task, k=k)

    def score(self, rows: sparse.csr_array) -> Scores:
        """Score every product for (b, N) rows of counts."""
        scores: Scores = self._ease.score(rows) + self._added
        return scores


def fit_ease(data: PeerData, *, half_life_days: float | None, regularization: float) -> Ease:
    """Fit EASE on the people who agreed to model training, to rank for everyone.

    Args:
        data: Baskets before the cut-off.
        half_life_days: Decay of the basket counts; None for none.
        regularization: Ridge penalty; above 0.
    """
    counts = data.counts(half_life_days)
    learnt = data.rows(data.taught(counts))
    return Ease(learnt, data.rows(counts), regularization=regularization)
