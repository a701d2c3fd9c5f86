"""What a person watching a fit sees: a bar on a terminal, a line per epoch everywhere."""

import sys
from collections.abc import Callable

import lightning
from lightning.pytorch.callbacks import Callback, RichProgressBar

from training.two_tower.module import TRAIN_LOSS, VALIDATION_LOSS


class EpochLines(Callback):
    """Tell each epoch's losses in one line.

    Args:
        progress: Told the lines.
    """

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Report after training and validation of the epoch."""
        figures = trainer.callback_metrics
        losses = f"training {figures[TRAIN_LOSS]:.4f}, validation {figures[VALIDATION_LOSS]:.4f}"
        self._progress(f"towers: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, loss {losses}")


def watchers(progress: Callable[[str], None]) -> list[Callback]:
    """Choose what to show: lines always, a bar where standard error is a terminal (standard output is for results)."""
    bar = [RichProgressBar(console_kwargs={"stderr": True}, leave=True)] if sys.stderr.isatty() else []
    return [EpochLines(progress), *bar]
