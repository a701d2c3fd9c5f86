"""Open a registered version as a model that answers to data frames; MLflow calls `_load_pyfunc`."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from training.artifact import Bundle
from training.demand.elasticities import Elasticities

_PRODUCT: Final = "product_id"
_CHANGE: Final = "price_change"
_COVERAGE: Final = 0.8


class BundlePredictor:
    """Tell how units answer to a change of price, which needs no feature store.

    Forecasts need the weeks before them: ask the service, or `fairshelf forecast`.

    Args:
        bundle: An opened bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._elasticities = Elasticities.load(bundle)

    def predict(self, changes: pd.DataFrame) -> pd.DataFrame:
        """Give the factor on units of each change of price.

        Args:
            changes: One row per question; column `product_id`, and `price_change` as a share: 0.1 is 10% up.

        Returns:
            The same rows: product_id, price_change, units_factor, low_80, high_80, source.
        """
        product_ids = changes[_PRODUCT].astype(str).tolist()
        found = self._elasticities.of(product_ids, [""] * len(product_ids))
        log_ratio = np.log1p(changes[_CHANGE].to_numpy(dtype=np.float64))
        ends = np.exp(np.stack(found.interval(_COVERAGE)) * log_ratio)  # (2, N)
        return pd.DataFrame(
            {
                _PRODUCT: product_ids,
                _CHANGE: changes[_CHANGE].to_numpy(dtype=np.float64),
                "units_factor": np.exp(found.value * log_ratio),
                "low_80": ends.min(axis=0),
                "high_80": ends.max(axis=0),
                "source": found.sources.astype(object),
            }
        )


def input_example(elasticities: Elasticities) -> pd.DataFrame:
    """Ask of two products what 10% up and 10% down would do."""
    product_ids = [str(product_id) for product_id in elasticities.product_ids[:2]]
    return pd.DataFrame({_PRODUCT: product_ids, _CHANGE: [0.1, -0.1][: len(product_ids)]})


def _load_pyfunc(path: str) -> BundlePredictor:
    return BundlePredictor(Bundle.open(Path(path)))
