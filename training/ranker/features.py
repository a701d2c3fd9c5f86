"""The second stage's view of one customer and his candidates: the only place where a feature is computed."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.histories import PROFILE_FIELDS
from training.ranker.candidates import RETRIEVERS, Candidates, Interests
from training.ranker.content import GROUPS, LINE, TYPE
from training.ranker.moment import Moment
from training.ranker.product_figures import NEVER_DAYS, PRODUCT_FIELDS
from training.ranker.shopper import Shopper

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

OWN_FIELDS: Final = (
    "own_times",
    "own_short",
    "own_long",
    "own_days_since_last",
    "own_days_since_first",
    "own_share_of_baskets",
    "own_interval",
    "own_overdue",
    "own_overdue_for_product",
    "own_place",
)
INTEREST_FIELDS: Final = (
    *RETRIEVERS,
    *(f"rank_{name}" for name in RETRIEVERS),
    "store_long",
    "store_lift",
    "type_interest",
)
_DETAILED: Final = (TYPE, LINE)
GROUP_FIELDS: Final = tuple(
    f"{group}_{what}"
    for group in GROUPS
    for what in ("long", "short", "n_products", "days_since_last", *(("share", "n_new") if group in _DETAILED else ()))
)
FIT_FIELDS: Final = ("price_over_usual", "brand_over_usual", "discount_over_usual", "buyers_over_usual")
CUSTOMER_FIELDS: Final = (
    *PROFILE_FIELDS,
    "n_held",
    "n_lately",
    "n_new_lately",
    "new_share_lately",
    "usual_discount",
    "usual_brand",
    "usual_buyers",
    "baskets_long",
    "baskets_short",
)
FEATURES: Final = (*OWN_FIELDS, *INTEREST_FIELDS, *GROUP_FIELDS, *FIT_FIELDS, *CUSTOMER_FIELDS, *PRODUCT_FIELDS)

_LATELY_DAYS: Final = 28.0
_NEW_DAYS: Final = 56.0
_BUYERS_28, _BUYERS = PRODUCT_FIELDS.index("log_buyers_28d"), PRODUCT_FIELDS.index("log_buyers")
_OVER_TYPE, _DISCOUNT = PRODUCT_FIELDS.index("price_over_type"), PRODUCT_FIELDS.index("discount_28d")
_INTERVAL = PRODUCT_FIELDS.index("interval_days")
_TOTAL = PROFILE_FIELDS.index("n_baskets_total")


def pair_features(
    moment: Moment, shopper: Shopper, interests: Interests, candidates: Candidates
) -> npt.NDArray[np.float32]:
    """Describe each candidate for one customer: (n, F) float32 in the order of `FEATURES`."""
    chosen = candidates.product_idx
    figures = moment.figures[chosen]
    table = np.empty((len(chosen), len(FEATURES)), dtype=np.float32)
    usual = _usual(moment, shopper)
    columns: Iterator[Any] = chain(
        _own(shopper, candidates, figures),
        _interest(moment, shopper, interests, candidates, figures),
        _groups(moment, shopper, candidates),
        _fit(moment, usual, chosen, figures),
        _customer(shopper, usual),
    )
    for place, values in enumerate(columns):
        table[:, place] = values
    table[:, len(FEATURES) - len(PRODUCT_FIELDS) :] = figures
    return table


def _own(shopper: Shopper, candidates: Candidates, figures: npt.NDArray[np.float32]) -> Iterator[Numbers]:
    """The customer's own past with each candidate."""
    bought = candidates.is_bought
    place = candidates.place[bought]

    def spread(values: Floats, otherwise: float) -> Floats:
        column = np.full(len(bought), otherwise)
        column[bought] = values[place]
        return column

    times, last = spread(shopper.times, 0.0), spread(shopper.since_last, NEVER_DAYS)
    first = spread(shopper.since_first, NEVER_DAYS)
    interval = np.where(times > 1, (first - last) / np.maximum(times - 1, 1), NEVER_DAYS)
    yield times
    yield spread(shopper.short, 0.0)
    yield spread(shopper.long, 0.0)
    yield last
    yield first
    yield times / max(float(np.nan_to_num(shopper.profile[_TOTAL])), 1.0)
    yield interval
    yield last / (interval + 1)
    yield last / (figures[:, _INTERVAL] + 1)
    yield candidates.place.astype(np.float64)


def _interest(
    moment: Moment,
    shopper: Shopper,
    interests: Interests,
    candidates: Candidates,
    figures: npt.NDArray[np.float32],
) -> Iterator[Numbers]:
    """What the retrievers say."""
    chosen = candidates.product_idx
    scores = interests.scores[:, chosen]
    yield from scores
    yield from candidates.ranks.T
    yield interests.store_long[chosen]
    expected = np.expm1(figures[:, _BUYERS_28].astype(np.float64)) * moment.share_of_store(shopper.store)
    yield np.log((scores[RETRIEVERS.index("store")] + 0.5) / (expected + 0.5))
    yield interests.of_type[moment.content.codes[TYPE][chosen]]


def _groups(moment: Moment, shopper: Shopper, candidates: Candidates) -> Iterator[Numbers]:
    """What the customer buys of each candidate's type, category, maker, line and department."""
    new = shopper.since_first <= _NEW_DAYS
    bought = candidates.is_bought
    own = np.zeros(len(bought))
    own[bought] = shopper.long[candidates.place[bought]]
    for group in GROUPS:
        codes, n = moment.content.codes[group], moment.content.n_codes(group)
        held, wanted = codes[shopper.held], codes[candidates.product_idx]
        long = np.bincount(held, shopper.long, n)[wanted]
        yield long
        yield np.bincount(held, shopper.short, n)[wanted]
        yield np.bincount(held, minlength=n)[wanted].astype(np.float64)
        since = np.full(n, NEVER_DAYS)
        since[held[::-1]] = shopper.since_last[::-1]  # most recent first: the last one written is the latest
        yield since[wanted]
        if group in _DETAILED:
            yield own / np.maximum(long, 1e-6)
            yield np.bincount(held[new], minlength=n)[wanted].astype(np.float64)


def _usual(moment: Moment, shopper: Shopper) -> tuple[float, float, float, float]:
    """Weigh what the customer usually buys: price over type, own brand, discount, buyers; zeros without a history."""
    total = float(shopper.long.sum())
    if total <= 0:
        return 0.0, 0.0, 0.0, 0.0
    weights = shopper.long / total
    held = moment.figures[shopper.held]
    price, discount, buyers = (float(weights @ held[:, i]) for i in (_OVER_TYPE, _DISCOUNT, _BUYERS))
    return price, float(weights @ moment.content.private_label[shopper.held]), discount, buyers


def _fit(
    moment: Moment, usual: tuple[float, float, float, float], chosen: Ints, figures: npt.NDArray[np.float32]
) -> Iterator[Numbers]:
    price, brand, discount, buyers = usual
    yield figures[:, _OVER_TYPE] - price
    yield moment.content.private_label[chosen] - brand
    yield figures[:, _DISCOUNT] - discount
    yield figures[:, _BUYERS] - buyers


def _customer(shopper: Shopper, usual: tuple[float, float, float, float]) -> Iterator[float]:
    """What is the same for all candidates of a customer."""
    yield from shopper.profile
    n_lately = int((shopper.since_last <= _LATELY_DAYS).sum())
    n_new = int((shopper.since_first <= _LATELY_DAYS).sum())
    yield len(shopper.held)
    yield n_lately
    yield n_new
    yield n_new / max(n_lately, 1)
    _, brand, discount, buyers = usual
    yield discount
    yield brand
    yield buyers
    yield float(shopper.long.sum())
    yield float(shopper.short.sum())
