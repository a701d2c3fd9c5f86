"""Settings of price suggestions: the rules that a price must keep, each with its reason, and how one is chosen."""

from typing import Annotated, Literal

from pydantic import Field

from configs.fields import PositiveDays, Section, Seed, Share

Reason = Annotated[str, Field(min_length=10, max_length=300)]
Change = Annotated[float, Field(gt=0, lt=1)]
SmallShare = Annotated[float, Field(ge=0, lt=1)]
CoverWeeks = Annotated[float, Field(gt=0, le=520)]
Usd = Annotated[float, Field(gt=0, le=10_000_000)]


class ModelAgeRule(Section):
    """How old the data behind a suggestion may be."""

    max_days: PositiveDays
    reason: Reason


class CostFloorRule(Section):
    """The lowest price in terms of what the product costs."""

    markup_share: Annotated[float, Field(ge=0, le=1)]
    reason: Reason


class MinMarginRule(Section):
    """The smallest part of the price that must remain after the cost."""

    share: SmallShare
    reason: Reason


class MaxChangeRule(Section):
    """The largest change in one step."""

    rise_share: Change
    cut_share: Change
    reason: Reason


class ReasonedRule(Section):
    """A rule without a number."""

    reason: Reason


class SupportRule(Section):
    """How far a price may leave those that were seen, and how much they must have varied."""

    slack_share: SmallShare
    min_range_share: SmallShare
    reason: Reason


class EndingBand(Section):
    """Which endings prices below a limit may have: cents with this remainder."""

    below_usd: Usd
    every_cents: Annotated[int, Field(ge=1, le=10_000)]
    offset_cents: Annotated[int, Field(ge=0, lt=10_000)]


class EndingsRule(Section):
    """Which endings a price may have."""

    bands: Annotated[tuple[EndingBand, ...], Field(min_length=1)]
    reason: Reason


class LadderRule(Section):
    """How prices within a brand and size family stand to one another."""

    tolerance_share: SmallShare
    existing_breaks: Literal["refuse", "no_worse"]
    reason: Reason


class EmergencyRule(Section):
    """The declared-emergency switch, and what is scarce by it."""

    declared: bool
    departments: tuple[str, ...]
    categories: tuple[str, ...]
    product_ids: tuple[str, ...]
    reason: Reason


class PreferredChangeRule(Section):
    """The change that customers hardly notice."""

    share: Change
    min_extra_gain_share: SmallShare
    reason: Reason


class PreferredEndingRule(Section):
    """The ending to take where it costs little."""

    from_usd: Usd
    every_cents: Annotated[int, Field(ge=1, le=10_000)]
    offset_cents: Annotated[int, Field(ge=0, lt=10_000)]
    min_extra_gain_share: SmallShare
    reason: Reason


class PricingRules(Section):
    """Every rule of a price: the first nine are hard, the last two soft."""

    model_age: ModelAgeRule
    cost_floor: CostFloorRule
    min_margin: MinMarginRule
    max_change: MaxChangeRule
    list_price_cap: ReasonedRule
    support: SupportRule
    endings: EndingsRule
    ladder: LadderRule
    emergency: EmergencyRule
    preferred_change: PreferredChangeRule
    preferred_ending: PreferredEndingRule


class CostSettings(Section):
    """What stands in for a cost that nobody gave, and what a family takes back."""

    assume: bool
    assumed_share: Change
    family_cross_effect: Share


class SearchSettings(Section):
    """How sure a gain must be before a price moves."""

    seed: Seed
    decision_quantile: Annotated[float, Field(gt=0, le=0.5)]
    min_confidence: Annotated[float, Field(ge=0.5, lt=1)]
    min_gain_share: SmallShare
    indifference_share: SmallShare


class StockRuleSettings(Section):
    """When stock moves a price."""

    low_cover_weeks: CoverWeeks
    high_cover_weeks: CoverWeeks
    ageing_weeks: CoverWeeks
    ageing_cut_share: Change
    sell_through_share: Annotated[float, Field(gt=0, le=1)]
    salvage_share: Share
    reason: Reason


class ApprovalSettings(Section):
    """When a suggestion needs nobody."""

    automatic: bool
    max_change_share: Share
    min_confidence: Share
    max_revenue_usd: Usd
    reason: Reason


class SimulationSettings(Section):
    """How far a what-if may leave the prices that were seen."""

    beyond_support_share: SmallShare
