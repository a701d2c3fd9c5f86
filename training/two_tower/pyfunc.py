"""Open a registered version as a model that answers to data frames; MLflow calls `_load_pyfunc`."""

from pathlib import Path

import numpy as np
import pandas as pd

from training.artifact import Bundle
from training.two_tower.scorer import Scorer

K = 10
_BASKET = "basket"


class BundlePredictor:
    """Recommend for baskets, which needs no customer and no feature store.

    Args:
        bundle: An opened bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._scorer = Scorer.load(bundle)

    def predict(self, baskets: pd.DataFrame) -> pd.DataFrame:
        """Rank ten products for each basket.

        Args:
            baskets: One row per basket; column `basket` holds product ids joined by spaces.

        Returns:
            One row per basket and rank: basket (row number), rank (from 1), product_id, score.
        """
        rows = []
        for number, basket in enumerate(baskets[_BASKET].astype(str)):
            basket_idx = self._scorer.catalogue.index_of(basket.split())
            ranking = self._scorer.rank_basket(basket_idx[basket_idx >= 0], allowed=None, k=K)
            product_ids = self._scorer.catalogue.product_ids[ranking.product_idx]
            rows += [
                (number, rank, str(product_id), float(score))
                for rank, (product_id, score) in enumerate(zip(product_ids, ranking.scores, strict=True), start=1)
            ]
        return pd.DataFrame(rows, columns=["basket", "rank", "product_id", "score"])


def input_example(scorer: Scorer) -> pd.DataFrame:
    """Make two baskets of products that sell now; nobody's own."""
    popular = np.argsort(-np.asarray(scorer.products["popularity"]), kind="stable")
    ids = scorer.catalogue.product_ids[popular[:3]]
    return pd.DataFrame({_BASKET: [str(ids[0]), " ".join(ids[1:3])]})


def _load_pyfunc(path: str) -> BundlePredictor:
    return BundlePredictor(Bundle.open(Path(path)))
