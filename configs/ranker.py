"""The schema of the ranker: how candidates are found and how trees learn to order them."""

from typing import Annotated

from pydantic import Field

from configs.fields import PositiveDays, PositiveInt, Section, Seed, Share


class RetrieverSettings(Section):
    """How many never bought products one retriever brings, and how much popularity says beside it."""

    n: Annotated[int, Field(ge=0, le=2000)]
    popularity: Annotated[float, Field(ge=0, le=1000)]


class CandidateSettings(Section):
    """What each retriever brings."""

    ease: RetrieverSettings
    ease_lately: RetrieverSettings
    taste: RetrieverSettings
    taste_new: RetrieverSettings
    substitute: RetrieverSettings
    store: RetrieverSettings


class TreeSettings(Section):
    """One head: boosted trees over pairs of a customer and a product."""

    num_leaves: Annotated[int, Field(ge=2, le=1024)]
    n_trees: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    least_rows: PositiveInt
    feature_share: Annotated[float, Field(gt=0, le=1)]
    l2: Annotated[float, Field(ge=0, le=1e6)]
    n_windows: Annotated[int, Field(ge=1, le=26)]
    negative_share: Annotated[float, Field(gt=0, le=1)]


class RankerSettings(Section):
    """The two stages behind every list."""

    target_days: PositiveDays
    step_days: PositiveDays
    private_brand: str
    ease_lambda: Annotated[float, Field(gt=0, le=1e6)]
    n_neighbours: Annotated[int, Field(ge=1, le=5000)]
    taste_lambda: Annotated[float, Field(gt=0, le=1e6)]
    taste_rank: Annotated[int, Field(ge=1, le=2048)]
    taste_days: PositiveDays
    taste_new_days: PositiveDays
    candidates: CandidateSettings
    n_bought: PositiveInt
    share_new_in_all: Share
    repeat: TreeSettings
    novel: TreeSettings
    n_threads: Annotated[int, Field(ge=1, le=256)]
    seed: Seed
