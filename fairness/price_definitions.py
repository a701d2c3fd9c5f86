"""What is measured about prices, in words for the report."""

from typing import Final

from fairness.decomposition import REST, STEPS
from fairness.measures import Definition

SHARE: Final = "share of shelf price"
DEPTH: Final = "discount_depth"
PAID: Final = "paid_over_shelf"

_FIGURES: Final = {DEPTH: "loyalty discount", PAID: "amount paid"}
_SHARED: Final = {
    "category": "it buys other categories than the average customer",
    "product": "it buys other products of the same categories",
    "store": "it buys the same products in other stores",
    "week": "it buys them in the same stores in other weeks",
    REST: "it is charged something else than other customers for the same product in the same store and week",
}
_NAMES: Final = {step: f"_mix_{step}" for step in STEPS} | {REST: f"_{REST}"}


def part_name(figure: str, part: str) -> str:
    """Name the measure of one part of a decomposed figure.

    >>> part_name("discount_depth", "store")
    'discount_depth_mix_store'
    """
    return f"{figure}{_NAMES[part]}"


def _rate(measure: str, title: str, meaning: str, *, more_is_better: bool, source: str) -> Definition:
    return Definition(
        surface="prices",
        measure=measure,
        title=title,
        meaning=meaning,
        unit=SHARE,
        ideal=0.0,
        kind="difference",
        source=source,
        more_is_better=more_is_better,
    )


def _parts(figure: str) -> tuple[Definition, ...]:
    what, better = _FIGURES[figure], figure == DEPTH
    return tuple(
        _rate(
            part_name(figure, part),
            f"Part of the {what} that is there because {why}",
            f"How far a group's {what}, as a share of the shelf price, lies from everyone's because {why}. The parts "
            "add up to the whole distance. Where no other customer bought in the same place, the step says nothing.",
            more_is_better=better,
            source="Kitagawa (1955), nested, everyone's rates as reference; each line against other customers.",
        )
        for part, why in _SHARED.items()
    )


def _within(figure: str) -> Definition:
    return _rate(
        f"{figure}_within",
        f"The {_FIGURES[figure]} beside customers of the same category, store and week",
        f"Everyone's {_FIGURES[figure]}, as a share of the shelf price, plus the group's mean distance from what other "
        "customers got in the same category, store and week. Differences in what, where and when people buy are out.",
        more_is_better=figure == DEPTH,
        source="Kitagawa (1955), direct standardisation.",
    )


DISCOUNT_DEPTH: Final = _rate(
    DEPTH,
    "Loyalty discount",
    "Sum of loyalty discounts over the sum of shelf prices of all that a group bought. Deeper is cheaper; it says "
    "nothing about why.",
    more_is_better=True,
    source="Ratio of sums over merchandise with quantity and sales above 0.",
)
PAID_OVER_SHELF: Final = _rate(
    PAID,
    "What is paid of the shelf price",
    "Sum of what a group paid out of its pocket, after loyalty discounts and coupons, over the sum of shelf prices.",
    more_is_better=False,
    source="Ratio of sums over merchandise with quantity and sales above 0.",
)
SHELF_SURCHARGE: Final = _rate(
    "shelf_surcharge",
    "Same product, store and week: the price at the shelf",
    "How much more than others a group was charged at the shelf for the same fixed pack, bought one at a time in the "
    "same store and week, as a share of what the others would have been charged. It averages over products: a "
    "surcharge on a few of them is for the scan to find.",
    more_is_better=False,
    source="Price parity within cells; each customer against the median of the others; capped.",
)
PAID_SURCHARGE: Final = _rate(
    "paid_surcharge",
    "Same product, store and week: the price after loyalty discounts",
    "The same for the price after loyalty discounts and before manufacturers' coupons. It may differ between customers "
    "who use offers and those who do not.",
    more_is_better=False,
    source="Price parity within cells; each customer against the median of the others; capped.",
)
SUGGESTED_PRICE_CHANGE: Final = Definition(
    surface="prices",
    measure="suggested_price_change",
    title="What the suggested prices do to each group's basket",
    meaning="What a group bought in the last 26 weeks, priced as suggested, over the same at present prices, for "
    "products that have a suggestion; 1.02 is 2% dearer. It takes for granted that people go on buying the same.",
    unit="basket cost, suggested over present",
    ideal=0.0,
    kind="difference",
    source="Laspeyres price index by group of customers.",
    more_is_better=False,
)
SURCHARGED_PRODUCTS: Final = Definition(
    surface="prices",
    measure="surcharged_products",
    title="Products on which a group is surcharged",
    meaning="On how many products, at the least, a group was charged more at the shelf than others in the same store "
    "and week. Every product is looked at, so a surcharge on a few that an average hides is found.",
    unit="products",
    ideal=0.0,
    kind="difference",
    source="Stratified rank sums (van Elteren 1960) under relabelling of customers; Westfall and Young (1993).",
    reference="ideal",
    side="high",
    more_is_better=False,
)
SURCHARGED_CATEGORIES: Final = Definition(
    surface="prices",
    measure="surcharged_categories",
    title="Categories in which a group is surcharged",
    meaning="In how many categories, at the least, a group was charged more at the shelf than others for the same "
    "product in the same store and week.",
    unit="categories",
    ideal=0.0,
    kind="difference",
    source="Stratified rank sums (van Elteren 1960) under relabelling of customers; Westfall and Young (1993).",
    reference="ideal",
    side="high",
    more_is_better=False,
)
STORE_PRICE_LEVEL: Final = Definition(
    surface="prices",
    measure="store_price_level",
    title="Are stores dearer where more of a group shop?",
    meaning="How much higher the price level of a store would be with only customers of the group than with none of "
    "them, on the line through all stores; 0.01 is 1% dearer. It holds for places, and says nothing about why.",
    unit="price level per share of the group",
    ideal=0.0,
    kind="difference",
    source="Weighted least squares over stores; price level on products that several stores sell in a week.",
    reference="ideal",
    side="high",
    more_is_better=False,
)

DEFINITIONS: Final[tuple[Definition, ...]] = (
    DISCOUNT_DEPTH,
    *_parts(DEPTH),
    _within(DEPTH),
    PAID_OVER_SHELF,
    *_parts(PAID),
    _within(PAID),
    SHELF_SURCHARGE,
    PAID_SURCHARGE,
    SUGGESTED_PRICE_CHANGE,
    SURCHARGED_PRODUCTS,
    SURCHARGED_CATEGORIES,
    STORE_PRICE_LEVEL,
)
