"""One list of several: by share, each product once, and not too many that are alike."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from configs.placements import PlacementSettings
from serving.lists import Pick
from serving.shelf import Facet, Shelf

_WINDOW: Final = 10  # places that a bound speaks of, as the settings say
_ROUNDING: Final = 9  # digits; shares that tie on paper tie here


@dataclass(frozen=True)
class Part:
    """What one method brings to a list.

    Args:
        name: The method, as the blend names it.
        share: Its share of the list, before the methods that have nothing to say are left out.
        picks: Products, best first.
    """

    name: str
    share: float
    picks: tuple[Pick, ...]


@dataclass(frozen=True)
class Bounds:
    """Most products that may share a value in each ten places of a list, by property.

    Args:
        limits: Pairs of a coded property and the most products with one value of it.
    """

    limits: tuple[tuple[Facet, int], ...]

    @classmethod
    def of(cls, rule: PlacementSettings, shelf: Shelf) -> "Bounds":
        """Read a placement's bounds."""
        pairs = ((shelf.types, rule.max_per_type), (shelf.categories, rule.max_per_category))
        return cls(tuple((facet, limit) for facet, limit in pairs if limit is not None))


def compose(parts: Sequence[Part], bounds: Bounds, n: int) -> list[Pick]:
    """Make one list of several, place by place.

    The next place goes to the method furthest behind its share, and there to its best product that keeps all bounds;
    where no method has one, the bounds give way. A list is the beginning of every longer one.

    Args:
        parts: Products by method; ties between methods go to the first.
        bounds: How many may be alike.
        n: Most products.

    Returns:
        Each product once, with its own method, score and cause.

    >>> bread, milk, jam = (Pick(at, 1.0, "similar", -1) for at in range(3))
    >>> parts = [Part("similar", 0.5, (bread, milk)), Part("together", 0.5, (milk, jam))]
    >>> [pick.position for pick in compose(parts, Bounds(()), 3)]
    [0, 1, 2]
    """
    if len(parts) == 1 and not bounds.limits:
        return list(parts[0].picks[:n])
    return list(islice(_Table(parts, bounds), n))


class _Table:
    """Products that wait for a place, and what stands already."""

    def __init__(self, parts: Sequence[Part], bounds: Bounds) -> None:
        self._waiting = [list(part.picks) for part in parts]
        total = sum(part.share for part in parts) or 1.0
        self._shares = [part.share / total for part in parts]
        self._taken = [0] * len(parts)
        self._placed: set[int] = set()
        self._limits = [(facet, limit, Counter[int]()) for facet, limit in bounds.limits]

    def __iter__(self) -> Iterator[Pick]:
        while True:
            pick = self._next(within=True) or self._next(within=False)
            if pick is None:
                return
            self._place(pick)
            yield pick

    def _next(self, *, within: bool) -> Pick | None:
        place = sum(self._taken) + 1
        behind = [
            round(taken - share * place, _ROUNDING) for taken, share in zip(self._taken, self._shares, strict=True)
        ]
        for part in sorted(range(len(behind)), key=behind.__getitem__):
            waiting = self._waiting[part]
            found = next((at for at, pick in enumerate(waiting) if self._fits(pick, within=within)), None)
            if found is not None:
                self._taken[part] += 1
                return waiting.pop(found)
        return None

    def _fits(self, pick: Pick, *, within: bool) -> bool:
        if pick.position in self._placed:
            return False
        return not within or all(counts[code] < limit for counts, limit, code in self._codes(pick))

    def _place(self, pick: Pick) -> None:
        self._placed.add(pick.position)
        for counts, _, code in self._codes(pick):
            counts[code] += 1
        if len(self._placed) % _WINDOW == 0:
            for _, _, counts in self._limits:
                counts.clear()

    def _codes(self, pick: Pick) -> Iterator[tuple[Counter[int], int, int]]:
        """Give what counts for a product; of products whose property is unknown nobody can say that they are alike."""
        for facet, limit, counts in self._limits:
            code = int(facet.codes[pick.position])
            if code != facet.code_of.get(""):
                yield counts, limit, code
