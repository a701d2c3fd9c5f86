"""What a private training may do to the data: fixed and public before the first customer is read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from privacy.events import NOISE, RATE, STEPS, Event, GaussianPoisson, require

BATCH: Final = (1, 10_000_000)  # legal divisors
NORM: Final = (1e-3, 1e6)  # legal clipping norms; far above the 1e-6 that Opacus adds to norms


@dataclass(frozen=True, kw_only=True)
class DpPlan:
    """The public constants of a private training.

    None of them is worked out from the customers at hand: with one customer more or fewer the plan is the same. In
    particular the divisor is not the number of customers times the sampling rate, which would give that number away.

    Attributes:
        sample_rate: Probability that a step takes a customer; 1e-9 to 1.
        expected_batch_size: What the noisy sum of a step is divided by; a whole number from 1.
        steps: How many times the data may be touched; a whole number from 1. Lost and empty steps count.
        noise_multiplier: Standard deviation of the noise in units of `max_grad_norm`; 0.05 to 1e6.
        max_grad_norm: Most that one customer may add to a step's sum, in L2 norm; 1e-3 to 1e6.
        delta: The delta at which the plan's epsilon is told; 1e-12 to 0.5. It changes nothing in the training.

    Raises:
        PrivacyParameterInvalid: If a constant is out of range.
    """

    sample_rate: float
    expected_batch_size: int
    steps: int
    noise_multiplier: float
    max_grad_norm: float
    delta: float

    def __post_init__(self) -> None:
        for name, (low, high) in (
            ("sample_rate", RATE),
            ("expected_batch_size", BATCH),
            ("steps", STEPS),
            ("noise_multiplier", NOISE),
            ("max_grad_norm", NORM),
            ("delta", (1e-12, 0.5)),
        ):
            require(name, getattr(self, name), low, high)

    @property
    def events(self) -> tuple[Event, ...]:
        """What the accountant is told: every step the plan allows, whether it left a trace or not."""
        return (
            GaussianPoisson(noise_multiplier=self.noise_multiplier, sample_rate=self.sample_rate, steps=self.steps),
        )

    def facts(self) -> Mapping[str, float]:
        """Give the constants by name."""
        return asdict(self)
