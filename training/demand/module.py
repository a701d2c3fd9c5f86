"""Training of the networks in Lightning: the three tracks side by side, on the same rows."""

from collections.abc import Iterator
from typing import Any, Final

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, Sampler

from configs.demand import ForecasterSettings
from training.demand.examples import Examples
from training.demand.network import DemandNetwork, NetworkShape, negative_binomial_loss
from training.demand.plan import TRACKS, Track

TRAIN_LOSS: Final = "train_loss"
VALIDATION_LOSS: Final = "validation_loss"
_LAST_LEARNING_RATE: Final = 0.02  # share of the first that the linear decay ends at
_TRACK_SEEDS: Final = 1009  # apart, so that no two tracks start alike

Batch = tuple[dict[Track, tuple[Tensor, Tensor]], Tensor]


class RowBatches(Sampler[list[int]]):
    """Batches of rows in an order that depends on seed and epoch alone."""

    def __init__(self, n_rows: int, *, batch_size: int, seed: int) -> None:
        self._n_rows = n_rows
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this, also after a resume."""
        self._epoch = epoch

    def __len__(self) -> int:
        return (self._n_rows + self._batch_size - 1) // self._batch_size

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self._seed, self._epoch)).permutation(self._n_rows)
        for start in range(0, self._n_rows, self._batch_size):
            yield order[start : start + self._batch_size].tolist()


class _Rows(Dataset[Batch]):
    """Whole batches of examples; an index is a list of rows."""

    def __init__(self, examples: Examples, rows: npt.NDArray[np.int64]) -> None:
        kept = torch.from_numpy(rows)
        self._inputs = {
            track: (torch.from_numpy(inputs.values)[kept], torch.from_numpy(inputs.candidates)[kept])
            for track, inputs in examples.inputs.items()
        }
        self._units = torch.from_numpy(examples.units)[kept]

    def __len__(self) -> int:
        return len(self._units)

    def __getitem__(self, rows: Any) -> Batch:
        chosen = torch.as_tensor(rows)
        return {track: (x[chosen], c[chosen]) for track, (x, c) in self._inputs.items()}, self._units[chosen]


class DemandModule(lightning.LightningModule):
    """Fit the networks of all tracks by the likelihood of what sold.

    The likelihood is not weighted by volume: weights were measured to help nothing. Rows of a twentieth of the
    products validate, and choose the epoch kept.
    """

    def __init__(self, examples: Examples, settings: ForecasterSettings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        self._seed = seed
        self._training = _Rows(examples, np.flatnonzero(~examples.held_out))
        self._validation = _Rows(examples, np.flatnonzero(examples.held_out))
        self.networks = torch.nn.ModuleDict(
            {track: _network(examples, track, settings, seed + _TRACK_SEEDS * i) for i, track in enumerate(TRACKS)}
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Load every training row once an epoch."""
        batches = RowBatches(len(self._training), batch_size=self.settings.batch_size, seed=self._seed)
        return DataLoader(self._training, batch_size=None, sampler=batches, generator=torch.Generator())

    def val_dataloader(self) -> DataLoader[Any]:
        """Load the products held out; their order changes nothing."""
        batches = RowBatches(len(self._validation), batch_size=8 * self.settings.batch_size, seed=self._seed)
        return DataLoader(self._validation, batch_size=None, sampler=batches, generator=torch.Generator())

    def training_step(self, batch: Batch) -> Tensor:
        """Compute the loss of one batch: the sum over tracks, which share nothing."""
        losses = self._losses(batch)
        self.log(TRAIN_LOSS, losses.mean(), on_step=False, on_epoch=True, batch_size=len(batch[1]), prog_bar=True)
        return losses.sum()

    def validation_step(self, batch: Batch) -> None:
        """Score the products held out."""
        self.log(VALIDATION_LOSS, self._losses(batch).mean(), batch_size=len(batch[1]), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Use AdamW with a learning rate that falls linearly over all steps."""
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        n_steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: max(_LAST_LEARNING_RATE, 1 - step / n_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def fitted(self) -> dict[Track, DemandNetwork]:
        """Hand out the networks for forecasting."""
        networks: dict[Track, DemandNetwork] = {}
        for track in TRACKS:
            network = self.networks[track].eval()
            assert isinstance(network, DemandNetwork)  # noqa: S101 what __init__ put there, told to the type checker
            networks[track] = network.requires_grad_(False)
        return networks

    def _losses(self, batch: Batch) -> Tensor:
        inputs, units = batch
        losses = [negative_binomial_loss(units, *self.networks[track](*inputs[track])) for track in TRACKS]
        return torch.stack(losses)


def _network(examples: Examples, track: Track, settings: ForecasterSettings, seed: int) -> DemandNetwork:
    inputs = examples.inputs[track]
    shape = NetworkShape(settings.n_members, inputs.values.shape[1], inputs.candidates.shape[1], settings.hidden_dim)
    network = DemandNetwork(shape, seed)
    network.standardise(inputs.values)
    return network
