"""The private steps: plain SGD on the adapter, nothing watched and nothing stopped early."""

from typing import Final

import torch

from privacy.dp import TrainedPrivately, train_private
from privacy.dp_examples import Customers
from privacy.dp_loss import ReleasedValues
from privacy.dp_plan import DpPlan
from privacy.randomness import Randomness
from training.two_tower.private_charge import ChargedRun
from training.two_tower.private_loss import FirstPurchases, VocabularyScores
from training.two_tower.private_model import PrivateTowers
from training.two_tower.private_popularity import ReleasedPopularity

RELEASE: Final = "popularity, first purchases and vocabulary"  # what the loss's prior was worked out from
MICROBATCH: Final = 256  # customers whose gradients are held at once; bounds memory, changes no result


def trainee(towers: PrivateTowers, popularity: ReleasedPopularity) -> tuple[VocabularyScores, FirstPurchases]:
    """Give what is trained and what it is trained by."""
    signals = torch.from_numpy(popularity.signals[popularity.taught])
    return VocabularyScores(towers.adapter.weight.detach().clone()), FirstPurchases(ReleasedValues(signals, RELEASE))


def train_adapter(
    towers: PrivateTowers,
    customers: Customers,
    popularity: ReleasedPopularity,
    plan: DpPlan,
    learning_rate: float,
    run: ChargedRun,
    randomness: Randomness | None,
) -> TrainedPrivately:
    """Train the adapter of some towers in place.

    There is no validation, no early stopping and no choice among checkpoints: each would be one more release. The
    weights after the last step are the ones shipped.

    Args:
        towers: Frozen content, and the adapter to start from.
        customers: One row each, from `private_customers`.
        popularity: Vocabulary and prior.
        plan: Public constants.
        learning_rate: Size of every step.
        run: Checkpoints; resumed where a killed run had begun to train.
        randomness: None is the operating system's. Anything else is for tests.

    Raises:
        DpCheckpointMismatch: If the checkpoint is damaged or another plan's.
    """
    model, loss = trainee(towers, popularity)
    trained = train_private(
        model,
        customers,
        loss,
        plan,
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=learning_rate),
        microbatch_size=MICROBATCH,
        checkpoint=run.checkpoint,
        resume=run.began_to_train,
        randomness=randomness,
    )
    with torch.no_grad():
        towers.adapter.weight.copy_(model.adapter.weight)
    return trained
