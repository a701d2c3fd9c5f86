"""Settings of the demand models: the forecaster and the price response."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.fields import PositiveInt, Section, Seed, Share


class ElasticitySettings(Section):
    """The price-response model behind price suggestions."""

    seed: Seed
    prior_elasticity: Annotated[float, Field(ge=-10, lt=0)]
    prior_elasticity_sd: Annotated[float, Field(gt=0, le=10)]
    prior_confounding_sd: Annotated[float, Field(gt=0, le=5)]
    shock_memory: Annotated[float, Field(gt=0, lt=1)]
    n_learning_products: Annotated[int, Field(ge=10, le=100_000)]
    n_learning_rounds: Annotated[int, Field(ge=1, le=500)]
    n_rounds: Annotated[int, Field(ge=1, le=100)]
    interval_factor: Annotated[float, Field(ge=1, le=3)]
    min_price_change: Annotated[float, Field(gt=0, le=1)]
    min_price_weeks: Annotated[int, Field(ge=1, le=52)]
    min_learnt_share: Annotated[float, Field(gt=0, lt=1)]


class DemandEvaluationSettings(Section):
    """How demand models are scored."""

    test_weeks: Annotated[int, Field(ge=1, le=52)]
    min_selling_weeks: Annotated[int, Field(ge=1, le=520)]
    max_products: PositiveInt
    band_edges: tuple[float, float, float]
    n_bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    seed: Seed

    @model_validator(mode="after")
    def _edges_ascend(self) -> Self:
        if not 0 < self.band_edges[0] < self.band_edges[1] < self.band_edges[2]:
            raise ValueError(f"band_edges {list(self.band_edges)} do not ascend from above 0")
        return self


class EventSettings(Section):
    """A known event that the history cannot teach, such as Christmas after one year of data."""

    name: Annotated[str, Field(min_length=1)]
    first_day: date
    last_day: date
    uplift: Annotated[float, Field(gt=0, le=100)]
    departments: tuple[str, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError(f"event {self.name!r} ends on {self.last_day}, before it begins on {self.first_day}")
        return self


class TreeSettings(Section):
    """The boosted trees that forecast the mean beside the networks."""

    n_trees: Annotated[int, Field(ge=1, le=5000)]
    num_leaves: Annotated[int, Field(ge=2, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    least_rows: PositiveInt
    dispersion: Annotated[float, Field(gt=0, le=10)]
    n_threads: Annotated[int, Field(ge=1, le=256)]


class StoreSettings(Section):
    """How a chain's forecast is split among its stores."""

    n_steps: Annotated[int, Field(ge=1, le=10000)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    n_origins: Annotated[int, Field(ge=1, le=26)]
    max_pairs: Annotated[int, Field(ge=100)]


class ForecasterSettings(Section):
    """The forecaster's networks and what they learn from."""

    n_members: Annotated[int, Field(ge=1, le=32)]
    n_epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    hidden_dim: Annotated[int, Field(ge=1, le=4096)]
    max_rows: Annotated[int, Field(ge=1000)]
    n_origins: Annotated[int, Field(ge=1, le=520)]
    least_selling_share: Share
    rare_share: Share
    trees: TreeSettings
    stores: StoreSettings


class PrivateDemandSettings(Section):
    """A demand version under differential privacy: public constants, chosen before the data are read."""

    target_epsilon: Annotated[float, Field(ge=0.05, le=20)]
    delta: Annotated[float, Field(gt=0, le=1e-4)]
    min_epsilon_to_fit: Annotated[float, Field(ge=0, le=20)]
    half_life_weeks: Annotated[float, Field(gt=0, le=520)]
    max_product_norm: Annotated[float, Field(gt=0, le=1e6)]
    max_regime_norm: Annotated[float, Field(gt=0, le=1e6)]
    max_week_norm: Annotated[float, Field(gt=0, le=1e6)]
    max_store_norm: Annotated[float, Field(gt=0, le=1e6)]
    min_telling_units: Annotated[float, Field(ge=0, le=1e6)]
    share_on_regimes: Annotated[float, Field(gt=0, lt=1)]
    share_on_weeks: Annotated[float, Field(gt=0, lt=1)]
    share_on_stores: Annotated[float, Field(gt=0, lt=1)]
    dispersion: Annotated[float, Field(gt=0, le=10)]
    product_elasticity_sd: Annotated[float, Field(gt=0, le=5)]

    @model_validator(mode="after")
    def _products_get_the_rest(self) -> Self:
        spent = self.share_on_weeks + self.share_on_stores
        if spent >= 1:
            raise ValueError(f"share_on_weeks and share_on_stores sum to {spent:g}, not below 1")
        return self


class DemandSettings(Section):
    """The forecaster, and what both demand models learn from."""

    horizon_weeks: Annotated[int, Field(ge=1, le=26)]
    seed: Seed
    events: tuple[EventSettings, ...]
    forecaster: ForecasterSettings
    elasticity: ElasticitySettings
    evaluation: DemandEvaluationSettings
    private: PrivateDemandSettings
