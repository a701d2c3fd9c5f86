"""What a private demand version promises, and what not, beside what holds for every model."""

from typing import Final

from privacy.ledger import Spent
from privacy.statement import Assumption, Statement
from privacy.stating import Release, make_statement
from training.demand.private_steps import DemandPlan

_COVERED: Final = (
    "All that the version learnt from sales: how much each product sells, what prices and promotions do to it, how the "
    "chain's weeks and its stores differ; and the weeks it carries and begins every forecast from.",
    "Forecasts shown to staff, price suggestions, and prices that everybody sees once they were changed: they are "
    "worked out from the release and from the shop's own tables, and cost nothing more.",
    "All records of a customer together, not one purchase: whether somebody bought here at all.",
)
_PUBLIC: Final = (
    "Public, and therefore not charged: which products, stores and weeks there are, departments and categories, "
    "displays and mailers, and every setting.",
)
_NOT_COVERED: Final = (
    "Prices and loyalty discounts, which count as the shop's own and public. A shop with a price list has nothing to "
    "hide there. Where receipts stand in for it (the median price paid in a week, carried over weeks without a sale), "
    "what a product cost in a week, and that it has a price at all, is known from whoever bought it.",
    "The sales figures that staff see elsewhere, in the shop's own books and tables, and the figures of the evaluation "
    "and of the run's record, which compare with exact sales. Do not publish them as part of the version.",
    "Settings that somebody chose after looking at results on the same customers. The bounds, shares and weights of "
    "this release were chosen once, on the weeks up to the 44th of the demonstration's year.",
)
_WHY: Final = (
    "Why sums and not noisy weeks: a household buys some 30 products a week all year, and noise that hides it drowns "
    "the 5 to 20 units that a product sells in a week. What each product sold in all, and each category under each "
    "kind of promotion, stands out; weeks are put together from these."
)
_ONLY_MEANS: Final = (
    "Nothing was fitted: at this epsilon what can be told of promotions does not pay for its noise, by a rule that "
    "looks at no data (demand.private.min_epsilon_to_fit). Released means are shipped, and elasticities are the "
    "public prior's, so that no price is suggested on them."
)
_ASSUMPTIONS: Final = (
    Assumption(
        assumes="Neighbouring data differ by all records of one customer.",
        met_by="all that one customer adds to the sums of one kind is added up and clipped to a fixed L2 norm before "
        "the sums of all customers are formed; a test takes each customer out in turn.",
    ),
    Assumption(
        assumes="Every release is in the list of charges.",
        met_by="lines of sales are read in one place, under the reservation, and go into the noisy sums alone; the fit "
        "reads weeks put together from these and the shop's own tables.",
    ),
)


def demand_statement(plan: DemandPlan, delta: float, spent: Spent) -> Statement:
    """State what the version promises.

    Args:
        plan: What was released.
        delta: At which epsilon is told.
        spent: What the ledger says of these customers, this version included.
    """
    releases = [Release(step.what, (step.event,)) for step in plan.steps]
    made = make_statement(releases, delta=delta, training=None, spent=spent)
    told = {one.assumes for one in _ASSUMPTIONS}
    return made.model_copy(
        update={
            "covered": (_ONLY_MEANS if plan.responses is None else _WHY, *_COVERED, *_PUBLIC),
            "not_covered": (*made.not_covered, *_NOT_COVERED),
            "assumptions": (*_ASSUMPTIONS, *(one for one in made.assumptions if one.assumes not in told)),
        }
    )
