"""What of a scorer goes into a bundle; `Scorer.load` reads it back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch import Tensor

from training.ranker.bundling import ranker_parts
from training.two_tower.exposure import FRAME, SUPPLIER_CLASS
from training.two_tower.scorer import PRODUCT_NUMBERS, PRODUCT_TEXTS, Scorer


def bundle_parts(
    scorer: Scorer,
) -> tuple[dict[str, Tensor], dict[str, npt.NDArray[Any]], dict[str, pa.Table], dict[str, str]]:
    """Split a scorer into weights, arrays, tables and texts."""
    modules = {"model": scorer.model, "head": scorer.head}
    tensors = {
        f"{prefix}.{name}": tensor.detach().contiguous()
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    together_idx, together_scores = scorer.companions
    arrays = {
        "content": scorer.content,
        "numeric": scorer.numeric.numpy(),
        "together_idx": together_idx,
        "together_scores": together_scores,
    }
    columns = {name: pa.array(scorer.products[name].tolist(), pa.string()) for name in PRODUCT_TEXTS}
    numbers = {name: pa.array(np.asarray(scorer.products[name], dtype=np.float64)) for name in PRODUCT_NUMBERS}
    ids = {"product_id": pa.array(scorer.catalogue.product_ids.tolist(), pa.string())}
    frames = {"products": pa.table(ids | columns | numbers)}
    if scorer.exposure is not None:
        classes = pa.array(scorer.exposure.classes.tolist(), pa.string())
        frames = {"products": frames["products"].append_column(SUPPLIER_CLASS, classes), FRAME: scorer.exposure.table()}
    arrays_of_ranker, texts = ({}, {}) if scorer.ranker is None else ranker_parts(scorer.ranker)
    return tensors, arrays | arrays_of_ranker, frames, texts
