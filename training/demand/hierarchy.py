"""Responses that products share with their category, and categories with the chain: normal at each level."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.demand.panel import Floats
from training.demand.shocks import sums_by


@dataclass(frozen=True, eq=False)
class Spread:
    """How far K responses of products lie from their category, and of categories from the chain, as variances.

    Attributes:
        product: (K,) within a category.
        category: (K,) within the chain.
        chain_mean: (K,) prior mean of the chain's responses.
        chain: (K,) prior variance of the chain's responses.
    """

    product: Floats
    category: Floats
    chain_mean: Floats
    chain: Floats


@dataclass(frozen=True, eq=False)
class Responses:
    """Posterior of K responses at each level.

    Attributes:
        mean: (P, K) of the products.
        covariance: (P, K, K).
        product_info: (P, K, K) what the product's own weeks say: a precision.
        category_mean: (C, K); of a new product of the category, too.
        category_covariance: (C, K, K) of the category's mean.
        chain_mean: (K,).
        chain_covariance: (K, K) of the chain's mean.
        product_square: (K,) mean squared distance of products from their category.
        category_square: (K,) mean squared distance of categories from the chain.
    """

    mean: Floats
    covariance: Floats
    product_info: Floats
    category_mean: Floats
    category_covariance: Floats
    chain_mean: Floats
    chain_covariance: Floats
    product_square: Floats
    category_square: Floats


def posterior(
    information: Floats, evidence: Floats, category: npt.NDArray[np.int64], n_categories: int, spread: Spread
) -> Responses:
    """Combine what each product's own weeks say with its category and the chain.

    Args:
        information: (P, K, K) precision of the responses from the product's own weeks; may be singular.
        evidence: (P, K) information times estimate.
        category: (P,) position of the category.
        n_categories: Number of categories; each has a product.
        spread: Variances of the levels.
    """
    eye = np.eye(len(spread.product))
    kept = np.linalg.inv(eye + information * spread.product)  # (I + A S)^-1
    up_info, up_evidence = kept @ information, np.einsum("pij,pj->pi", kept, evidence)
    cat_info, cat_evidence = sums_by(category, up_info, n_categories), sums_by(category, up_evidence, n_categories)
    cat_kept = np.linalg.inv(eye + cat_info * spread.category)
    top_info, top_evidence = (cat_kept @ cat_info).sum(axis=0), np.einsum("cij,cj->i", cat_kept, cat_evidence)
    top_cov = np.linalg.inv(top_info + np.diag(1 / spread.chain))
    top_mean = top_cov @ (top_evidence + spread.chain_mean / spread.chain)
    of_category = _below(cat_info, cat_evidence, spread.category, top_mean[None], top_cov[None])
    of_product = _below(information, evidence, spread.product, of_category[0][category], of_category[1][category])
    return Responses(
        mean=of_product[0],
        covariance=of_product[1],
        product_info=information,
        category_mean=of_category[0],
        category_covariance=of_category[1],
        chain_mean=top_mean,
        chain_covariance=top_cov,
        product_square=of_product[2].mean(axis=0),
        category_square=of_category[2].mean(axis=0),
    )


def _below(
    information: Floats, evidence: Floats, variance: Floats, mean_above: Floats, cov_above: Floats
) -> tuple[Floats, Floats, Floats]:
    """Posterior mean and covariance one level down, and the expected squared distance from the level above."""
    own = np.linalg.inv(information + np.diag(1 / variance))
    gap = np.einsum("nij,nj->ni", own, evidence - np.einsum("nij,nj->ni", information, mean_above))
    pull = own / variance  # weight of the level above
    covariance = own + pull @ cov_above @ np.swapaxes(pull, 1, 2)
    lean = own @ information
    square = np.einsum("nii->ni", own + lean @ cov_above @ np.swapaxes(lean, 1, 2)) + gap**2
    return mean_above + gap, covariance, square
