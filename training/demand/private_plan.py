"""How a private demand version spends its budget: two releases, their sums, and the noise; public, all of it.

Sums by product and week drown: a household buys some 30 products a week all year, so that noise which hides it stands
at 50 units beside the 5 to 20 that a product sells in a week. So few and telling sums are released instead: first what
each product sold in all (recent weeks count more), the chain in each week, and each store in all; then, of products
that stood out, what each category sold under each kind of promotion. Every week of every product is put together from
these.
"""

from typing import Final

from configs.demand import PrivateDemandSettings
from privacy.accounting import noise_multiplier
from privacy.events import Gaussian
from training.demand.private_steps import DemandPlan, Family, Step

LEVELS: Final = "sums by product, week and store"
RESPONSES: Final = "sums by category and kind of promotion"
_SPARE: Final = 1.001  # more noise than two releases need, since the accountant rounds each of them up
WHAT: Final = "demand, private: sums by product, week, store and promotion"


def demand_plan(settings: PrivateDemandSettings) -> DemandPlan:
    """Find the noise with which both releases together keep to the target.

    Below `min_epsilon_to_fit` no response to promotions is asked for, and levels get all. That limit is a public
    setting and looks at no data; choosing by both results would have to be paid for.

    Raises:
        TargetUnreachable: If no noise is enough.
        PrivacyParameterInvalid: If a constant is out of range.
    """
    target, delta = settings.target_epsilon, settings.delta
    alone = noise_multiplier(target, delta, 1.0, 1)
    families = (
        Family("products", settings.max_product_norm, 1 - settings.share_on_weeks - settings.share_on_stores),
        Family("weeks", settings.max_week_norm, settings.share_on_weeks),
        Family("stores", settings.max_store_norm, settings.share_on_stores),
    )
    if target < settings.min_epsilon_to_fit:
        return DemandPlan(Step(LEVELS, Gaussian(noise_multiplier=alone), families), None)
    share = settings.share_on_regimes  # Gaussian releases compose as one whose squared precision is the sum of theirs
    first = Gaussian(noise_multiplier=_SPARE * alone / (1 - share) ** 0.5)
    second = Gaussian(noise_multiplier=_SPARE * alone / share**0.5)
    regimes = Family("regimes", settings.max_regime_norm, 1.0)
    return DemandPlan(Step(LEVELS, first, families), Step(RESPONSES, second, (regimes,)))
