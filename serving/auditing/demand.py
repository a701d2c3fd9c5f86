"""The audit of the demand models: the prices made from them, the prices people paid, and who was sent a discount."""

from collections.abc import Callable, Collection
from datetime import timedelta

import numpy as np
import pandas as pd

from configs.settings import Settings
from fairness import invariants, prices, proxies
from fairness.audit import Findings, groupings_of
from fairness.campaigns import campaign_definitions, campaign_measures, read_campaigns
from fairness.invariants import permutation_invariant
from fairness.policy import Policy
from fairness.prices import PriceEvidence, price_measures, read_sales
from fairness.proxies import proxy_measures
from features.columns import CUSTOMER_ID, PRODUCT_ID, STORE_ID
from features.lake import Lake
from features.services import PRICE_V1
from serving.auditing.evidence import Evidence, lineage_of
from serving.auditing.price_lists import permuted_prices, suggested_prices
from training.artifact import Bundle

DEFINITIONS = (*prices.DEFINITIONS, *proxies.DEFINITIONS, *invariants.DEFINITIONS)

NOT_EXAMINED = (
    "Prices suggested for single stores, at unit costs or for objectives other than margin were not compared; they "
    "are made by the same path, which reads nobody.",
    "Forecast errors were not compared by group: a forecast is about a product, not about a person. So what privacy "
    "costs each group was not compared either, where a version is private.",
    "Campaigns of the past were chosen by people or other systems; what is said of them does not decide about a model.",
    "What was really suggested is looked at by the audit of live decisions, not here.",
)


def audit_demand(
    bundle: Bundle,
    settings: Settings,
    policy: Policy,
    demographics: pd.DataFrame | None,
    sensitive: Collection[str],
    progress: Callable[[str], None],
) -> Evidence:
    """Suggest every price twice, as things are and with customers dealt anew, and judge prices past and proposed.

    Args:
        bundle: The version to look at.
        settings: All sections.
        policy: That of the demand models.
        demographics: From the audit role's reader; None when there are none.
        sensitive: Names of all sensitive attributes, for the lineage.
        progress: Told each step in words.
    """
    lake = Lake.open(settings.storage.lake)
    progress("prices: suggesting every price as things are")
    suggested = suggested_prices(bundle, settings, settings.storage, lambda _: None)
    progress("prices: suggesting every price again, with customers dealt anew among all purchases")
    permutation = permutation_invariant(suggested, permuted_prices(bundle, settings, lambda _: None))
    progress("prices: what people paid, and what they would pay")
    sales = read_sales(lake)
    customer_ids = sorted(sales[CUSTOMER_ID].unique())
    groupings = groupings_of(demographics, customer_ids, policy)
    suggestions = priced(suggested)
    measures = price_measures(PriceEvidence(sales, suggestions), customer_ids, groupings, policy)
    progress("campaigns: who was sent a discount, and who used it")
    sent = read_campaigns(lake)
    measures += campaign_measures(sent, customer_ids, groupings, policy)
    progress("proxies: what prices tell about people")
    measures += proxy_measures(price_tables(sales, suggestions, customer_ids), customer_ids, groupings, policy)
    measures += [permutation, lineage_of((PRICE_V1,), sensitive, prices=(PRICE_V1,))]
    span = lake.manifest
    return Evidence(
        findings=Findings(tuple(measures), (*DEFINITIONS, *campaign_definitions(sent)), NOT_EXAMINED),
        groupings=groupings,
        n_customers=len(customer_ids),
        window=(span.data_start, span.data_end + timedelta(microseconds=1)),
    )


def priced(suggested: pd.DataFrame) -> pd.DataFrame:
    """Keep the products that got a suggestion: product_id, current_price and suggested_price in USD."""
    rows = suggested[suggested["suggested_price"].notna()]
    return rows[[PRODUCT_ID]].assign(
        current_price=rows["current_price"].astype(float), suggested_price=rows["suggested_price"].astype(float)
    )


def price_tables(sales: pd.DataFrame, suggestions: pd.DataFrame, customer_ids: list[str]) -> dict[str, pd.DataFrame]:
    """Describe by customer what the price path reads and gives: it reads stores, and gives prices for baskets.

    Returns:
        `inputs`: the home store, and the price level there. `outputs`: how much the customer's basket would move at the
        suggested prices, and which share of it has a suggestion.
    """
    spend = sales.groupby([CUSTOMER_ID, STORE_ID], observed=True)["shelf_amount"].sum().reset_index()
    home = spend.sort_values("shelf_amount").drop_duplicates(CUSTOMER_ID, keep="last").set_index(CUSTOMER_ID)[STORE_ID]
    paid = sales.groupby(STORE_ID, observed=True)[["paid_amount", "shelf_amount"]].sum()
    level = (paid["paid_amount"] / paid["shelf_amount"]).rename("paid_over_shelf_of_store")
    stores = home.reindex(customer_ids).astype(str).rename("home_store")
    inputs = pd.DataFrame({"home_store": stores, level.name: stores.map(level.rename(index=str))})
    change = (suggestions["suggested_price"] / suggestions["current_price"] - 1).set_axis(suggestions[PRODUCT_ID])
    moved = sales[PRODUCT_ID].astype(str).map(change)
    amounts = pd.DataFrame(
        {
            CUSTOMER_ID: sales[CUSTOMER_ID],
            "moved": (moved * sales["shelf_amount"]).fillna(0.0),
            "suggested": np.where(moved.notna(), sales["shelf_amount"], 0.0),
            "shelf": sales["shelf_amount"],
        }
    )
    sums = amounts.groupby(CUSTOMER_ID, observed=True).sum().reindex(customer_ids)
    outputs = pd.DataFrame(
        {
            "basket_change": (sums["moved"] / sums["suggested"].replace(0, np.nan)).fillna(0.0),
            "share_with_suggestion": sums["suggested"] / sums["shelf"].replace(0, np.nan),
        }
    ).fillna(0.0)
    return {"inputs": inputs.reset_index(drop=True), "outputs": outputs.reset_index(drop=True)}
