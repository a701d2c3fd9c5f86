"""The declared policy by which a few products stand on a list by chance, and the exact probability of each.

Of the places that may be explored, `n` are drawn, all sets of that size alike; each is then explored with probability
`rate`. In an explored place a product from right behind the list stands in, drawn without replacement from those of
the same class of supplier; all others keep their places. So a list never holds more than its share of drawn products,
the order that made room for suppliers stays, no class gains or loses a place, and every probability is a fraction:

    the list's own product in place s      1 - n * rate / places
    a stand-in in place s                  n * rate / places / (stand-ins of its class)

The draw follows from the decision's id, which nobody can guess beforehand and anybody can check afterwards.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from configs.exploration import ExplorationSettings
from privacy.consent import MODEL_TRAINING
from serving.lists import Pick
from serving.log import failed
from serving.ports import ConsentReader
from serving.shelf import Shelf

POLICY: Final = "stand_in_v1"
EXPLORE: Final = "explore"
_ROUNDING: Final = 1e-9  # .29 * 100 is 29 products, whatever floating point says


@dataclass(frozen=True)
class Design:
    """What may happen to one list before anything is drawn.

    Attributes:
        places: Positions in the list, from 0, that may be explored.
        classes: Class of supplier of each of them, by number.
        stand_ins: Candidates of each class, best first.
        n_drawn: Places drawn.
        rate: Probability that a drawn place is explored.
    """

    places: tuple[int, ...]
    classes: tuple[int, ...]
    stand_ins: Mapping[int, tuple[Pick, ...]]
    n_drawn: int
    rate: float

    @property
    def p_explored(self) -> float:
        """Probability that one place of those is explored."""
        return self.rate * self.n_drawn / len(self.places)

    def p_stand_in(self, kind: int) -> float:
        """Probability that one stand-in of a class is in one place of that class."""
        return self.p_explored / len(self.stand_ins[kind])


def design(picks: Sequence[Pick], behind: Sequence[Pick], shelf: Shelf, settings: ExplorationSettings) -> Design | None:
    """Say which places of a list may be explored, and with what.

    A class with fewer stand-ins than places of it could be drawn is left alone: two would need the same product.

    Args:
        picks: The list, best first.
        behind: What would follow it; none of it on the list.
        shelf: Classes of suppliers.
        settings: Share, rate and protected places.

    Returns:
        None where nothing may be explored.
    """
    n_most = int(settings.max_share * len(picks) + _ROUNDING)
    pool: dict[int, list[Pick]] = {}
    for pick in behind:
        pool.setdefault(_class_of(pick, shelf), []).append(pick)
    kinds = [_class_of(pick, shelf) for pick in picks]
    open_kinds = kinds[settings.protected :]
    usable = {kind for kind, found in pool.items() if len(found) >= min(n_most, open_kinds.count(kind))}
    places = tuple(place for place, kind in enumerate(kinds) if place >= settings.protected and kind in usable)
    n_drawn = min(n_most, len(places))
    if n_drawn == 0 or settings.rate == 0:
        return None
    classes = tuple(kinds[place] for place in places)
    stand_ins = {kind: tuple(pool[kind]) for kind in sorted({*classes})}
    return Design(places, classes, stand_ins, n_drawn, settings.rate)


def drawn(picks: Sequence[Pick], plan: Design, generator: np.random.Generator) -> list[Pick]:
    """Draw one list, every product with the probability of its standing where it stands."""
    shown = list(picks)
    for place in plan.places:
        shown[place] = replace(shown[place], propensity=1 - plan.p_explored)
    chosen = generator.choice(len(plan.places), size=plan.n_drawn, replace=False)
    order = {kind: generator.permutation(len(found)).tolist() for kind, found in plan.stand_ins.items()}
    for at in chosen[generator.random(plan.n_drawn) < plan.rate]:
        kind = plan.classes[at]
        stand_in = plan.stand_ins[kind][order[kind].pop()]
        shown[plan.places[at]] = replace(
            stand_in, source=EXPLORE, because=-1, cause=None, propensity=plan.p_stand_in(kind)
        )
    return shown


def record(picks: Sequence[Pick], plan: Design, shelf: Shelf) -> dict[str, Any]:
    """Write what a decision keeps: enough to tell the probability of every list that could have been."""
    return {
        "policy": POLICY,
        "p_explored": plan.p_explored,
        "places": [
            {"rank": place + 1, "product_id": shelf.product_ids[picks[place].position], "stand_ins": str(kind)}
            for place, kind in zip(plan.places, plan.classes, strict=True)
        ],
        "stand_ins": {
            str(kind): [shelf.product_ids[pick.position] for pick in found] for kind, found in plan.stand_ins.items()
        },
    }


def generator_of(decision_id: str) -> np.random.Generator:
    """Make the source of chance of one decision: the same id always draws the same."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(decision_id.encode()).digest()[:16], "big"))


class Explorer:
    """Explores the lists of those who agreed to what exploring is for.

    Args:
        settings: The declared policy.
        consent: Consent on file.
        now: The wall clock.
    """

    def __init__(self, settings: ExplorationSettings, consent: ConsentReader, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._consent = consent
        self._now = now

    @property
    def main_parameter(self) -> str:
        """What a customer is told decides the order, too."""
        return self._settings.main_parameter

    def n_behind(self, placement: str, k: int, subject_id: str | None, *, dry_run: bool) -> int:
        """Tell how many products beyond the list are needed: 0 where it is not to be explored.

        Not explored are lists without a profile, so that equal contexts get equal lists; lists for people who did not
        agree to model training, because nothing may be learnt from them; and lists that leave no record.

        Args:
            placement: Where the list will stand.
            k: Its length.
            subject_id: Pseudonym of the person whose profile is used; None where none is.
            dry_run: Whether no decision is recorded.
        """
        silent = dry_run or subject_id is None or placement not in self._settings.placements
        if silent or int(self._settings.max_share * k + _ROUNDING) == 0:
            return 0
        return self._settings.pool if self._may_learn_from(str(subject_id)) else 0

    def explore(
        self, picks: Sequence[Pick], behind: Sequence[Pick], shelf: Shelf, decision_id: str
    ) -> tuple[list[Pick], dict[str, Any] | None]:
        """Draw a list, and give what its decision keeps; the list as it is and None where nothing may be explored."""
        plan = design(picks, behind, shelf, self._settings) if behind else None
        if plan is None:
            return list(picks), None
        return drawn(picks, plan, generator_of(decision_id)), record(picks, plan, shelf)

    def _may_learn_from(self, subject_id: str) -> bool:
        try:
            return self._consent.in_force(subject_id, MODEL_TRAINING, self._now()).granted
        except Exception as failure:  # a list without exploration is a good answer
            failed("consent to model training could not be read; nothing is explored", failure)
            return False


def _class_of(pick: Pick, shelf: Shelf) -> int:
    return -1 if shelf.suppliers is None else int(shelf.suppliers.codes[pick.position])
