"""What of a forecaster goes into a bundle; `Forecaster.load` reads it back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.demand.forecaster import NETWORK, STORES, Forecaster, tree_file
from training.demand.trees import trees_text

Arrays = dict[str, npt.NDArray[Any]]


def bundle_parts(forecaster: Forecaster) -> tuple[Arrays, Arrays, dict[str, pa.Table], dict[str, str]]:
    """Split a forecaster into weights, arrays, tables and texts: the arguments of `write_bundle`."""
    tensors = {
        f"{NETWORK}.{track}.{name}": np.ascontiguousarray(values.detach().numpy())
        for track, network in forecaster.networks.items()
        for name, values in network.state_dict().items()
    }
    if forecaster.split_model is not None:
        tensors |= {f"{STORES}.{name}": values for name, values in forecaster.split_model.state().items()}
    texts = {tree_file(track): trees_text(trees) for track, trees in forecaster.trees.items()}
    return tensors, {}, {}, texts
