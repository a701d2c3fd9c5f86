"""Lists on record, place by place: what stood there, with which probability, and whether it was bought afterwards."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from serving.decisions import Decision
from serving.schemas_recommend import RecommendationsRequest

_UNSAID: Final = str(RecommendationsRequest.model_fields["placement"].default)  # a decision keeps no defaults


@dataclass(frozen=True)
class Purchase:
    """One product bought.

    Args:
        customer_id: Pseudonym.
        product_id: The product.
        at: Wall-clock time.
        decision_id: The list it was bought from, where the storefront said so.
    """

    customer_id: str
    product_id: str
    at: datetime
    decision_id: str | None


@dataclass(frozen=True)
class ShownList:
    """One list as it was shown.

    Args:
        decision_id: Its decision.
        customer_id: Pseudonym of the person.
        at: When.
        product_ids: Best first.
        propensities: Of each product in its place.
        exploration: What the decision keeps of the draw; None where nothing was drawn.
    """

    decision_id: str
    customer_id: str
    at: datetime
    product_ids: tuple[str, ...]
    propensities: tuple[float, ...]
    exploration: Mapping[str, Any] | None

    def possible(self) -> list[dict[str, float]]:
        """Give for each place the probability of every product that could have stood there."""
        places = [{product: 1.0} for product in self.product_ids]
        if self.exploration is not None:
            p_explored = self.exploration["p_explored"]
            for place in self.exploration["places"]:
                stand_ins = self.exploration["stand_ins"][place["stand_ins"]]
                places[place["rank"] - 1] = {place["product_id"]: 1 - p_explored} | dict.fromkeys(
                    stand_ins, p_explored / len(stand_ins)
                )
        return places

    def as_ranked(self) -> list[str]:
        """Give the list as it would have been with nothing drawn."""
        ranked = list(self.product_ids)
        for place in self.exploration["places"] if self.exploration is not None else ():
            ranked[place["rank"] - 1] = place["product_id"]
        return ranked


def shown_lists(
    decisions: Iterable[Decision], *, customers: Collection[str], placement: str, until: datetime
) -> list[ShownList]:
    """Take the personalised lists of one placement whose outcome is known, oldest first.

    Args:
        decisions: On record, oldest first.
        customers: Pseudonyms of those who allow what is learnt from them.
        placement: Where the lists stood.
        until: Lists shown later than this are left out: purchases may still follow.
    """
    wanted = set(customers)
    found = []
    for decision in decisions:
        at = datetime.fromisoformat(decision.created_at).astimezone(UTC)
        asked = decision.facts.get("request", {}).get("placement", _UNSAID)
        theirs = decision.facts.get("kind") == "recommendations" and asked == placement
        if theirs and at <= until and decision.subject_id in wanted and decision.facts["items"]:
            found.append(_shown(decision, at))
    return found


def _shown(decision: Decision, at: datetime) -> ShownList:
    items = decision.facts["items"]
    return ShownList(
        decision_id=decision.decision_id,
        customer_id=str(decision.subject_id),
        at=at,
        product_ids=tuple(str(item["product_id"]) for item in items),
        propensities=tuple(float(item["propensity"]) for item in items),
        exploration=decision.facts.get("exploration"),
    )


def bought_from(lists: Sequence[ShownList], purchases: Iterable[Purchase], window: timedelta) -> list[tuple[bool, ...]]:
    """Mark what was bought of each list within a window after it was shown.

    A purchase counts once: for the list that the storefront named, where it held the product, else for the newest one
    that did.

    Args:
        lists: As shown.
        purchases: Of anybody, in any order.
        window: How long a list counts.

    Returns:
        Per list, whether each of its products was bought.
    """
    bought: list[list[bool]] = [[False] * len(shown.product_ids) for shown in lists]
    showings: dict[tuple[str, str], list[tuple[datetime, int, int]]] = {}
    for at, shown in enumerate(lists):
        for place, product_id in enumerate(shown.product_ids):
            showings.setdefault((shown.customer_id, product_id), []).append((shown.at, at, place))
    for held in showings.values():
        held.sort()
    for purchase in purchases:
        held = showings.get((purchase.customer_id, purchase.product_id), [])
        before = held[: bisect_right(held, purchase.at, key=lambda showing: showing[0])]
        recent = [showing for showing in before if purchase.at < showing[0] + window]
        named = [showing for showing in recent if lists[showing[1]].decision_id == purchase.decision_id]
        for _, at, place in (named or recent)[-1:]:
            bought[at][place] = True
    return [tuple(flags) for flags in bought]
