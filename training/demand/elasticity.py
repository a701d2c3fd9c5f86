"""The price response: how units answer to the paid price, product by product, with honest doubt.

Log expected units of a product and week are level + price and promotion responses + weeks its category shares + an
AR(1) shock; units around them are negative binomial. Responses are normal around those of the category, and these
around the chain's, so that a product with little to tell leans on the others. Everything normal is integrated out
exactly around the current mode (Laplace); how wide each level spreads, the shocks and the dispersion are learnt by EM
on a sample of products, then held while all are fitted that have enough weeks to tell anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.demand import ElasticitySettings
from training.demand.elasticities import Elasticities
from training.demand.errors import NoPricesSeen
from training.demand.hierarchy import Responses, Spread, posterior
from training.demand.observed_counts import likeliest_dispersion, working_response
from training.demand.panel import Floats, Panel
from training.demand.price_covariates import PAID, Covariates, covariates, seen_weeks
from training.demand.shocks import Shock, common_weeks, neighbour_moments, precision_of_responses, sums_by

Positions = npt.NDArray[np.int64]

BATCH: Final = 1000  # products whose (W, W) matrices are held at once
SEASON_SD: Final = 0.5  # prior of a week that the whole chain shares, log units
RELAXED: Final = 1.6  # EM creeps where little is known: variances take steps this much longer
SMALLEST: Final = 1e-4  # variance below which a level's spread is nought
ENOUGH_WEEKS: Final = 8  # weeks seen from which a product tells anything about itself


@dataclass(frozen=True)
class Beliefs:
    """What is learnt once for all products."""

    spread: Spread
    shock: Shock
    common: Shock
    dispersion: float


@dataclass(frozen=True, eq=False)
class Weeks:
    """The data of a fit: counts and covariates of products, the position of their category, and its name."""

    units: Floats
    covariates: Covariates
    category: Positions
    names: npt.NDArray[np.str_]

    @classmethod
    def of(cls, units: Floats, found: Covariates, category: npt.NDArray[np.str_]) -> "Weeks":
        """Number the categories that occur."""
        names, numbers = np.unique(category, return_inverse=True)
        return cls(units, found, numbers.astype(np.int64), names)

    @property
    def n_categories(self) -> int:
        """How many categories occur."""
        return len(self.names)

    def take(self, positions: Positions) -> "Weeks":
        """Keep some products and the categories they are of."""
        return Weeks.of(self.units[positions], self.covariates.take(positions), self.names[self.category[positions]])

    def batches(self) -> Iterator[slice]:
        """Cut the products into batches."""
        return (slice(start, start + BATCH) for start in range(0, len(self.units), BATCH))


@dataclass(frozen=True, eq=False)
class Fit:
    """A state of the fit: log means by product and week, weeks shared by category, responses of categories."""

    log_mean: Floats
    common_weeks: Floats
    category_mean: Floats
    beliefs: Beliefs


def fit_elasticities(panel: Panel, settings: ElasticitySettings) -> Elasticities:
    """Estimate the own-price elasticity of every product of a panel.

    Weeks without a sale, with a carried price or without stock are no price observations; the other counts are judged
    given that something was sold. Products with few such weeks, and those sold by weight, lean on their category alone.

    Raises:
        NoPricesSeen: If no product has enough weeks with a price.
    """
    category = category_names(panel)
    telling = np.flatnonzero(seen_weeks(panel).sum(axis=1) >= ENOUGH_WEEKS)
    if not len(telling):
        raise NoPricesSeen(n_products=len(panel), n_weeks=len(panel.weeks), n_needed=ENOUGH_WEEKS)
    told = panel.take(telling)
    weeks = Weeks.of(told.units, covariates(told, settings), category[telling])
    chosen = np.random.default_rng(settings.seed).permutation(len(telling))[: settings.n_learning_products]
    sample = weeks.take(np.sort(chosen))
    learnt = _learn(sample, _first_beliefs(sample, settings), settings.n_learning_rounds)
    responses = _settle(weeks, learnt, settings.n_rounds)
    fitted = _elasticities(told.product_ids, weeks, responses, learnt.spread, settings)
    return fitted.of(panel.product_ids, category)


def category_names(panel: Panel) -> npt.NDArray[np.str_]:
    """The category of each product; its department where none is given."""
    category, department = (panel.attributes[name].astype(np.str_) for name in ("category", "department"))
    return np.where(category == "", department, category)


def _first_beliefs(weeks: Weeks, settings: ElasticitySettings) -> Beliefs:
    level = np.log(weeks.units[weeks.covariates.seen]).mean()
    control = settings.prior_confounding_sd**2
    spread = Spread(
        product=np.array([2.0, 0.3, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02, 0.02]),
        category=np.array([0.1, 0.2, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02]),
        chain_mean=np.array([level, settings.prior_elasticity, 0.0, 0.3, 0.2, 0.0, 0.0, 0.0, 0.0]),
        chain=np.array([4.0, settings.prior_elasticity_sd**2, 1.0, 0.5, 0.5, 0.5, 0.5, control, control]),
    )
    return Beliefs(spread, Shock(0.3, 0.6), Shock(0.15, 0.6), 0.2)


def _start(weeks: Weeks, beliefs: Beliefs) -> Fit:
    """Begin half-way between each week's units and the product's mean."""
    seen = weeks.covariates.seen
    logs = np.where(seen, np.log(np.maximum(weeks.units, 0.5)), 0.0)
    level = logs.sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    shape = (weeks.n_categories, weeks.units.shape[1])
    means = np.tile(beliefs.spread.chain_mean, (weeks.n_categories, 1))
    return Fit(np.where(seen, (logs + level) / 2, level), np.zeros(shape), means, beliefs)


def _learn(weeks: Weeks, beliefs: Beliefs, n_rounds: int) -> Beliefs:
    """Alternate between the mode and what is likeliest around it."""
    fit = _start(weeks, beliefs)
    for _ in range(n_rounds):
        fit, _responses = _round(weeks, fit, learn=True)
    return fit.beliefs


def _settle(weeks: Weeks, beliefs: Beliefs, n_rounds: int) -> Responses:
    """Find the mode of all products under what was learnt."""
    fit = _start(weeks, beliefs)
    for _ in range(n_rounds - 1):
        fit, _responses = _round(weeks, fit, learn=False)
    return _round(weeks, fit, learn=False)[1]


def _round(weeks: Weeks, fit: Fit, *, learn: bool) -> tuple[Fit, Responses]:
    """One step of the mode: weeks that categories share, then responses, then shocks; and, if asked, of the beliefs."""
    beliefs, seen, values = fit.beliefs, weeks.covariates.seen, weeks.covariates.values
    shocks = beliefs.shock.covariance(seen.shape[1])
    response, weight = working_response(weeks.units, seen, fit.log_mean, beliefs.dispersion)
    precisions = [precision_of_responses(weight[batch], shocks) for batch in weeks.batches()]
    shared, common = _common_weeks(weeks, fit, response, precisions)
    residual = np.where(seen, response - shared[weeks.category], 0.0)
    by_batch = list(zip(weeks.batches(), precisions, strict=True))
    parts = [_evidence(values[batch], own, residual[batch]) for batch, own in by_batch]
    information, evidence = (np.concatenate(part) for part in zip(*parts, strict=True))
    responses = posterior(information, evidence, weeks.category, weeks.n_categories, beliefs.spread)
    explained = np.einsum("ptk,pk->pt", values, responses.mean)
    left = np.where(seen, residual - explained, 0.0)
    own_shock = np.concatenate([np.einsum("pij,pj->pi", own, left[batch]) for batch, own in by_batch]) @ shocks
    wanted = shared[weeks.category] + explained + own_shock
    log_mean = np.where(seen, np.clip(wanted, fit.log_mean - 2, fit.log_mean + 2), wanted)
    moved = Fit(log_mean, shared, responses.category_mean, beliefs)
    if learn:
        moved = replace(moved, beliefs=_likelier(weeks, moved, responses, own_shock, precisions, common))
    return moved, responses


def _evidence(values: Floats, precision: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """What the weeks of products say about their responses, shocks integrated out: precision, and × estimate."""
    weighed = precision @ values  # (P, W, K)
    return np.swapaxes(values, 1, 2) @ weighed, np.einsum("ptk,pt->pk", weighed, residual)


def _common_weeks(weeks: Weeks, fit: Fit, response: Floats, precisions: list[Floats]) -> tuple[Floats, Shock]:
    """Find the weeks categories share, with each product's responses and shocks integrated out."""
    seen, values = weeks.covariates.seen, weeks.covariates.values
    around = response - np.einsum("ptk,pk->pt", values, fit.category_mean[weeks.category])
    around = np.where(seen, around, 0.0)
    n_weeks = seen.shape[1]
    information = np.zeros((weeks.n_categories, n_weeks, n_weeks))
    evidence = np.zeros((weeks.n_categories, n_weeks))
    prior = np.diag(1 / fit.beliefs.spread.product)
    for batch, own in zip(weeks.batches(), precisions, strict=True):
        weighed = own @ values[batch]
        inner = np.linalg.inv(np.swapaxes(values[batch], 1, 2) @ weighed + prior)
        marginal = own - weighed @ inner @ np.swapaxes(weighed, 1, 2)
        category = weeks.category[batch]
        np.add.at(evidence, category, np.einsum("pij,pj->pi", marginal, around[batch]))
        present, numbers = np.unique(category, return_inverse=True)
        information[present] += sums_by(numbers, marginal, len(present))
    found = common_weeks(information, evidence, fit.beliefs.common, SEASON_SD)
    return found.mean, found.shock


def _likelier(
    weeks: Weeks, fit: Fit, responses: Responses, own_shock: Floats, precisions: list[Floats], common: Shock
) -> Beliefs:
    """Take the beliefs under which the current posterior is likeliest."""
    beliefs, seen, values = fit.beliefs, weeks.covariates.seen, weeks.covariates.values
    shocks = beliefs.shock.covariance(seen.shape[1])
    doubt = np.empty(seen.shape)
    moments = []
    for batch, own in zip(weeks.batches(), precisions, strict=True):
        given = shocks - shocks @ own @ shocks  # (P, W, W) of the shocks, were the responses known
        leaned = shocks @ (own @ values[batch])
        about = responses.covariance[batch]
        shock = own_shock[batch]
        square = given + leaned @ about @ np.swapaxes(leaned, 1, 2) + shock[:, :, None] * shock[:, None, :]
        moments.append((len(shock), *neighbour_moments(square)))
        gap = values[batch] - leaned
        doubt[batch] = np.einsum("pii->pi", given) + np.einsum("ptk,pkl,ptl->pt", gap, about, gap)
    share = np.array([n for n, _, _ in moments]) / len(seen)
    variance, beside = (float(share @ [moment[at] for moment in moments]) for at in (1, 2))
    return Beliefs(
        spread=replace(
            beliefs.spread,
            product=_stepped(beliefs.spread.product, responses.product_square),
            category=_stepped(beliefs.spread.category, responses.category_square),
        ),
        shock=Shock.likeliest(variance, beside),
        common=common,
        dispersion=likeliest_dispersion(weeks.units, seen, fit.log_mean, doubt),
    )


def _stepped(current: Floats, likelier: Floats) -> Floats:
    return np.maximum(current * (likelier / current) ** RELAXED, SMALLEST)


def _elasticities(
    product_ids: npt.NDArray[np.str_], weeks: Weeks, responses: Responses, spread: Spread, settings: ElasticitySettings
) -> Elasticities:
    """Read the elasticities off the responses, and the level that tells most about each."""
    own = responses.covariance[:, PAID, PAID]
    category = responses.category_covariance[:, PAID, PAID]
    chain = responses.chain_covariance[PAID, PAID]
    new_product = category + spread.product[PAID]  # (C,) of a product nothing was seen of
    unknown = chain + spread.product[PAID] + spread.category[PAID]
    identified = weeks.covariates.moves >= settings.min_price_weeks
    told = 1 - own / new_product[weeks.category] >= settings.min_learnt_share
    told_category = 1 - category / (chain + spread.category[PAID]) >= settings.min_learnt_share
    widened = settings.interval_factor
    return Elasticities(
        product_ids=product_ids,
        location=responses.mean[:, PAID],
        scale=widened * np.sqrt(own),
        sources=np.select([told & identified, told_category[weeks.category]], ["product", "category"], "chain"),
        identified=identified,
        categories=weeks.names,
        category_location=responses.category_mean[:, PAID],
        category_scale=widened * np.sqrt(new_product),
        chain_location=float(responses.chain_mean[PAID]),
        chain_scale=float(widened * np.sqrt(unknown)),
    )
