"""How units answer to a change of price, from a bundle alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from training.demand.elasticities import Elasticities
from training.demand.pyfunc import BundlePredictor, _load_pyfunc, input_example


@pytest.fixture
def fitted(chain: Any) -> Elasticities:
    return Elasticities.load(chain.bundle)


def ask(chain: Any, *asked: tuple[str, float]) -> pd.DataFrame:
    return BundlePredictor(chain.bundle).predict(pd.DataFrame(list(asked), columns=["product_id", "price_change"]))


def test_units_follow_the_power_of_the_price(chain: Any, fitted: Elasticities) -> None:
    said = ask(chain, ("p05", 0.1), ("p02", -0.2), ("p05", 0.0))
    expected = [1.1 ** fitted.value[5], 0.8 ** fitted.value[2], 1.0]
    np.testing.assert_allclose(said["units_factor"], expected)
    low, high = fitted.interval(0.8)
    np.testing.assert_allclose(said["low_80"], [1.1 ** low[5], 0.8 ** high[2], 1.0])
    np.testing.assert_allclose(said["high_80"], [1.1 ** high[5], 0.8 ** low[2], 1.0])
    assert said["source"].tolist() == [fitted.sources[5], fitted.sources[2], fitted.sources[5]]


def test_what_nobody_knows_follows_the_chain(chain: Any) -> None:
    said = ask(chain, ("unheard-of", 0.1))
    assert said["source"].tolist() == ["chain"]
    assert said["low_80"].iloc[0] < said["units_factor"].iloc[0] < said["high_80"].iloc[0] < 1


def test_numbers_pass_for_ids(chain: Any) -> None:
    said = BundlePredictor(chain.bundle).predict(pd.DataFrame({"product_id": [42], "price_change": [0.1]}))
    assert said["product_id"].tolist() == ["42"]


def test_the_example_is_answered_and_the_folder_opens(chain: Any, fitted: Elasticities) -> None:
    example = input_example(fitted)
    assert example["product_id"].tolist() == ["p00", "p01"]
    said = _load_pyfunc(str(chain.bundle.directory)).predict(example)
    assert said["units_factor"].iloc[0] < 1 < said["units_factor"].iloc[1]
