"""How the budget of a private version is spent: fixed, public, and worked out before any purchase is read."""

from dataclasses import dataclass
from typing import Literal

from configs.settings import PrivateTrainingSettings
from privacy.accounting import noise_multiplier
from privacy.dp_plan import DpPlan
from privacy.events import Event, Gaussian

Mechanism = Literal["dp-sgd", "dp-counts"]


@dataclass(frozen=True)
class PrivatePlan:
    """The releases of one version.

    Attributes:
        counts: The release of popularity, first purchases and vocabulary.
        training: The private training; None where all is spent on counts.
    """

    counts: Gaussian
    training: DpPlan | None

    @property
    def mechanism(self) -> Mechanism:
        """Name of what is shipped: `dp-counts` is popularity and own history, without learned weights."""
        return "dp-counts" if self.training is None else "dp-sgd"

    @property
    def charges(self) -> dict[str, tuple[Event, ...]]:
        """What is charged for, in words, and its events."""
        charges: dict[str, tuple[Event, ...]] = {"popularity, first purchases and vocabulary": (self.counts,)}
        if self.training is not None:
            charges["training of the adapter"] = tuple(self.training.events)
        return charges

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything the ledger is charged with."""
        return tuple(event for events in self.charges.values() for event in events)


def private_plan(settings: PrivateTrainingSettings) -> PrivatePlan:
    """Find the noise with which counts and training together keep to the target.

    Counts may cost a share of the target by themselves; training gets what the composition of both leaves. Below
    `min_epsilon_to_train` nothing is trained, and counts get all: at a small budget the noise of training costs more
    than training gains. That limit is a public setting and looks at no data, so that choosing costs nothing; a choice
    by looking at both results would have to be paid for.

    Raises:
        TargetUnreachable: If no noise is enough.
        PrivacyParameterInvalid: If a constant is out of range.
    """
    trains = settings.target_epsilon >= settings.min_epsilon_to_train
    for_counts = settings.target_epsilon * (settings.share_on_counts if trains else 1.0)
    counts = Gaussian(noise_multiplier=noise_multiplier(for_counts, settings.delta, 1.0, 1))
    if not trains:
        return PrivatePlan(counts, None)
    noise = noise_multiplier(
        settings.target_epsilon, settings.delta, settings.sample_rate, settings.steps, extra=(counts,)
    )
    training = DpPlan(
        sample_rate=settings.sample_rate,
        expected_batch_size=settings.expected_batch_size,
        steps=settings.steps,
        noise_multiplier=noise,
        max_grad_norm=settings.max_grad_norm,
        delta=settings.delta,
    )
    return PrivatePlan(counts, training)
