"""What is known of each customer about campaigns: reached, redeemed, could have been reached, shopped how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.fairness import CampaignAuditSettings
from fairness.campaign_definitions import slug
from features.columns import (
    BASKET_ID,
    CAMPAIGN_ID,
    CAMPAIGNS,
    COUPON_DISCOUNT,
    CUSTOMER_ID,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    KIND,
    LOYALTY_DISCOUNT,
    PAID_AMOUNT,
    PRODUCT_ID,
    PRODUCTS,
    REDEMPTIONS,
    TRANSACTIONS,
)
from features.lake import Lake

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
_AMOUNTS: Final = [PAID_AMOUNT, COUPON_DISCOUNT, LOYALTY_DISCOUNT]


@dataclass(frozen=True, eq=False)
class CampaignEvidence:
    """What an audit of campaigns looks at.

    Attributes:
        campaigns: campaign_id, customer_id, event_timestamp (its start), kind; None if the source gave none.
        redemptions: campaign_id, customer_id, event_timestamp; None if the source gave none.
        baskets: One row per basket of merchandise: customer_id, event_timestamp, paid_amount, coupon_discount,
            loyalty_discount in USD.
    """

    campaigns: pd.DataFrame | None
    redemptions: pd.DataFrame | None
    baskets: pd.DataFrame

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of campaign that somebody was in, in alphabetical order; of those spelt alike only the first."""
        if self.campaigns is None:
            return ()
        spelt = sorted(self.campaigns[KIND].dropna().astype(str).unique(), reverse=True)
        return tuple(sorted({slug(kind): kind for kind in spelt}.values()))


def read_evidence(lake: Lake) -> CampaignEvidence:
    """Read campaigns, redemptions and baskets of merchandise from the lake.

    Raises:
        LakeDamaged: If a table cannot be read.
    """
    products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
    merchandise = products.loc[products[IS_MERCHANDISE], PRODUCT_ID]
    lines = lake.read(TRANSACTIONS, [CUSTOMER_ID, BASKET_ID, PRODUCT_ID, EVENT_TIMESTAMP, *_AMOUNTS])
    lines = lines[lines[PRODUCT_ID].isin(merchandise)]
    baskets = lines.groupby([CUSTOMER_ID, BASKET_ID], sort=False).agg(
        {EVENT_TIMESTAMP: "min", **dict.fromkeys(_AMOUNTS, "sum")}
    )
    return CampaignEvidence(
        campaigns=lake.read(CAMPAIGNS) if lake.has(CAMPAIGNS) else None,
        redemptions=lake.read(REDEMPTIONS) if lake.has(REDEMPTIONS) else None,
        baskets=baskets.reset_index(CUSTOMER_ID).reset_index(drop=True),
    )


@dataclass(frozen=True, eq=False)
class Facts:
    """One row per customer.

    Attributes:
        in_kind: By kind, (C,) who was in a campaign of it.
        reached: (C,) who was in any.
        redeemed: (C,) who redeemed a coupon of one.
        eligible: (C,) who shopped in the days before a campaign; None if no campaign starts late enough to tell.
        coupon_usd: (C,) coupon discount.
        loyalty_usd: (C,) loyalty discount.
        factors: (C, F) the legitimate factors; None if no campaign starts late enough to tell.
        factors_until: The factors are of the time before this.
    """

    in_kind: Mapping[str, Mask]
    reached: Mask
    redeemed: Mask
    eligible: Mask | None
    coupon_usd: Floats
    loyalty_usd: Floats
    factors: Floats | None
    factors_until: pd.Timestamp | None


def facts_of(evidence: CampaignEvidence, customer_ids: Sequence[str], settings: CampaignAuditSettings) -> Facts:
    """Gather what is known of each customer.

    Args:
        evidence: Tables.
        customer_ids: (C,) whom to look at, each once.
        settings: Days before a campaign, and the legitimate factors.
    """
    customers = pd.Index(customer_ids)
    campaigns = evidence.campaigns
    starts = _usable_starts(campaigns, evidence.baskets, settings.eligible_days)
    until = starts.min() if len(starts) else None
    return Facts(
        in_kind={kind: _among(customers, _of_kind(campaigns, kind)) for kind in evidence.kinds},
        reached=_among(customers, campaigns),
        redeemed=_among(customers, evidence.redemptions),
        eligible=None
        if until is None
        else _shopped_before(evidence.baskets, customers, starts, settings.eligible_days),
        coupon_usd=_sums(evidence.baskets, customers, COUPON_DISCOUNT),
        loyalty_usd=_sums(evidence.baskets, customers, LOYALTY_DISCOUNT),
        factors=None if until is None else _factors(evidence.baskets, customers, until, settings),
        factors_until=until,
    )


def _of_kind(campaigns: pd.DataFrame | None, kind: str) -> pd.DataFrame | None:
    if campaigns is None:
        return None
    alike = [other for other in campaigns[KIND].dropna().unique() if slug(str(other)) == slug(kind)]
    return campaigns[campaigns[KIND].isin(alike)]


def _among(customers: pd.Index, rows: pd.DataFrame | None) -> Mask:
    if rows is None:
        return np.zeros(len(customers), dtype=np.bool_)
    return np.asarray(customers.isin(rows[CUSTOMER_ID]), dtype=np.bool_)


def _usable_starts(campaigns: pd.DataFrame | None, baskets: pd.DataFrame, eligible_days: int) -> pd.Series:
    """Start of each campaign before which the data holds the days in which a customer must have shopped."""
    if campaigns is None or baskets.empty:
        return pd.Series(dtype="datetime64[us, UTC]")
    starts: pd.Series = campaigns.groupby(CAMPAIGN_ID)[EVENT_TIMESTAMP].min()
    late: pd.Series = starts[starts >= baskets[EVENT_TIMESTAMP].min() + timedelta(days=eligible_days)]
    return late


def _shopped_before(baskets: pd.DataFrame, customers: pd.Index, starts: pd.Series, days: int) -> Mask:
    moments = baskets[EVENT_TIMESTAMP]
    counts = np.zeros(len(baskets), dtype=np.bool_)
    for start in starts.unique():
        counts |= ((moments >= start - timedelta(days=days)) & (moments < start)).to_numpy()
    return _among(customers, baskets[counts])


def _sums(baskets: pd.DataFrame, customers: pd.Index, column: str) -> Floats:
    sums = baskets.groupby(CUSTOMER_ID)[column].sum().reindex(customers, fill_value=0.0)
    return sums.to_numpy(dtype=np.float64)


def _factors(
    baskets: pd.DataFrame, customers: pd.Index, until: pd.Timestamp, settings: CampaignAuditSettings
) -> Floats:
    """Spend and baskets on the log scale, and days since the first basket; all of the time before `until`."""
    before = baskets[baskets[EVENT_TIMESTAMP] < until]
    by_customer = before.groupby(CUSTOMER_ID)
    first = by_customer[EVENT_TIMESTAMP].min().reindex(customers)
    tenure = (until - first).dt.total_seconds().fillna(0.0) / 86_400
    columns = {
        "spend": np.log1p(np.maximum(_sums(before, customers, PAID_AMOUNT), 0.0)),
        "baskets": np.log1p(by_customer.size().reindex(customers, fill_value=0).to_numpy(dtype=np.float64)),
        "tenure": tenure.to_numpy(dtype=np.float64),
    }
    return np.column_stack([columns[name] for name in settings.legitimate_factors])
