"""The schema of the benchmark of recommenders: which peers, and what each of them may be tuned over."""

from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from configs.fields import AnchoredPath, PositiveDays, PositiveInt, Section, Seed, Share

Tried = Annotated[tuple[float, ...], Field(min_length=1)]
Counted = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
Days = Annotated[tuple[PositiveDays, ...], Field(min_length=1)]
MaybeDays = Annotated[tuple[PositiveDays | None, ...], Field(min_length=1)]


class GridSettings(Section):
    """Values of each hyper-parameter; every combination is tried on the validation days."""

    def points(self) -> Iterator[dict[str, Any]]:
        """Give every combination, in the order of the file; the last parameter turns fastest.

        >>> [point["days"] for point in PopularityGrid(days=(7, 14)).points()]
        [7, 14]
        """
        names = list(type(self).model_fields)
        for values in product(*(getattr(self, name) for name in names)):
            yield dict(zip(names, values, strict=True))


class PopularityGrid(GridSettings):
    """Most buyers lately."""

    days: Days


class PersonalFrequencyGrid(GridSettings):
    """Own decayed basket counts."""

    half_life_days: Days


class TifuKnnGrid(GridSettings):
    """TIFU-KNN."""

    n_groups: Counted
    within_decay: Annotated[tuple[Share, ...], Field(min_length=1)]
    group_decay: Annotated[tuple[Share, ...], Field(min_length=1)]
    n_neighbours: Counted
    own_share: Annotated[tuple[Share, ...], Field(min_length=1)]


class UpCfGrid(GridSettings):
    """UP-CF."""

    n_recent_baskets: Annotated[tuple[PositiveInt | None, ...], Field(min_length=1)]
    asymmetry: Annotated[tuple[Share, ...], Field(min_length=1)]
    locality: Tried


class ItemCosineGrid(GridSettings):
    """Item-item cosine."""

    half_life_days: MaybeDays
    n_neighbours: Counted
    keeps_itself: Annotated[tuple[bool, ...], Field(min_length=1)]


class EaseGrid(GridSettings):
    """EASE."""

    half_life_days: MaybeDays
    regularization: Tried


class EasePopularityGrid(GridSettings):
    """EASE with popularity added."""

    half_life_days: MaybeDays
    regularization: Tried
    popularity_days: Days
    popularity_weight: Tried


class AlsGrid(GridSettings):
    """Implicit ALS."""

    n_factors: Counted
    regularization: Tried
    confidence: Tried
    n_iterations: Counted


class SasRecGrid(GridSettings):
    """RecTools SASRec."""

    n_factors: Counted
    n_blocks: Counted
    history_length: Counted
    n_negatives: Counted
    n_epochs: Counted


class BasketCosineGrid(GridSettings):
    """Item-item cosine over baskets."""

    shrinkage: Tried


class CoOccurrenceGrid(GridSettings):
    """Share of the baskets with one product that hold another."""

    shrinkage: Tried


class ContentNeighboursGrid(GridSettings):
    """Products like those bought, by content."""

    half_life_days: MaybeDays


class KinPopularityGrid(GridSettings):
    """How the products of a new product's kind sell."""

    level: Annotated[tuple[Literal["product_type", "category", "department"], ...], Field(min_length=1)]
    days: Days


Value = bool | int | float | None


class TuningRecord(Section):
    """What tuning found for one peer on the days before one date, and what it took.

    Attributes:
        validated_from: First of the days that chose; what lies before them was fitted on.
        validated_until: The day after the last of them, which a cut-off must not precede.
        n_tried: Points of the grid that were tried.
        cpu_s: Processor time of all of them together.
        chosen: The best point of each task.
        values: NDCG@20, of baskets recall@10, that it reached on those days.
    """

    peer: str
    validated_from: date
    validated_until: date
    n_tried: PositiveInt
    cpu_s: Annotated[float, Field(ge=0)]
    chosen: Annotated[dict[str, dict[str, Value]], Field(min_length=1)]
    values: dict[str, float]

    @property
    def validation_days(self) -> int:
        """Length of the window that chose."""
        return (self.validated_until - self.validated_from).days

    @model_validator(mode="after")
    def _is_whole(self) -> "TuningRecord":
        if self.validation_days < 1:
            raise ValueError("validated_until must lie after validated_from")
        if set(self.chosen) != set(self.values):
            raise ValueError("chosen and values must speak of the same tasks")
        return self


class BenchSettings(Section):
    """The benchmark of recommenders."""

    validation_days: PositiveDays
    peer_max_cpu_s: Annotated[int, Field(ge=1, le=86400)]
    peer_max_memory_gb: Annotated[float, Field(gt=0, le=1024)]
    max_baskets: Annotated[int, Field(ge=100)]
    cold_max_buyers: PositiveInt
    seed: Seed
    sasrec_python: AnchoredPath
    sasrec_max_s: Annotated[int, Field(ge=1, le=86400)]
    popularity: PopularityGrid
    personal_frequency: PersonalFrequencyGrid
    tifu_knn: TifuKnnGrid
    up_cf: UpCfGrid
    item_cosine: ItemCosineGrid
    ease: EaseGrid
    ease_popularity: EasePopularityGrid
    implicit_als: AlsGrid
    sasrec: SasRecGrid
    co_occurrence: CoOccurrenceGrid
    basket_cosine: BasketCosineGrid
    content_neighbours: ContentNeighboursGrid
    kin_popularity: KinPopularityGrid
    tuned_source: str
    tuned: tuple[TuningRecord, ...]
