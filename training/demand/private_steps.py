"""The releases of a private demand version as data; needs no accountant, so that the server may read it."""

from dataclasses import dataclass
from typing import Literal

from privacy.events import Event, Gaussian

Name = Literal["products", "regimes", "weeks", "stores"]


@dataclass(frozen=True)
class Family:
    """Sums of one kind.

    Attributes:
        name: Which.
        max_norm: What one customer adds to the family is clipped to this L2 norm; public.
        share: Of its release's squared sensitivity; those of one release sum to 1.
    """

    name: Name
    max_norm: float
    share: float

    @property
    def scale(self) -> float:
        """Units per unit of the released vector: noise in units is the noise multiplier times this."""
        return float(self.max_norm / self.share**0.5)


@dataclass(frozen=True)
class Step:
    """One release.

    Attributes:
        what: In words.
        event: As the accountant sees it: a vector that one customer changes by at most 1 in L2 norm.
        families: What the vector is made of, in this order.
    """

    what: str
    event: Gaussian
    families: tuple[Family, ...]


@dataclass(frozen=True)
class DemandPlan:
    """The releases of a version.

    Attributes:
        levels: What sold in all.
        responses: What sold under promotions; None ships released means, and nothing is fitted.
    """

    levels: Step
    responses: Step | None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The releases, in order."""
        return (self.levels,) if self.responses is None else (self.levels, self.responses)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything the ledger is charged with."""
        return tuple(step.event for step in self.steps)
