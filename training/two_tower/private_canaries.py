"""Made-up customers to be planted, and what each of them buys.

All of it is public: products, their content, and the popularity that the version released. Nobody real is among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID, QUANTITY, STORE_ID
from privacy.auditing.errors import CanariesUnplantable
from training.catalogue import Catalogue
from training.two_tower.private_popularity import ReleasedPopularity

N_ANSWERS: Final = 8  # first purchases of a canary, all alike in kind, so that his gradient is as long as many people's
N_HISTORY: Final = 4  # products in a canary's history
_N_HISTORY: Final = 8  # products in the history of one who is no canary
_N_BOUGHT: Final = 4  # first purchases of one who is no canary

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MadeUpShop:
    """A shop in which nobody is real.

    Attributes:
        canary_ids: Customers planted into the training.
        other_ids: Customers who buy what is popular, always in.
        lines: What both buy, as a table of transactions; ids are made-up source ids.
    """

    canary_ids: Sequence[str]
    other_ids: Sequence[str]
    lines: pd.DataFrame


def training_canaries(vectors: npt.NDArray[np.float32], taught: Ints, n: int) -> tuple[Ints, Ints]:
    """Choose what canaries had and what they buy: products of one kind, so that the training learns much from each.

    Answers are groups of taught products; histories are products like those of the group that are not taught. No two
    canaries have the same of both.

    Args:
        vectors: (N, D) content of all products, of length 1 or 0.
        taught: (V,) positions of the vocabulary, similar ones beside each other.
        n: How many.

    Returns:
        (n, h) positions of the histories and (n, k) of the answers.

    Raises:
        CanariesUnplantable: If the products do not give so many.
    """
    size = min(N_ANSWERS, max(len(taught) // 4, 1))
    n_groups = len(taught) // size
    groups = taught[: n_groups * size].reshape(n_groups, size)
    usable = np.setdiff1d(np.arange(len(vectors)), taught)
    each = -(-n // n_groups)  # canaries of a group
    if each + N_HISTORY - 1 > len(usable):
        raise CanariesUnplantable(found=max(len(usable) - N_HISTORY + 1, 0) * n_groups, wanted=n)
    likeness = vectors[groups].mean(axis=1) @ vectors[usable].T  # (groups, usable)
    nearest = usable[np.argsort(-likeness, axis=1, kind="stable")[:, : each + N_HISTORY - 1]]
    group_of, turn = np.arange(n) % n_groups, np.arange(n) // n_groups
    histories = nearest[group_of[:, np.newaxis], turn[:, np.newaxis] + np.arange(N_HISTORY)]
    return histories, groups[group_of]


def counting_purchases(
    catalogue: Catalogue, n_canaries: int, n_others: int, each: int, until: datetime, seed: int
) -> tuple[pd.DataFrame, Sequence[str], Sequence[str]]:
    """Write down what canaries of the counts buy, no two of them the same product, and what others do by chance.

    Args:
        catalogue: The public products.
        n_canaries: How many canaries.
        n_others: How many others.
        each: Products that each buys, fewer where there are not so many.
        until: End of the data; all bought the day before.
        seed: Of what the others buy; public.

    Returns:
        Purchases, ids of the canaries, ids of the others.

    Raises:
        CanariesUnplantable: If there are fewer products than canaries.
    """
    n_products = len(catalogue)
    k = min(each, n_products // n_canaries)
    if k == 0:
        raise CanariesUnplantable(found=n_products, wanted=n_canaries)
    canary_ids, other_ids = _ids("canary", n_canaries), _ids("other", n_others)
    own = np.arange(n_canaries * k, dtype=np.int64).reshape(k, n_canaries).T
    rng = np.random.default_rng(seed)
    day = until - timedelta(days=1)
    lines = pd.concat(
        [_lines(canary_ids, own, day), _lines(other_ids, rng.integers(0, n_products, (n_others, k)), day)],
        ignore_index=True,
    )
    lines[PRODUCT_ID] = catalogue.product_ids[lines[PRODUCT_ID].to_numpy()]
    lines[EVENT_TIMESTAMP] = pd.to_datetime(lines[EVENT_TIMESTAMP], utc=True)
    return lines, canary_ids, other_ids


def made_up_shop(
    catalogue: Catalogue,
    popularity: ReleasedPopularity,
    canaries: tuple[Ints, Ints],
    n_others: int,
    times: tuple[datetime, datetime],
    seed: int,
) -> MadeUpShop:
    """Write down what everybody buys.

    Args:
        catalogue: The public products.
        popularity: As released; the others buy by it.
        canaries: From `training_canaries`.
        n_others: How many others.
        times: When histories are bought, and when the answers; aware UTC.
        seed: Of what the others buy; public, since nobody real is among them.
    """
    histories, answers = canaries
    canary_ids, other_ids = _ids("canary", len(histories)), _ids("other", n_others)
    rng = np.random.default_rng(seed)
    before, after = times
    everywhere = np.arange(len(catalogue))
    parts = [
        _lines(canary_ids, histories, before),
        _lines(canary_ids, answers, after),
        _lines(other_ids, _popular(rng, popularity.counts, everywhere, n_others, _N_HISTORY), before),
        _lines(other_ids, _popular(rng, popularity.counts, popularity.taught, n_others, _N_BOUGHT), after),
    ]
    lines = pd.concat(parts, ignore_index=True)
    lines[PRODUCT_ID] = catalogue.product_ids[lines[PRODUCT_ID].to_numpy()]
    return MadeUpShop(canary_ids, other_ids, lines)


def _popular(rng: np.random.Generator, counts: npt.NDArray[np.float64], among: Ints, n: int, k: int) -> Ints:
    """Draw k products for each of n customers, popular ones more often; the same product may come twice."""
    return rng.choice(among, size=(n, min(k, len(among))), p=counts[among] / counts[among].sum()).astype(np.int64)


def _ids(kind: str, n: int) -> list[str]:
    return [f"{kind}-{number:05d}" for number in range(n)]


def _lines(ids: Sequence[str], products: Ints, at: datetime) -> pd.DataFrame:
    """Write one basket per customer: positions in place of product ids."""
    owners = np.repeat(np.array(ids, dtype=object), products.shape[1])
    return pd.DataFrame(
        {
            CUSTOMER_ID: owners,
            PRODUCT_ID: products.ravel(),
            STORE_ID: "made-up",
            BASKET_ID: [f"{owner}-{at:%m%d}" for owner in owners],
            EVENT_TIMESTAMP: at.isoformat(),
            QUANTITY: 1,
            "paid_amount": 1.0,
        }
    )
