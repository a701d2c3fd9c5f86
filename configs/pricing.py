"""Settings of price suggestions: objectives, guardrails with their reasons, review and disclosure."""

from configs.fields import Section
from configs.price_review import DisclosureSettings, HistorySettings, ReviewSettings
from configs.pricing_rules import (
    ApprovalSettings,
    CostSettings,
    PricingRules,
    SearchSettings,
    SimulationSettings,
    StockRuleSettings,
)


class PricingSettings(Section):
    """Rules of price suggestions."""

    rules: PricingRules
    costs: CostSettings
    search: SearchSettings
    stock: StockRuleSettings
    approval: ApprovalSettings
    simulation: SimulationSettings
    review: ReviewSettings
    history: HistorySettings
    disclosure: DisclosureSettings
