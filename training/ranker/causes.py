"""What the ranker's features can be said to mean, in groups that a customer understands."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from training.causes import NO_CAUSE, Cause, Causes, Ints, Scores
from training.ranker.features import FEATURES, GROUP_FIELDS
from training.ranker.model import Heads, Judged
from training.ranker.product_figures import NEVER_DAYS

_LAST_RANK: Final = 2000.0  # a place that no candidate of a retriever has
_OFFERS: Final = (
    "discount_28d",
    "discount_7d",
    "discount_change",
    "coupon_share",
    "display_last_week",
    "mailer_last_week",
    "display_4_weeks",
    "mailer_4_weeks",
    "discount_over_usual",
)
_HABIT: Final = ("own_times", "own_short", "own_long", "own_share_of_baskets")
_DUE: Final = ("own_overdue", "own_overdue_for_product", "own_days_since_last")


def _of_retrievers(names: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(names, 0.0) | {f"rank_{name}": _LAST_RANK for name in names}


def _of_groups() -> dict[str, float]:
    return {name: NEVER_DAYS if name.endswith("days_since_last") else 0.0 for name in GROUP_FIELDS}


CAUSES: Final = (
    Cause("BOUGHT_REGULARLY", dict.fromkeys(_HABIT, 0.0)),
    Cause("DUE_AGAIN", dict.fromkeys(_DUE, 0.0)),  # as if it had been bought just now
    Cause("FITS_YOUR_PURCHASES", _of_retrievers(["ease", "ease_lately", "taste"])),
    Cause("KIND_YOU_BUY", _of_retrievers(["substitute"]) | _of_groups() | {"type_interest": 0.0}),
    Cause("POPULAR_AT_YOUR_STORE", _of_retrievers(["store"]) | {"store_long": 0.0, "store_lift": 0.0}),
    Cause("ON_OFFER", dict.fromkeys(_OFFERS, 0.0)),
    Cause(
        "SELLS_WELL",
        {name: 0.0 for name in FEATURES if name.startswith(("log_buyers_", "log_new_buyers_", "trend_"))},
    ),
)
UNSAID: Final = tuple(  # customers are told nothing about these: they hold for all products of a list alike, or are
    name  # properties of a product that nobody would call a reason
    for name in FEATURES
    if not any(name in cause.absent for cause in CAUSES)
)
_NAMED: Final = Causes(CAUSES, FEATURES)


def why(heads: Heads, judged: Judged, factors: Scores, shown: Ints) -> tuple[str | None, ...]:
    """Name what each product shown owes its place to.

    Args:
        heads: The trees that judged the list.
        judged: Everything judged for it.
        factors: (n,) what each score was multiplied by for the list; 1 for nothing.
        shown: (k,) rows of the products shown.

    Returns:
        (k,) codes of `CAUSES`; None where no cause by itself lowers the product.
    """
    is_bought, scores = judged.candidates.is_bought[shown], judged.scores * factors

    def judge(changed: npt.NDArray[np.float32], product: Ints) -> Scores:
        return heads.judge(changed, is_bought[product]) * factors[shown][product]

    named = _NAMED.of(judge, judged.features[shown], scores[shown], scores)
    return tuple(None if number == NO_CAUSE else _NAMED.codes[number] for number in named.cause)
