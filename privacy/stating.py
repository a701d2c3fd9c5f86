"""Makes privacy statements from what was really released."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from privacy.accounting import ACCOUNTANT, curve, epsilon, epsilon_prv, epsilon_rdp, mu
from privacy.errors import CrossCheckUnavailable
from privacy.events import Event
from privacy.ledger import Spent
from privacy.statement import NOT_COVERED, Assumption, Charge, ComposedTotal, CrossCheck, Statement

_SETTING: Final = (
    "Central model: the shop holds its customers' records in the clear and is trusted with them; noise is added inside "
    "training, and the promise is about whoever sees the trained model or anything worked out from it."
)
_COVERED: Final = (
    "The weights, the vocabulary, popularity and every normaliser of the model: all that it learnt from customers.",
    "Everything worked out from those alone, however often it is asked, and whatever else the asker knows.",
    "All records of a customer together, not one purchase: whether somebody is in the data at all.",
)
_ASSUMPTIONS: Final = (
    Assumption(
        assumes="Neighbouring data differ by all records of one customer.",
        met_by="one customer is one example; each customer's gradient is summed, then clipped; what a customer "
        "adds to counts and sums is clipped to a public length.",
    ),
    Assumption(
        assumes="The scales are fixed before the data are read.",
        met_by="they are settings, reserved in the ledger before the first access.",
    ),
    Assumption(
        assumes="Every release is in the list of charges.",
        met_by="product content is public; what else is learnt goes through the noisy counts or the noisy sums.",
    ),
    Assumption(
        assumes="The reckoning itself errs on the safe side.",
        met_by="the accountant rounds every privacy loss up and composes all releases, never adds their epsilons; a "
        "second accountant stands beside it.",
    ),
    Assumption(
        assumes="Nobody can foretell the noise.",
        met_by="it comes from the system's cryptographic generator and is not kept.",
    ),
    Assumption(
        assumes="The noise is a real number.",
        met_by="nearly: each draw is half the sum of four, which hides the gaps of floating point; that is no proof.",
    ),
)
_SAMPLING: Final = (
    Assumption(
        assumes="Each step draws every customer independently with the same probability.",
        met_by="Poisson sampling with a public rate; empty draws are steps too, and shuffled batches are refused.",
    ),
    Assumption(
        assumes="A customer adds at most the clipping norm to a step.",
        met_by="losses and layers that mix customers are refused by type; a test removes each customer in turn.",
    ),
)


@dataclass(frozen=True)
class Release:
    """What was released under one heading.

    Attributes:
        what: The heading: popularity counts, training.
        events: The releases.
    """

    what: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class TrainingFacts:
    """The public constants of a private training."""

    sample_rate: float
    noise_multiplier: float
    max_grad_norm: float
    steps: int
    expected_batch_size: int


def make_statement(
    releases: Sequence[Release], *, delta: float, training: TrainingFacts | None, spent: Spent | None
) -> Statement:
    """State what a model promises.

    Args:
        releases: Everything that was learnt from customers.
        delta: At which epsilon is told.
        training: How it was trained; None where noisy counts are all there is.
        spent: What the ledger says of these customers, this model included; None outside the ledger.

    Raises:
        PrivacyParameterInvalid: If delta is out of range.
    """
    events = tuple(event for release in releases for event in release.events)
    return Statement(
        setting=_SETTING,
        mechanism="dp-counts" if training is None else "dp-sgd",
        epsilon=epsilon(events, delta),
        delta=delta,
        mu=mu(events),
        curve=curve(events),
        accountant=ACCOUNTANT,
        cross_checks=_cross_checks(events, delta),
        sample_rate=training.sample_rate if training else None,
        noise_multiplier=training.noise_multiplier if training else None,
        max_grad_norm=training.max_grad_norm if training else None,
        steps=training.steps if training else None,
        expected_batch_size=training.expected_batch_size if training else None,
        charges=tuple(Charge(what=one.what, epsilon_alone=epsilon(one.events, delta)) for one in releases),
        composed_total=_total(spent) if spent else None,
        assumptions=(*_ASSUMPTIONS, *(_SAMPLING if training else ())),
        covered=_COVERED,
        not_covered=NOT_COVERED,
    )


def _total(spent: Spent) -> ComposedTotal:
    return ComposedTotal(
        lineage=spent.lineage,
        window_start=spent.window.start,
        window_end=spent.window.end,
        epsilon=spent.epsilon,
        delta=spent.delta,
        cap_epsilon=spent.cap_epsilon,
        lifetime_epsilon=spent.lifetime_epsilon,
    )


def _cross_checks(events: Sequence[Event], delta: float) -> tuple[CrossCheck, ...]:
    found = []
    for name, reckon in (("PRV (Opacus)", epsilon_prv), ("RDP (dp-accounting)", epsilon_rdp)):
        try:
            found.append(CrossCheck(accountant=name, epsilon=reckon(events, delta)))
        except CrossCheckUnavailable:  # noise that this accountant does not know: there is nothing to show
            continue
    return tuple(found)
