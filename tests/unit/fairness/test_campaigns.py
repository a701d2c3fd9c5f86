"""Campaigns judged by group: hand-worked shares, planted bias, silence that is never a pass."""

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from fairness.campaign_definitions import selection_rate_of
from fairness.campaign_facts import CampaignEvidence
from fairness.campaigns import DEFINITIONS, _judged, _share, campaign_definitions, campaign_measures
from fairness.errors import FiguresDisagree
from fairness.groups import Grouping, intersection
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy

POLICY = Policy(load_settings("test").fairness, "demand")
START = pd.Timestamp("2024-01-01", tz="UTC")


def grouping(codes: np.ndarray, labels: tuple[str, ...] = ("low", "high", UNKNOWN)) -> Grouping:
    return Grouping("income", labels, np.asarray(codes, dtype=np.int64))


def identities(n: int) -> list[str]:
    return [f"c{place:05d}" for place in range(n)]


def evidence_of(
    chosen: np.ndarray, *, redeemed: np.ndarray | None = None, coupons: np.ndarray | None = None, kind: str = "Type A"
) -> CampaignEvidence:
    """Everybody shops once a week for ten weeks; the chosen are in a campaign that starts in the ninth."""
    n, rng = len(chosen), np.random.default_rng(0)
    ids = np.array(identities(n), dtype=object)
    baskets = pd.DataFrame(
        {
            "customer_id": np.repeat(ids, 10),
            "event_timestamp": np.tile(START + pd.to_timedelta(np.arange(10) * 7, unit="D"), n),
            "paid_amount": rng.gamma(2, 10, size=10 * n),
            "coupon_discount": np.repeat(np.zeros(n) if coupons is None else coupons, 10) / 10,
            "loyalty_discount": 1.0,
        }
    )
    rows = pd.DataFrame({"campaign_id": "1", "customer_id": ids[chosen], "event_timestamp": START, "kind": kind})
    rows["event_timestamp"] += pd.Timedelta(days=60)
    redemptions = None if redeemed is None else rows.loc[redeemed[chosen], ["campaign_id", "customer_id"]]
    return CampaignEvidence(rows, redemptions, baskets)


def measured(evidence: CampaignEvidence, where: Grouping, policy: Policy = POLICY) -> dict[str, Measure]:
    measures = campaign_measures(evidence, identities(len(where.codes)), [where], policy)
    assert len({measure.key for measure in measures}) == len(measures)
    return {measure.measure: measure for measure in measures}


def values(measure: Measure) -> dict[str, float | None]:
    return {group.group: group.value for group in measure.groups}


def test_shares_of_a_hand_worked_shop() -> None:
    where = grouping(np.repeat([0, 1, 2], [120, 120, 60]))
    chosen = np.r_[np.arange(120) < 30, np.arange(120) < 90, np.arange(60) < 20]
    redeemed = chosen & (np.arange(300) % 2 == 0)
    coupons = np.where(np.arange(300) % 4 == 0, 8.0, 0.0)
    found = measured(evidence_of(chosen, redeemed=redeemed, coupons=coupons), where)
    assert values(found["selection_rate_type_a"]) == pytest.approx({"low": 0.25, "high": 0.75, UNKNOWN: 1 / 3})
    assert values(found["campaign_eligible"]) == {"low": 1.0, "high": 1.0, UNKNOWN: 1.0}
    assert values(found["campaign_reached"]) == values(found["selection_rate_type_a"])
    assert values(found["campaign_redeemed"]) == pytest.approx({"low": 0.5, "high": 0.5, UNKNOWN: 0.5})
    assert values(found["campaign_equal_opportunity"]) == pytest.approx(
        {"low": 8 / 30, "high": 23 / 30, UNKNOWN: 1 / 3}
    )
    assert values(found["coupon_per_head"]) == pytest.approx({"low": 2.0, "high": 2.0, UNKNOWN: 2.0})
    assert values(found["money_per_head"]) == pytest.approx({"low": 12.0, "high": 12.0, UNKNOWN: 12.0})
    assert values(found["known_demographics"]) == pytest.approx({"reached": 120 / 140, "not reached": 120 / 160})
    contrast = found["selection_rate_type_a"].contrast
    assert contrast is not None
    assert (contrast.worst_group, contrast.best_group) == ("low", "high")
    assert contrast.value == pytest.approx(1 / 3)
    assert [group.events for group in found["campaign_redeemed"].groups] == [15, 45, 10]


def test_worst_case_bounds_of_a_share_put_the_unknown_where_they_hurt_and_help_most() -> None:
    where = grouping(np.repeat([0, 1, 2], [40, 40, 20]))
    chosen = np.r_[np.arange(40) < 10, np.arange(40) < 30, np.arange(20) < 5]
    low = measured(evidence_of(chosen), where)["selection_rate_type_a"].groups[0]
    assert low.bounds == pytest.approx((10 / 55, 15 / 45))


def test_the_unknown_are_shown_with_their_ratio_and_kept_out_of_the_contrast() -> None:
    where = grouping(np.repeat([0, 1, 2], [200, 200, 400]))
    chosen = np.r_[np.ones(160), np.zeros(40), np.ones(160), np.zeros(40), np.ones(80), np.zeros(320)].astype(bool)
    rate = measured(evidence_of(chosen), where)["selection_rate_type_a"]
    assert rate.verdict == "PASS"
    assert "With the unknown as a group the ratio of lowest to highest is 0.25." in rate.note


def test_demographics_missing_by_campaign_are_said_to_be_no_chance() -> None:
    where = grouping(np.repeat([0, 1, 2], [100, 100, 200]))
    chosen = np.r_[np.arange(200) < 180, np.arange(200) < 80]
    known = measured(evidence_of(chosen), where)["known_demographics"]
    assert (known.attribute, known.family) == ("campaign", "exploratory")
    assert known.note.startswith("90% of the customers of whom something is known were in a campaign, against 40%")
    assert "not missing at random" in known.note
    assert "nobody's attribute is guessed" in known.note


@pytest.mark.parametrize("best", [0.5, 0.3])
def test_an_impact_ratio_of_three_fifths_among_a_thousand_each_is_caught(best: float) -> None:
    rng, caught = np.random.default_rng(3), 0
    where = grouping(np.repeat([0, 1], 1000))
    rates = np.where(where.codes == 0, 0.6 * best, best)
    figure = selection_rate_of("Type A")
    for _ in range(60):
        chosen = rng.random(2000) < rates
        share = _share(figure, chosen, np.ones(2000, dtype=np.bool_))
        fresh = Grouping(where.attribute, where.labels, where.codes)
        caught += _judged(share, fresh, POLICY).verdict == "FAIL"
    assert caught >= 54


def test_equal_rates_are_not_accused() -> None:
    rng, accused = np.random.default_rng(4), 0
    where = grouping(np.repeat([0, 1], 1000))
    for _ in range(40):
        share = _share(selection_rate_of("Type A"), rng.random(2000) < 0.4, np.ones(2000, dtype=np.bool_))
        accused += _judged(share, where, POLICY).verdict == "FAIL"
    assert accused == 0


def test_a_low_ratio_that_may_be_chance_is_to_be_investigated() -> None:
    where = grouping(np.repeat([0, 1], 60))
    chosen = np.r_[np.arange(60) < 15, np.arange(60) < 22]
    rate = measured(evidence_of(chosen), where)["selection_rate_type_a"]
    assert rate.verdict == "INSUFFICIENT"
    assert "Investigate: the ratio itself is below the limit of 0.8" in rate.note


def test_adjusted_odds_name_their_factors_and_the_raw_ratio() -> None:
    where = grouping(np.repeat([0, 1, 2], [200, 200, 100]))
    chosen = np.r_[np.arange(200) < 60, np.arange(200) < 120, np.arange(100) < 50]
    odds = measured(evidence_of(chosen), where)["adjusted_odds_ratio_type_a"]
    assert odds.contrast is not None
    assert odds.contrast.value == pytest.approx((60 / 140) / (120 / 80), rel=0.1)
    assert "Declared legitimate factors: spend, baskets, tenure, of the time before 2024-03-01" in odds.note
    assert "Without the factors the odds ratio of these two groups is 0.29." in odds.note
    assert odds.verdict == "FAIL"


def test_adjustment_by_spend_changes_what_spend_explains() -> None:
    rng = np.random.default_rng(6)
    where = grouping(np.repeat([0, 1], 500))
    evidence = evidence_of(np.zeros(1000, bool))
    spend = np.exp(rng.normal(size=1000) + where.codes)
    baskets = evidence.baskets.assign(paid_amount=np.repeat(spend, 10))
    chosen = rng.random(1000) < spend / (spend + 1.5)
    odds = measured(CampaignEvidence(evidence_of(chosen).campaigns, None, baskets), where)["adjusted_odds_ratio_type_a"]
    assert odds.contrast is not None
    assert odds.contrast.interval_95 is not None
    assert odds.contrast.interval_95[1] > 0.95
    assert "Without the factors the odds ratio of these two groups is 0." in odds.note


def test_a_group_of_which_nearly_all_were_chosen_has_no_odds_to_compare() -> None:
    where = grouping(np.repeat([0, 1], 100))
    chosen = np.r_[np.arange(100) < 50, np.arange(100) < 97]
    odds = measured(evidence_of(chosen), where)["adjusted_odds_ratio_type_a"]
    assert odds.verdict == "INSUFFICIENT"
    assert "no meaning in some resamplings: high" in odds.note


def test_everybody_chosen_passes_on_rates_and_has_no_odds() -> None:
    found = measured(evidence_of(np.ones(100, bool)), grouping(np.repeat([0, 1], 50)))
    assert found["selection_rate_type_a"].verdict == "PASS"
    assert found["adjusted_odds_ratio_type_a"].verdict == "INSUFFICIENT"
    assert "Every customer was in such a campaign" in found["adjusted_odds_ratio_type_a"].note


def test_nobody_of_these_customers_chosen_is_insufficient() -> None:
    evidence = evidence_of(np.arange(200) >= 100)
    found = measured(evidence, grouping(np.repeat([0, 1], 50)))
    assert found["selection_rate_type_a"].verdict == "INSUFFICIENT"
    assert found["adjusted_odds_ratio_type_a"].verdict == "INSUFFICIENT"
    assert found["campaign_redeemed"].verdict == "INSUFFICIENT"


def test_without_a_campaigns_table_nothing_about_campaigns_passes() -> None:
    baskets = evidence_of(np.ones(100, bool)).baskets
    found = measured(CampaignEvidence(None, None, baskets), grouping(np.repeat([0, 1], 50)))
    for name in ("selection_rate", "campaign_eligible", "campaign_reached", "campaign_redeemed", "known_demographics"):
        assert found[name].verdict == "INSUFFICIENT"
        assert "The source gave no campaigns" in found[name].note
        assert "ingest it again" in found[name].note
    assert found["money_per_head"].verdict == "PASS"


def test_without_redemptions_or_run_up_the_funnel_says_what_is_missing() -> None:
    evidence = evidence_of(np.arange(1000) < 500)
    assert evidence.campaigns is not None
    early = CampaignEvidence(evidence.campaigns.assign(event_timestamp=START), None, evidence.baskets)
    found = measured(early, grouping(np.arange(1000) % 2))
    assert "The source gave no redemptions" in found["campaign_redeemed"].note
    for name in ("campaign_eligible", "campaign_reached", "adjusted_odds_ratio_type_a"):
        assert found[name].verdict == "INSUFFICIENT"
        assert "No campaign starts 56 days or more after the first purchase" in found[name].note
    assert found["selection_rate_type_a"].verdict == "PASS"


@pytest.mark.parametrize(("codes", "words"), [([0] * 100, "one group"), ([2] * 100, "none of the 100 customers")])
def test_one_group_or_all_unknown_is_insufficient_with_the_reason(codes: list[int], words: str) -> None:
    found = measured(evidence_of(np.arange(100) < 50), grouping(np.array(codes)))
    for name, measure in found.items():
        if name != "known_demographics":
            assert measure.verdict == "INSUFFICIENT", name
            assert words in measure.note or "no redemptions" in measure.note, name


def test_without_any_grouping_only_missingness_is_left_and_it_does_not_pass() -> None:
    measures = campaign_measures(evidence_of(np.arange(100) < 50), identities(100), [], POLICY)
    assert [(measure.measure, measure.verdict) for measure in measures] == [("known_demographics", "INSUFFICIENT")]


def test_intersections_have_rates_and_no_adjusted_odds() -> None:
    first = grouping(np.arange(400) % 2)
    second = Grouping("age", ("young", "old", UNKNOWN), (np.arange(400) // 2 % 2).astype(np.int64))
    evidence = evidence_of(np.arange(400) % 3 == 0)
    measures = campaign_measures(evidence, identities(400), [first, intersection(first, second)], POLICY)
    odds = [m.attribute for m in measures if m.measure.startswith("adjusted")]
    rates = [m.attribute for m in measures if m.measure.startswith("selection")]
    assert odds == ["income"]
    assert rates == ["income", "income x age"]


def test_a_figure_that_fairlearn_does_not_confirm_stops_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairness.metrics.money_per_head", lambda *_: pd.Series({"low": 1.0, "high": 10.0}))
    with pytest.raises(FiguresDisagree, match="money_per_head by income of the group 'low' is 10 by our own sums"):
        measured(evidence_of(np.arange(100) < 50), grouping(np.repeat([0, 1], 50)))


def test_every_measure_is_defined_and_reruns_agree() -> None:
    evidence, where = evidence_of(np.arange(100) < 40, coupons=np.arange(100.0)), grouping(np.arange(100) % 2)
    found = measured(evidence, where)
    assert set(found) == {definition.measure for definition in campaign_definitions(evidence)}
    assert {definition.measure for definition in DEFINITIONS} - {"selection_rate"} <= set(found)
    assert measured(evidence, grouping(np.arange(100) % 2)) == found
