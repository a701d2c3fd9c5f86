"""Run Lightning on one machine: best epoch kept, killed fits resumed, Ctrl-C let out, progress shown."""

import logging
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, ProgressBar, RichProgressBar

from training.resuming import LAST_CHECKPOINT, require_checkpoint

# Lightning asks torch in an outdated way; nothing a user could change.
warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)")
# It holds the tracked run's id, and on resuming the checkpoint itself.
warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")


@dataclass(frozen=True)
class Schedule:
    """How long to fit, and what to watch.

    Attributes:
        name: What is fitted, in words; begins each line of progress.
        max_epochs: Most passes over the examples.
        patience: Stop after this many epochs without a better validation loss.
        train_loss: Name under which the module logs its training loss.
        validation_loss: Name under which it logs its validation loss, which chooses the epoch kept.
    """

    name: str
    max_epochs: int
    patience: int
    train_loss: str
    validation_loss: str


class EpochLines(Callback):
    """Tell each epoch's losses in one line.

    Args:
        schedule: Names.
        progress: Told the lines.
    """

    def __init__(self, schedule: Schedule, progress: Callable[[str], None]) -> None:
        self._schedule = schedule
        self._progress = progress

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Report after training and validation of the epoch."""
        figures, schedule = trainer.callback_metrics, self._schedule
        losses = f"training {figures[schedule.train_loss]:.4f}, validation {figures[schedule.validation_loss]:.4f}"
        self._progress(f"{schedule.name}: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, loss {losses}")


def fit_module(
    module: lightning.LightningModule,
    schedule: Schedule,
    checkpoints: Path,
    *,
    resume: bool,
    logger: Any,
    callbacks: Sequence[Callback],
    progress: Callable[[str], None],
) -> tuple[int, dict[str, float]]:
    """Train a module in place and leave it at its best epoch.

    Args:
        module: Has its own loaders and optimiser; logs both losses.
        schedule: How long, and what to watch.
        checkpoints: Folder of this fit's checkpoints; emptied at the start unless resuming.
        resume: Continue from the last checkpoint, to the same result as a fit in one go.
        logger: Lightning logger; False for none.
        callbacks: Further Lightning callbacks.
        progress: Told each epoch in words.

    Returns:
        Number of epochs run, and the best validation loss.

    Raises:
        NothingToResume: If there is no checkpoint to continue from.
    """
    last = checkpoints / LAST_CHECKPOINT
    if resume:
        require_checkpoint(checkpoints)
    else:
        for old in checkpoints.glob("*.ckpt"):
            old.unlink()
    best = ModelCheckpoint(checkpoints, "best-{epoch}", monitor=schedule.validation_loss, enable_version_counter=False)
    # Its own `save_last` would write only when the best one improves, and a resumed run would repeat the epochs since.
    newest = ModelCheckpoint(checkpoints, last.stem, enable_version_counter=False)
    watching = [*_watchers(schedule, progress), *callbacks]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # hints and advertisements are not progress
    trainer = lightning.Trainer(
        max_epochs=schedule.max_epochs,
        accelerator="cpu",  # rows are gathered on the CPU, batch by batch; the models are too small to gain
        devices=1,
        logger=logger,
        callbacks=[_Patience(schedule.validation_loss, patience=schedule.patience), best, newest, *watching],
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in watching),
        enable_model_summary=False,
        log_every_n_steps=1,  # losses are logged by epoch; a larger number makes Lightning warn of short epochs
        num_sanity_val_steps=0,
    )
    with _interruptible():
        trainer.fit(module, ckpt_path=last if resume else None)
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    module.load_state_dict(state)
    score = best.best_model_score
    return trainer.current_epoch, {"best_validation_loss": float("nan") if score is None else float(score)}


def _watchers(schedule: Schedule, progress: Callable[[str], None]) -> list[Callback]:
    """Choose what to show: lines always, a bar where standard error is a terminal (standard output is for results)."""
    bar = [RichProgressBar(console_kwargs={"stderr": True}, leave=True)] if sys.stderr.isatty() else []
    return [EpochLines(schedule, progress), *bar]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C out as KeyboardInterrupt; Lightning exits with code 1 and ignores every later one."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as left:
        if not isinstance(left.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


class _Patience(EarlyStopping):
    """Early stopping that a resumed run remembers: Lightning alone would train one epoch more."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002
        """Stop before the first epoch if patience ended before the run was killed."""
        trainer.should_stop = self.wait_count >= self.patience
