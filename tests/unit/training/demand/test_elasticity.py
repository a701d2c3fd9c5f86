"""The price response: near the truth on markets of several makes, honest in its doubt, blind to prices nobody saw."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from configs.demand import ElasticitySettings
from configs.loading import load_settings
from training.demand.elasticities import Elasticities
from training.demand.elasticity import fit_elasticities
from training.demand.errors import NoPricesSeen
from training.demand.hierarchy import Spread, posterior
from training.demand.observed_counts import likeliest_dispersion, working_response
from training.demand.panel import Panel
from training.demand.price_covariates import COLUMNS, covariates, reviews, usual_price
from training.demand.shocks import Shock, precision_of_responses
from training.demand.synthetic_market import CONFOUNDED, MarketDesign, make_market, score_elasticities

SEEDS = (11, 12)
MAKES = {
    "confounded": CONFOUNDED,
    "unconfounded": replace(CONFOUNDED, confounding=0.0),
    "noisier": replace(CONFOUNDED, dispersion=0.25),
    "stronger promotions": replace(CONFOUNDED, display_lift=0.8, mailer_lift=0.5),
    "weaker promotions": replace(CONFOUNDED, display_lift=0.1, mailer_lift=0.05),
}


@pytest.fixture(scope="module")
def response() -> ElasticitySettings:
    """The settings that ship."""
    return load_settings("test").demand.elasticity


@pytest.fixture(scope="module")
def quick(response: ElasticitySettings) -> ElasticitySettings:
    """Fewer rounds, for what does not depend on the last digit."""
    return response.model_copy(update={"n_learning_rounds": 8, "n_rounds": 4})


@pytest.mark.parametrize("make", MAKES)
def test_it_comes_near_the_truth_and_knows_how_near(make: str, response: ElasticitySettings) -> None:
    scores = []
    for seed in SEEDS:
        market = make_market(MAKES[make], seed)
        scores.append(score_elasticities(fit_elasticities(market.panel, response), market))
    assert np.mean([score.error for score in scores]) <= 0.45
    assert np.mean([score.counterfactual_wmape for score in scores]) <= 0.042
    assert np.mean([score.sign_right for score in scores]) >= 0.99
    assert 0.86 <= np.mean([score.coverage_90 for score in scores]) <= 0.94  # 600 products; over more seeds 87–93%


@pytest.mark.parametrize(
    ("design", "worst"),
    [
        (replace(CONFOUNDED, loyalty=False), 0.2),
        (replace(CONFOUNDED, loyalty=False, promotion_rate=0.0, cost_sd=0.12), 0.3),
        (replace(CONFOUNDED, promotion_timing=1.5), 0.15),
    ],
    ids=["discounts inside the shelf price", "no promotions at all", "promotions that seek busy weeks"],
)
def test_shocks_do_not_pass_for_price_response(
    design: MarketDesign, worst: float, response: ElasticitySettings
) -> None:
    off = []
    for seed in SEEDS[:1]:
        market = make_market(design, seed)
        off.append((fit_elasticities(market.panel, response).value - market.elasticity).mean())
    assert abs(np.mean(off)) < worst


def test_the_same_data_give_the_same_elasticities(quick: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=40, n_categories=3), 1).panel
    one, two = fit_elasticities(panel, quick), fit_elasticities(panel, quick)
    assert np.array_equal(one.location, two.location)
    assert np.array_equal(one.scale, two.scale)


def altered(
    panel: Panel, change: Callable[[Panel], Panel], quick: ElasticitySettings
) -> tuple[Elasticities, Elasticities]:
    return fit_elasticities(panel, quick), fit_elasticities(change(panel), quick)


def test_prices_of_weeks_without_a_sale_change_nothing(quick: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=60, median_units=4.0), 1).panel
    assert panel.imputed.mean() > 0.02

    def absurd(panel: Panel) -> Panel:
        shelf, paid = (np.where(panel.imputed, 999.0, price) for price in (panel.shelf_price, panel.paid_price))
        return replace(panel, shelf_price=shelf, paid_price=paid)

    as_it_is, changed = altered(panel, absurd, quick)
    assert np.array_equal(as_it_is.location, changed.location)
    assert np.array_equal(as_it_is.scale, changed.scale)


def test_weeks_without_stock_are_no_observations(quick: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=60), 1).panel
    out = np.zeros(panel.units.shape, dtype=bool)
    out[:, 10:14] = True
    marked = replace(panel, stocked_out=out)
    emptied = replace(marked, units=np.where(out, 1.0, panel.units))
    one, two = fit_elasticities(marked, quick), fit_elasticities(emptied, quick)
    assert np.array_equal(one.location, two.location)
    assert not np.array_equal(one.location, fit_elasticities(panel, quick).location)


def test_slow_sellers_are_not_biased_by_the_weeks_they_did_not_sell(response: ElasticitySettings) -> None:
    slow = replace(CONFOUNDED, median_units=2.0, units_sd=0.5, category_sd=0.2, product_sd=0.2, n_products=400)
    off = []
    for seed in SEEDS[:1]:
        market = make_market(slow, seed)
        assert market.panel.imputed.mean() > 0.15
        off.append((fit_elasticities(market.panel, response).value - market.elasticity).mean())
    assert abs(np.mean(off)) < 0.3


def test_the_level_that_tells_is_named(response: ElasticitySettings) -> None:
    panel = make_market(CONFOUNDED, 1).panel
    flat = np.isin(np.arange(len(panel)), [0, 1])
    price = np.where(flat[:, None], 2.0, panel.shelf_price)
    category = panel.attributes["category"].copy()
    by_weight = np.arange(len(panel)) == 5
    still = replace(
        panel,
        shelf_price=price,
        paid_price=np.where(flat[:, None], 2.0, panel.paid_price),
        attributes={**panel.attributes, "category": category},
        sold_by_weight=by_weight,
    )
    found = fit_elasticities(still, response)
    assert not found.identified[flat | by_weight].any()
    assert set(found.sources[flat | by_weight]) <= {"category", "chain"}
    assert (found.sources == "product").mean() > 0.5
    assert found.identified[~flat & ~by_weight].mean() > 0.95
    assert found.scale[flat].min() > np.median(found.scale)


def test_a_department_stands_in_for_a_category(quick: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=40, n_categories=3), 1).panel
    blank = np.full(len(panel), "", dtype=object)
    moved = {**panel.attributes, "category": blank, "department": panel.attributes["category"]}
    by_department = fit_elasticities(replace(panel, attributes=moved), quick)
    assert np.array_equal(by_department.location, fit_elasticities(panel, quick).location)


def test_a_panel_without_prices_is_refused(response: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=20, n_categories=2), 1).panel
    unseen = replace(panel, imputed=np.ones(panel.units.shape, dtype=bool))
    with pytest.raises(NoPricesSeen, match="8 of the 52 week"):
        fit_elasticities(unseen, response)


def test_the_hierarchy_equals_one_large_normal() -> None:
    """Every level at once, against the joint posterior of all of them solved as one system."""
    rng = np.random.default_rng(1)
    category = np.array([0, 0, 1, 1, 1])
    spread = Spread(np.array([0.5, 0.2]), np.array([0.3, 0.1]), np.array([1.0, -1.0]), np.array([2.0, 1.0]))
    root = rng.normal(size=(5, 2, 2))
    information, evidence = root @ np.swapaxes(root, 1, 2), rng.normal(size=(5, 2))
    found = posterior(information, evidence, category, 2, spread)

    size = 2 * (5 + 2 + 1)  # products, categories, chain
    precision, linear = np.zeros((size, size)), np.zeros(size)
    chain = slice(14, 16)

    def tie(lower: slice, upper: slice, variance: np.ndarray) -> None:
        for one, two, sign in ((lower, lower, 1), (upper, upper, 1), (lower, upper, -1), (upper, lower, -1)):
            precision[one, two] += sign * np.diag(1 / variance)

    for product in range(5):
        mine = slice(2 * product, 2 * product + 2)
        precision[mine, mine] += information[product]
        linear[mine] += evidence[product]
        tie(mine, slice(10 + 2 * category[product], 12 + 2 * category[product]), spread.product)
    for group in range(2):
        tie(slice(10 + 2 * group, 12 + 2 * group), chain, spread.category)
    precision[chain, chain] += np.diag(1 / spread.chain)
    linear[chain] += spread.chain_mean / spread.chain
    covariance = np.linalg.inv(precision)
    mean = covariance @ linear
    assert found.mean.ravel() == pytest.approx(mean[:10])
    assert found.chain_mean == pytest.approx(mean[chain])
    gaps = np.zeros(2)
    for product in range(5):
        mine, above = slice(2 * product, 2 * product + 2), slice(10 + 2 * category[product], 12 + 2 * category[product])
        assert found.covariance[product] == pytest.approx(covariance[mine, mine])
        doubt = covariance[mine, mine] + covariance[above, above] - covariance[mine, above] - covariance[above, mine]
        gaps += (np.diag(doubt) + (mean[mine] - mean[above]) ** 2) / 5
    assert found.product_square == pytest.approx(gaps)


def test_noise_and_shock_are_inverted_and_unseen_weeks_say_nothing() -> None:
    weight = np.array([[2.0, 0.0, 3.0, 0.5]])
    covariance = Shock(0.4, 0.7).covariance(4)
    found = precision_of_responses(weight, covariance)[0]
    kept = [0, 2, 3]
    expected = np.linalg.inv(np.diag(1 / weight[0, kept]) + covariance[np.ix_(kept, kept)])
    assert found[np.ix_(kept, kept)] == pytest.approx(expected)
    assert not found[1].any()
    assert not found[:, 1].any()


def test_the_score_of_a_count_is_that_of_a_negative_binomial_without_zero() -> None:
    dispersion, units = 0.4, np.array([[1.0, 3.0, 9.0]])

    def log_likelihood(log_mean: float, sold: float) -> float:
        chance = 1 / (1 + dispersion * np.exp(log_mean))
        binomial = stats.nbinom(1 / dispersion, chance)
        return float(binomial.logpmf(sold) - np.log1p(-binomial.pmf(0)))

    seen = np.ones(units.shape, dtype=bool)
    response, weight = working_response(units, seen, np.full(units.shape, 1.0), dispersion)
    for place, sold in enumerate(units[0]):
        slope = (log_likelihood(1 + 1e-5, sold) - log_likelihood(1 - 1e-5, sold)) / 2e-5
        assert (response[0, place] - 1) * weight[0, place] == pytest.approx(slope, rel=1e-4)


def test_the_dispersion_is_found_without_the_zeros() -> None:
    rng = np.random.default_rng(1)
    mean = np.full((1, 20_000), 2.0)
    units = rng.negative_binomial(1 / 0.5, 1 / (1 + 0.5 * mean)).astype(float)
    found = likeliest_dispersion(units, units > 0, np.log(mean), np.zeros(mean.shape))
    assert found == pytest.approx(0.5, rel=0.3)


def test_a_short_cut_leaves_the_usual_price_and_a_lasting_one_moves_it() -> None:
    shelf = np.zeros((1, 20))
    shelf[0, 5] = -0.3
    shelf[0, 12:] = 0.2
    seen = np.ones(shelf.shape, dtype=bool)
    seen[0, 2] = False
    usual = usual_price(shelf, seen)
    assert not usual[0, :8].any()
    assert usual[0, 16:] == pytest.approx(0.2)
    assert np.flatnonzero(reviews(shelf, seen)).tolist() == [0, 5, 6, 12]


def test_covariates_are_centred_over_the_weeks_seen_and_nought_elsewhere(response: ElasticitySettings) -> None:
    panel = make_market(replace(CONFOUNDED, n_products=30, n_categories=3, median_units=4.0), 1).panel
    found = covariates(panel, response)
    assert found.values.shape == (*panel.units.shape, len(COLUMNS))
    assert not found.values[~found.seen].any()
    assert np.abs(found.values[:, :, 1:].sum(axis=1)).max() < 1e-9
    paid = np.log(panel.paid_price)
    change = paid[found.seen] - found.values[:, :, COLUMNS.index("paid")][found.seen]
    level = np.repeat([np.mean(paid[row][found.seen[row]]) for row in range(30)], found.seen.sum(axis=1))
    assert change == pytest.approx(level)
