"""The schema of the benchmark of recommenders: which peers, and what each of them may be tuned over."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any

from pydantic import Field

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


class BenchSettings(Section):
    """The benchmark of recommenders."""

    validation_days: PositiveDays
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
