"""A small panel whose weeks are made up: 12 products, 40 weeks, promotions that sell."""

from collections.abc import Callable

import numpy as np
import pytest

from configs.demand import DemandEvaluationSettings
from training.demand.panel import NUMBERS, TEXTS, Panel

START = np.datetime64("2017-01-02")
N_PRODUCTS, N_WEEKS = 12, 40

MakePanel = Callable[..., Panel]


def _panel(*, n_products: int = N_PRODUCTS, n_weeks: int = N_WEEKS, seed: int = 1) -> Panel:
    rng = np.random.default_rng(seed)
    shape = (n_products, n_weeks)
    level = rng.uniform(2, 20, size=(n_products, 1))
    cut = rng.uniform(size=shape) < 0.2
    shelf = np.repeat(rng.uniform(1, 5, size=(n_products, 1)), n_weeks, axis=1)
    paid = np.where(cut, 0.8 * shelf, shelf)
    units = rng.poisson(level * np.where(cut, 2.0, 1.0)).astype(float)
    texts = {name: np.full(n_products, "", dtype=object) for name in TEXTS}
    texts["category"] = np.array([f"c{place % 3}" for place in range(n_products)], dtype=object)
    return Panel(
        product_ids=np.array([f"p{place:02d}" for place in range(n_products)]),
        weeks=START + 7 * np.arange(n_weeks).astype("timedelta64[D]"),
        units=units,
        shelf_price=shelf,
        paid_price=np.where(units > 0, paid, shelf),
        imputed=units == 0,
        display=np.where(cut, 0.5, 0.0),
        mailer=np.where(cut, 0.3, 0.0),
        stocked_out=np.zeros(shape, dtype=bool),
        attributes={**texts, **{name: np.full(n_products, np.nan) for name in NUMBERS}},
        sold_by_weight=np.zeros(n_products, dtype=bool),
    )


@pytest.fixture
def panel() -> Panel:
    """12 products by 40 weeks."""
    return _panel()


@pytest.fixture(scope="session")
def make_panel() -> MakePanel:
    """Makes panels of other sizes."""
    return _panel


@pytest.fixture
def judging() -> DemandEvaluationSettings:
    """Few resamples, every product judged."""
    return DemandEvaluationSettings(
        test_weeks=8,
        min_selling_weeks=1,
        max_products=100,
        band_edges=(1, 5, 10),
        n_bootstrap=200,
        confidence=0.9,
        seed=3,
    )
