"""The schema of every setting: types and legal ranges. Values live in the YAML files beside it."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.bench import BenchSettings
from configs.demand import DemandSettings
from configs.experiments import ExperimentSettings
from configs.exploration import ExplorationSettings, PolicyEvaluationSettings
from configs.fairness import FairnessSettings
from configs.fields import (
    PROJECT_ROOT,
    AnchoredPath,
    PositiveDays,
    PositiveInt,
    Section,
    Share,
    TimeZoneName,
)
from configs.placements import PlacementsSettings
from configs.pricing import PricingSettings
from configs.privacy import PrivacySettings
from configs.ranker import RankerSettings
from configs.refresh import RefreshSettings

__all__ = ["PROJECT_ROOT", "PrivacySettings", "Section"]


class StorageSettings(Section):
    """Where everything that runs writes."""

    root: AnchoredPath
    min_free_gb: Annotated[float, Field(ge=0, le=1000)]

    @property
    def lake(self) -> Path:
        """Parquet tables and their manifest."""
        return self.root / "lake"

    @property
    def feast(self) -> Path:
        """Feast registry, online store and feature tables."""
        return self.root / "feast"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of unfinished training runs."""
        return self.root / "checkpoints"

    @property
    def mlflow(self) -> Path:
        """Tracking database and run artefacts."""
        return self.root / "mlflow"

    @property
    def bundles(self) -> Path:
        """Model bundles, one folder per model and version."""
        return self.root / "bundles"

    @property
    def exports(self) -> Path:
        """Files made for people outside: lists of customers, batches of recommendations."""
        return self.root / "exports"

    @property
    def reports(self) -> Path:
        """Data, evaluation and benchmark reports."""
        return self.root / "reports"

    @property
    def vault(self) -> Path:
        """Identity vault: pseudonyms and the ids they stand for."""
        return self.root / "vault"

    @property
    def audit(self) -> Path:
        """Sealed demographics, readable with the audit key alone."""
        return self.root / "audit"

    @property
    def demographics_log(self) -> Path:
        """Who opened the sealed demographics, when and why."""
        return self.audit / "access.jsonl"

    @property
    def keys(self) -> Path:
        """Secrets: pseudonym keys, audit key pair, API keys (hashed)."""
        return self.root / "keys"

    @property
    def state_db(self) -> Path:
        """SQLite file of the event journal, decisions and consents."""
        return self.root / "state.db"


class IngestSettings(Section):
    """The door through which tables enter."""

    max_reject_share: Share
    max_future_minutes: Annotated[float, Field(ge=0, le=1440)]
    stale_after_days: PositiveDays
    trading_time_zone: TimeZoneName


class FeatureSettings(Section):
    """Feature tables and the online store."""

    snapshot_step_days: PositiveDays
    n_training_snapshots: Annotated[int, Field(ge=1, le=200)]
    history_length: Annotated[int, Field(ge=1, le=5000)]
    session_length: Annotated[int, Field(ge=1, le=500)]
    half_life_short_days: PositiveDays
    half_life_long_days: PositiveDays
    popularity_days: PositiveDays
    price_window_days: PositiveDays
    online_ttl_days: PositiveDays
    clock: Literal["wall", "replay"]


class HeadSettings(Section):
    """Size and training of the repeat head."""

    hidden_dim: Annotated[int, Field(ge=2, le=1024)]
    n_windows: Annotated[int, Field(ge=1, le=50)]
    n_epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]


class GroupReweightingSettings(Section):
    """Which groups of customers training evens out, and how far; never by anything sensitive."""

    by: Literal["none", "activity", "store"]
    strength: Share


class PrivateTrainingSettings(Section):
    """Training with differential privacy; every figure is a public constant, the same for N and N ± 1 customers."""

    target_epsilon: Annotated[float, Field(ge=0.05, le=20)]
    delta: Annotated[float, Field(gt=0, le=1e-4)]
    share_on_counts: Annotated[float, Field(ge=0.1, le=0.95)]
    min_epsilon_to_train: Annotated[float, Field(ge=0, le=20)]
    max_products_per_customer: Annotated[int, Field(ge=1, le=1000)]
    popularity_half_life_days: PositiveDays
    popularity_days: PositiveDays
    first_half_life_days: PositiveDays
    first_days: PositiveDays
    first_share: Annotated[float, Field(ge=0.1, le=10)]
    max_count_norm: Annotated[float, Field(gt=0, le=1000)]
    min_count_noises: Annotated[float, Field(ge=0, le=10)]
    n_taught: Annotated[int, Field(ge=1, le=10_000)]
    n_moments: Annotated[int, Field(ge=1, le=200)]
    popularity_weight: Annotated[float, Field(ge=-5, le=5)]
    popularity_slope: Annotated[float, Field(ge=-5, le=5)]
    first_weight: Annotated[float, Field(ge=-5, le=5)]
    first_slope: Annotated[float, Field(ge=-5, le=5)]
    affinity_half_life_days: PositiveDays
    affinity_products: Annotated[float, Field(gt=0, le=10_000)]
    expected_batch_size: PositiveInt
    sample_rate: Annotated[float, Field(gt=0, le=1)]
    steps: Annotated[int, Field(ge=1, le=10_000)]
    max_grad_norm: Annotated[float, Field(gt=0, le=1000)]
    learning_rate: Annotated[float, Field(gt=0, le=100)]
    content_dim: Annotated[int, Field(ge=2, le=256)]
    adapter_start: Annotated[float, Field(ge=0, le=20)]
    adapter_share: Annotated[float, Field(gt=0, le=1)]
    small_target: Annotated[float, Field(ge=0, le=1)]
    known_products_per_window: Annotated[float, Field(ge=0, le=1000)]
    new_products_per_window: Annotated[float, Field(gt=0, le=1000)]


class TwoTowerSettings(Section):
    """Size, loss and training of the two-tower recommender."""

    target_days: PositiveDays
    min_buyers: PositiveInt
    embedding_dim: Annotated[int, Field(ge=2, le=1024)]
    hidden_dim: Annotated[int, Field(ge=2, le=4096)]
    history_dropout: Share
    batch_size: PositiveInt
    max_epochs: PositiveInt
    early_stop_patience: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    head: HeadSettings
    exposure_strength: Share
    group_reweighting: GroupReweightingSettings
    private: PrivateTrainingSettings


class EvaluationSettings(Section):
    """How recommenders are scored."""

    test_weeks: Annotated[int, Field(ge=1, le=52)]
    list_length: Annotated[int, Field(ge=10, le=1000)]
    n_bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    warm_min_baskets: PositiveInt
    frequency_half_life_days: PositiveDays
    popularity_days: PositiveDays
    ease_lambda: Annotated[float, Field(gt=0, le=1e6)]
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    policy: PolicyEvaluationSettings


class DemandPromotionSettings(Section):
    """What the demand models must show before they become champion."""

    max_wql_over_smoothing: Annotated[float, Field(ge=-1, le=10)]
    min_coverage: Share
    max_coverage: Share

    @model_validator(mode="after")
    def _limits_ascend(self) -> Self:
        if self.min_coverage >= self.max_coverage:
            raise ValueError(f"min_coverage {self.min_coverage} is not below max_coverage {self.max_coverage}")
        return self


class PromotionSettings(Section):
    """What a candidate must show before it becomes champion."""

    min_gain_all: Annotated[float, Field(ge=-1, le=10)]
    min_gain_novel: Annotated[float, Field(ge=-1, le=10)]
    max_data_age_days: PositiveDays
    demand: DemandPromotionSettings


class RecommendSettings(Section):
    """Limits of one recommendation answer."""

    default_limit: PositiveInt
    max_limit: Annotated[int, Field(ge=1, le=100)]
    main_parameters: tuple[str, ...]
    main_parameters_non_profiled: tuple[str, ...]
    exploration: ExplorationSettings
    placements: PlacementsSettings

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default_limit > self.max_limit:
            raise ValueError(f"default_limit {self.default_limit} exceeds max_limit {self.max_limit}")
        return self


class EventSettings(Section):
    """Limits of one event batch."""

    max_batch: Annotated[int, Field(ge=1, le=500)]
    max_age_days: PositiveDays
    max_future_minutes: Annotated[float, Field(ge=0, le=1440)]


class DecisionSettings(Section):
    """The queue between answers and their record."""

    max_pending: Annotated[int, Field(ge=1, le=1_000_000)]
    flush_s: Annotated[float, Field(gt=0, le=60)]


class ServingSettings(Section):
    """The HTTP service."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    workers: Annotated[int, Field(ge=1, le=256)]
    max_body_bytes: Annotated[int, Field(ge=1024, le=100_000_000)]
    max_id_length: Annotated[int, Field(ge=1, le=128)]
    max_json_depth: Annotated[int, Field(ge=2, le=100)]
    body_timeout_s: Annotated[float, Field(gt=0, le=600)]
    bundle_poll_s: Annotated[float, Field(gt=0, le=3600)]
    retry_after_s: PositiveInt
    create_missing_keys: bool
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    recommend: RecommendSettings
    events: EventSettings
    decisions: DecisionSettings


class Settings(Section):
    """All sections together, and the profile they were read under."""

    profile: str
    storage: StorageSettings
    ingest: IngestSettings
    privacy: PrivacySettings
    features: FeatureSettings
    two_tower: TwoTowerSettings
    ranker: RankerSettings
    demand: DemandSettings
    evaluation: EvaluationSettings
    experiments: ExperimentSettings
    bench: BenchSettings
    fairness: FairnessSettings
    pricing: PricingSettings
    promotion: PromotionSettings
    refresh: RefreshSettings
    serving: ServingSettings
