"""A fit ends, repeats itself exactly, and goes on exactly after a kill."""

import signal
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from training.errors import CatalogueEmpty, NothingToResume, TooFewExamples
from training.feature_rows import product_rows
from training.two_tower import fit as fit_module
from training.two_tower.fit import Fitted
from training.two_tower.module import VALIDATION_LOSS
from training.two_tower.products import numeric_features

Weights = dict[str, torch.Tensor]
Batch = tuple[int, tuple[int, ...]]


class Watch(Callback):
    """Notes each epoch's batches, validation loss and weights, and may be told to break off."""

    def __init__(self, *, kill_at: tuple[int, int] | None = None, by: type[BaseException] = RuntimeError) -> None:
        self.batches: dict[int, list[Batch]] = {}
        self.losses: list[float] = []
        self.weights: list[Weights] = []
        self._kill_at = kill_at
        self._by = by

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the batch; break off if told so."""
        self.batches.setdefault(trainer.current_epoch, []).append((batch[0], tuple(batch[1].tolist())))
        if (trainer.current_epoch, batch_idx) == self._kill_at:
            raise self._by

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note where the epoch ended."""
        self.losses.append(trainer.callback_metrics[VALIDATION_LOSS].item())
        self.weights.append({name: values.clone() for name, values in pl_module.state_dict().items()})


def weights(fitted: Fitted) -> Weights:
    scorer = fitted.scorer
    towers = {f"model.{name}": values for name, values in scorer.model.state_dict().items()}
    return towers | {f"head.{name}": values for name, values in scorer.head.state_dict().items()}


def assert_same_model(ours: Fitted, theirs: Fitted) -> None:
    left, right = weights(ours), weights(theirs)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert ours.figures == theirs.figures
    assert ours.n_epochs == theirs.n_epochs
    assert torch.equal(ours.scorer.product_vectors, theirs.scorer.product_vectors)


def test_a_fit_ends_and_learns(fitted: Fitted, town: Any, tmp_path: Path) -> None:
    assert fitted.n_epochs == 3
    assert len(fitted.scorer.catalogue) == 120
    watch = Watch()
    again = town.fit(tmp_path, callbacks=[watch])
    assert_same_model(again, fitted)  # the same seed gives the same weights
    assert watch.losses[-1] < watch.losses[0] < np.log(120)
    assert again.figures["best_validation_loss"] == min(watch.losses)
    assert not again.scorer.model.training
    assert not again.scorer.head.training


def test_products_carry_the_sales_figures_of_the_cut_off(fitted: Fitted, town: Any) -> None:
    rows = product_rows(town.data.store, fitted.scorer.catalogue, [town.data.train_until])
    np.testing.assert_array_equal(fitted.scorer.numeric.numpy(), numeric_features(rows, 14))


def test_another_seed_gives_another_model(fitted: Fitted, town: Any, tmp_path: Path) -> None:
    other = weights(town.fit(tmp_path, "two_tower.seed=8", "two_tower.max_epochs=1"))
    assert not torch.equal(other["model.products.id.weight"], weights(fitted)["model.products.id.weight"])


def test_each_epoch_has_every_example_in_an_order_of_its_own(town: Any, tmp_path: Path) -> None:
    watch = Watch()
    town.fit(tmp_path, callbacks=[watch])
    assert list(watch.batches) == [0, 1, 2]
    examples = [sorted((part, row) for part, rows in batches for row in rows) for batches in watch.batches.values()]
    assert examples[0] == examples[1] == examples[2]
    assert len(set(examples[0])) == len(examples[0])
    assert watch.batches[0] != watch.batches[1]
    assert sorted(watch.batches[0]) != sorted(watch.batches[1])  # other batches, not only another order of them


@pytest.mark.parametrize("kill_at", [(1, 2), (2, 0)])
def test_a_killed_fit_resumes_to_the_same_weights(
    fitted: Fitted, town: Any, tmp_path: Path, kill_at: tuple[int, int]
) -> None:
    with pytest.raises(RuntimeError):
        town.fit(tmp_path, callbacks=[Watch(kill_at=kill_at)])
    watch = Watch()
    resumed = town.fit(tmp_path, resume=True, callbacks=[watch])
    assert list(watch.batches) == list(range(kill_at[0], 3))  # whole epochs are not trained again
    assert_same_model(resumed, fitted)


def test_ctrl_c_comes_out_as_such_and_the_fit_resumes(fitted: Fitted, town: Any, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        town.fit(tmp_path, callbacks=[Watch(kill_at=(1, 0), by=KeyboardInterrupt)])
    assert signal.getsignal(signal.SIGINT) is handler
    assert_same_model(town.fit(tmp_path, resume=True), fitted)


def test_an_exit_that_nobody_asked_for_stays_an_exit(town: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        town.fit(tmp_path, callbacks=[Watch(kill_at=(0, 0), by=SystemExit)])


def test_a_fit_killed_after_its_towers_resumes_to_the_same_weights(
    fitted: Fitted, town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "fit_head", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            town.fit(tmp_path)
    watch = Watch()
    assert_same_model(town.fit(tmp_path, resume=True, callbacks=[watch]), fitted)
    assert not watch.batches


def test_reweighting_by_group_teaches_another_model(fitted: Fitted, town: Any, tmp_path: Path) -> None:
    even = ("two_tower.group_reweighting.by=activity", "two_tower.group_reweighting.strength=0")
    assert_same_model(town.fit(tmp_path / "even", *even), fitted)
    weighed = town.fit(tmp_path / "weighed", "two_tower.group_reweighting.by=store").scorer
    ours, theirs = weighed.model.state_dict(), fitted.scorer.model.state_dict()
    assert all(torch.isfinite(values).all() for values in ours.values())
    assert not torch.equal(ours["products.id.weight"], theirs["products.id.weight"])
    assert not torch.equal(weighed.head.state_dict()["net.0.weight"], fitted.scorer.head.state_dict()["net.0.weight"])


IMPATIENT = ("two_tower.max_epochs=30", "two_tower.early_stop_patience=1", "two_tower.learning_rate=0.2")


def test_early_stopping_restores_the_best_epoch(town: Any, tmp_path: Path) -> None:
    watch = Watch()
    fitted = town.fit(tmp_path, *IMPATIENT, callbacks=[watch])
    best = int(np.argmin(watch.losses))
    assert fitted.n_epochs == len(watch.losses) == best + 2 < 30
    assert fitted.figures["best_validation_loss"] == watch.losses[best]
    towers = {name: values for name, values in weights(fitted).items() if name.startswith("model.")}
    assert all(torch.equal(values, watch.weights[best][name]) for name, values in towers.items())
    assert any(not torch.equal(values, watch.weights[-1][name]) for name, values in towers.items())
    again = Watch()
    assert_same_model(town.fit(tmp_path, *IMPATIENT, resume=True, callbacks=[again]), fitted)
    assert not again.batches  # killed after it had stopped: not one epoch more


def test_epochs_that_did_not_improve_are_not_trained_again(town: Any, tmp_path: Path) -> None:
    patient = (*IMPATIENT, "two_tower.early_stop_patience=3")
    whole, again = Watch(), Watch()
    unbroken = town.fit(tmp_path / "unbroken", *patient, callbacks=[whole])
    last = len(whole.losses) - 1
    assert int(np.argmin(whole.losses)) == last - 3
    with pytest.raises(RuntimeError):
        town.fit(tmp_path / "broken", *patient, callbacks=[Watch(kill_at=(last, 0))])
    assert_same_model(town.fit(tmp_path / "broken", *patient, resume=True, callbacks=[again]), unbroken)
    assert list(again.batches) == [last]


def test_a_fresh_fit_forgets_the_checkpoints_of_the_last(fitted: Fitted, town: Any, tmp_path: Path) -> None:
    (tmp_path / "best-epoch=9.ckpt").write_bytes(b"old")
    (tmp_path / "run_id").write_text("kept")
    assert_same_model(town.fit(tmp_path), fitted)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"last.ckpt", "run_id", "best-epoch=2.ckpt"}


def test_nothing_to_resume_is_said(town: Any, tmp_path: Path) -> None:
    with pytest.raises(NothingToResume, match=r"last\.ckpt.*without --resume"):
        town.fit(tmp_path / "empty", resume=True)


def test_too_little_data_is_said(town: Any, tmp_path: Path) -> None:
    with pytest.raises(TooFewExamples, match="in 0 training snapshots"):
        town.fit(tmp_path, "features.n_training_snapshots=1")
    with pytest.raises(CatalogueEmpty, match="no product has 500 buyers"):
        town.fit(tmp_path, "two_tower.min_buyers=500")


def test_each_step_is_told(town: Any, tmp_path: Path) -> None:
    said: list[str] = []
    town.fit(tmp_path, progress=said.append)
    assert said[0] == "features: 46 customers, 120 products"
    assert said[1] == "towers: 4 snapshots, validation on the 7 days before the cut-off"
    epochs = [line for line in said if "epoch" in line]
    assert [line.split(",")[0] for line in epochs] == [f"towers: epoch {i} of 3" for i in (1, 2, 3)]
    assert said[-1].startswith("head: ")
