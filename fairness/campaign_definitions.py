"""What is asked of campaigns and discounts: every measure's name, plain words and source."""

import re
from collections.abc import Sequence
from typing import Final

from fairness.measures import Definition

CAMPAIGN: Final = "campaign"  # the attribute by which the known and the unknown are compared
_ANALOGY: Final = "The limit of four fifths is a rule of employment law and is used by analogy."
_FUNNEL: Final = "Selection rates among those who came through the step before; 29 CFR 1607.4 D, by analogy"


def _defined(
    measure: str, title: str, meaning: str, source: str, *, unit: str = "share", better: bool = True
) -> Definition:
    return Definition(
        surface="segments",
        measure=measure,
        title=title,
        meaning=meaning,
        unit=unit,
        ideal=1.0,
        kind="ratio",
        source=source,
        more_is_better=better,
    )


def slug(kind: str) -> str:
    """Turn a campaign's kind into the end of a measure's name.

    >>> slug("Type A")
    'type_a'
    """
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_") or "unnamed"


def selection_rate_of(kind: str) -> Definition:
    """Define the selection rate of campaigns of one kind; the ratio of two groups' rates is the impact ratio."""
    return _defined(
        f"selection_rate_{slug(kind)}",
        f"Who was in a campaign of {kind}",
        f"The share of all customers of the group who were in at least one campaign of {kind}. Worst over best group "
        f"is the impact ratio. {_ANALOGY} It does not say who would have wanted to be in it.",
        "Feldman et al. (2015), Certifying and removing disparate impact; 29 CFR 1607.4 D, by analogy",
    )


def adjusted_odds_ratio_of(kind: str) -> Definition:
    """Define the odds of being in campaigns of one kind, legitimate factors being equal."""
    return _defined(
        f"adjusted_odds_ratio_{slug(kind)}",
        f"Who was in a campaign of {kind}, shopping being equal",
        f"The odds of being in at least one campaign of {kind} over those of the average customer, among customers "
        "alike in the declared factors. A factor that itself hangs on the attribute, as spend does on income, hides "
        "some of the effect. Odds ratios lie further from 1 than ratios of shares.",
        "Agresti (2013), Categorical data analysis, chapter 5",
        unit="odds",
    )


ELIGIBLE: Final = _defined(
    "campaign_eligible",
    "Who could have been in a campaign",
    "First step of the funnel: the share of customers who shopped in the weeks before at least one campaign. A group "
    "that is low here is lost before anybody is chosen.",
    _FUNNEL,
)
REACHED: Final = _defined(
    "campaign_reached",
    "Who was reached, of those who could have been",
    "Second step of the funnel: among the customers who shopped in the weeks before a campaign, the share who were in "
    f"any campaign at all. {_ANALOGY}",
    _FUNNEL,
)
REDEEMED: Final = _defined(
    "campaign_redeemed",
    "Who used a coupon, of those reached",
    "Third step of the funnel: among the customers who were in a campaign, the share who redeemed one of its coupons. "
    "A low figure may mean offers that do not suit the group, and is no one's refusal by itself.",
    _FUNNEL,
)
OPPORTUNITY: Final = _defined(
    "campaign_equal_opportunity",
    "Who was reached, of those who use coupons",
    "Equal opportunity: among the customers who used any coupon in the data, the share who were in a campaign. Who "
    "would have used a coupon is not known; having used one stands in for it. Campaigns themselves hand out coupons, "
    "so a group that was passed over can look better served than it was.",
    "Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning",
)
MONEY: Final = _defined(
    "money_per_head",
    "Discount per customer",
    "Coupon and loyalty discount that an average customer of the group got over the whole time, in USD. Who buys more "
    "gets more, so read it beside the depth of discounts.",
    "fairlearn, mean_prediction by group",
    unit="USD per head",
)
COUPONS: Final = _defined(
    "coupon_per_head",
    "Coupon discount per customer",
    "Coupon discount that an average customer of the group got over the whole time, in USD, customers without coupons "
    "counted as nothing.",
    "fairlearn, mean_prediction by group",
    unit="USD per head",
)
KNOWN: Final = _defined(
    "known_demographics",
    "Of whom anything is known",
    "The share of customers of whom at least one sensitive attribute is known, among those who were in a campaign and "
    "those who were not. Far from 1 means that every comparison by group is about the customers who are campaigned to.",
    "Rubin (1976), Inference and missing data",
)
NO_SELECTION: Final = _defined(
    "selection_rate",
    "Who was in a campaign",
    f"The share of customers who were in at least one campaign of a kind. {_ANALOGY}",
    "Feldman et al. (2015), Certifying and removing disparate impact; 29 CFR 1607.4 D, by analogy",
)

FIXED: Final = (ELIGIBLE, REACHED, REDEEMED, OPPORTUNITY, MONEY, COUPONS, KNOWN)


def definitions_of(kinds: Sequence[str]) -> tuple[Definition, ...]:
    """Define all measures for the kinds of campaign that the data holds."""
    by_kind = tuple(define(kind) for kind in kinds for define in (selection_rate_of, adjusted_odds_ratio_of))
    return (*(by_kind or (NO_SELECTION,)), *FIXED)
