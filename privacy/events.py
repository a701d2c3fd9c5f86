"""What was released, as an accountant sees it: a mechanism and its public constants, never what it gave.

Every event is about add-or-remove-one-customer: two data sets are neighbours when one of them holds all records of one
customer that the other lacks. Scales are in units of what one customer may change (sensitivity 1).
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from privacy.errors import PrivacyParameterInvalid

NOISE: Final = (0.05, 1e6)  # legal noise multipliers and scales
RATE: Final = (1e-9, 1.0)  # legal sampling rates
STEPS: Final = (1, 10_000_000)  # legal numbers of steps


class _Released(BaseModel):
    """A frozen record of one release, or of many alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GaussianPoisson(_Released):
    """Steps that each draw every customer with the same probability and add Gaussian noise to the clipped sum.

    Covers DP-SGD only where sampling is Poisson, a customer is one example, and empty draws are steps too.

    Attributes:
        noise_multiplier: Standard deviation of the noise over the clipping norm; 0.05 to 1e6.
        sample_rate: Probability that a step draws a customer; 1e-9 to 1.
        steps: How many steps were or may be taken; a whole number from 1.

    Raises:
        PrivacyParameterInvalid: If a constant is out of range.
    """

    mechanism: Literal["gaussian-poisson"] = "gaussian-poisson"
    noise_multiplier: float
    sample_rate: float
    steps: int

    @model_validator(mode="after")
    def _in_range(self) -> "GaussianPoisson":
        require("noise_multiplier", self.noise_multiplier, *NOISE)
        require("sample_rate", self.sample_rate, *RATE)
        require("steps", self.steps, *STEPS)
        return self


class Gaussian(_Released):
    """One release with Gaussian noise, of a vector that one customer changes by at most 1 in L2 norm.

    Attributes:
        noise_multiplier: Standard deviation of the noise over that norm; 0.05 to 1e6.

    Raises:
        PrivacyParameterInvalid: If it is out of range.
    """

    mechanism: Literal["gaussian"] = "gaussian"
    noise_multiplier: float

    @model_validator(mode="after")
    def _in_range(self) -> "Gaussian":
        require("noise_multiplier", self.noise_multiplier, *NOISE)
        return self


class Laplace(_Released):
    """One release with Laplace noise, of a vector that one customer changes by at most 1 in L1 norm.

    Attributes:
        scale: Scale of the noise over that norm, 1/epsilon; 0.05 to 1e6.

    Raises:
        PrivacyParameterInvalid: If it is out of range.
    """

    mechanism: Literal["laplace"] = "laplace"
    scale: float

    @model_validator(mode="after")
    def _in_range(self) -> "Laplace":
        require("scale", self.scale, *NOISE)
        return self


class DiscreteLaplace(_Released):
    """One release with discrete Laplace (geometric) noise, of a whole number that one customer changes by at most 1.

    Attributes:
        scale: Scale of the noise, 1/epsilon; 0.05 to 1e6.

    Raises:
        PrivacyParameterInvalid: If it is out of range.
    """

    mechanism: Literal["discrete-laplace"] = "discrete-laplace"
    scale: float

    @model_validator(mode="after")
    def _in_range(self) -> "DiscreteLaplace":
        require("scale", self.scale, *NOISE)
        return self


Event = Annotated[GaussianPoisson | Gaussian | Laplace | DiscreteLaplace, Field(discriminator="mechanism")]

_EVENTS: Final[TypeAdapter[tuple[Event, ...]]] = TypeAdapter(tuple[Event, ...])


def require(field: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range; a value that is no number at all is outside.

    Raises:
        PrivacyParameterInvalid: If it is.
    """
    if not low <= value <= high:
        raise PrivacyParameterInvalid(field=field, value=value, low=low, high=high)


def to_json(events: Sequence[Event]) -> str:
    """Write events down so that equal ones give equal text.

    >>> to_json([Gaussian(noise_multiplier=2.0)])
    '[{"mechanism":"gaussian","noise_multiplier":2.0}]'
    """
    return _EVENTS.dump_json(tuple(events)).decode()


def from_json(text: str) -> tuple[Event, ...]:
    """Read what `to_json` wrote.

    Raises:
        ValueError: If it is not such a text.
        PrivacyParameterInvalid: If a constant is out of range.
    """
    return _EVENTS.validate_json(text)


def merged(events: Sequence[Event]) -> dict[Event, int]:
    """Count equal events, steps of equal draws added up: what the order of releases does not change.

    Returns:
        Each kind of event, a `GaussianPoisson` of one step, with how often it happened; in a fixed order.
    """
    counts: dict[Event, int] = {}
    for event in events:
        one, times = event, 1
        if isinstance(event, GaussianPoisson):
            one, times = event.model_copy(update={"steps": 1}), event.steps
        counts[one] = counts.get(one, 0) + times
    return dict(sorted(counts.items(), key=lambda item: item[0].model_dump_json()))


def exceeding(events: Sequence[Event], within: Sequence[Event]) -> tuple[Event, ...]:
    """Give what of some events is not among others, so that both together cover either.

    >>> exceeding([Gaussian(noise_multiplier=2.0)], within=[Gaussian(noise_multiplier=2.0), Laplace(scale=1.0)])
    ()
    """
    allowed = merged(within)
    surplus = {event: times - allowed.get(event, 0) for event, times in merged(events).items()}
    return tuple(one for event, times in surplus.items() if times > 0 for one in _repeated(event, times))


def _repeated(event: Event, times: int) -> tuple[Event, ...]:
    if isinstance(event, GaussianPoisson):
        return (event.model_copy(update={"steps": times}),)
    return (event,) * times
