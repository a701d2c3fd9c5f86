"""What of a ranker goes into a bundle, and how it is read back; nothing in it describes a person."""

import json
from collections.abc import Mapping
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy import sparse

from configs.ranker import CandidateSettings
from training.artifact import Bundle
from training.catalogue import Catalogue
from training.ranker.content import GROUPS, Content
from training.ranker.features import FEATURES
from training.ranker.model import Heads, Ranker, Reach
from training.ranker.moment import Moment
from training.ranker.neighbours import Neighbours
from training.ranker.stores import Stores
from training.ranker.tastes import Tastes

Arrays = dict[str, npt.NDArray[Any]]

REACH: Final = "ranker.json"
REPEAT_TREES: Final = "ranker_repeat.txt"
NOVEL_TREES: Final = "ranker_novel.txt"
_PREFIX: Final = "ranker_"
_SPARSE: Final = ("data", "indices", "indptr")


def ranker_parts(ranker: Ranker) -> tuple[Arrays, dict[str, str]]:
    """Split a ranker into arrays and texts; the catalogue is the bundle's own."""
    moment = ranker.moment
    arrays: Arrays = {
        "figures": moment.figures,
        "codes": np.stack([moment.content.codes[group] for group in GROUPS], axis=1),
        "private_label": moment.content.private_label,
        "store_ids": moment.stores.store_ids,
        "neighbours_idx": moment.neighbours.idx,
        "neighbours_weights": moment.neighbours.weights,
        "types_idx": moment.type_neighbours.idx,
        "types_weights": moment.type_neighbours.weights,
        "taste_inputs": moment.tastes.inputs,
        "taste_outputs": moment.tastes.outputs,
    }
    for window, counts in (("short", moment.stores.short), ("long", moment.stores.long)):
        arrays |= {f"stores_{window}_{part}": getattr(counts, part) for part in _SPARSE}
    reach = {
        "features": FEATURES,
        "candidates": ranker.reach.candidates.model_dump(mode="json"),
        "n_bought": ranker.reach.n_bought,
        "share_new_in_all": ranker.reach.share_new_in_all,
    }
    texts = {
        REACH: json.dumps(reach, indent=2),
        REPEAT_TREES: ranker.heads.repeat.model_to_string(),
        NOVEL_TREES: ranker.heads.novel.model_to_string(),
    }
    return {f"{_PREFIX}{name}": values for name, values in arrays.items()}, texts


def load_ranker(bundle: Bundle, catalogue: Catalogue) -> Ranker | None:
    """Read a ranker back; None from a version that has none.

    Args:
        bundle: A version.
        catalogue: The bundle's products.

    Raises:
        BundleItemUnknown, BundleDamaged: If the bundle lacks a part of it or one cannot be read.
    """
    if not bundle.has_text(REACH):
        return None
    reach = json.loads(bundle.text(REACH))
    heads = Heads(*(lightgbm.Booster(model_str=bundle.text(name)) for name in (REPEAT_TREES, NOVEL_TREES)))
    return Ranker(
        _moment(bundle, catalogue),
        heads,
        Reach(CandidateSettings.model_validate(reach["candidates"]), reach["n_bought"], reach["share_new_in_all"]),
    )


def _moment(bundle: Bundle, catalogue: Catalogue) -> Moment:
    def array(name: str) -> npt.NDArray[Any]:
        return bundle.array(f"{_PREFIX}{name}")

    store_ids = array("store_ids")
    shape = (len(store_ids), len(catalogue))
    short, long = (
        _matrix({part: array(f"stores_{window}_{part}") for part in _SPARSE}, shape) for window in ("short", "long")
    )
    codes = {group: np.ascontiguousarray(column) for group, column in zip(GROUPS, array("codes").T, strict=True)}
    return Moment(
        catalogue=catalogue,
        content=Content(codes, array("private_label")),
        figures=array("figures"),
        stores=Stores(store_ids, short, long),
        neighbours=Neighbours(array("neighbours_idx"), array("neighbours_weights")),
        type_neighbours=Neighbours(array("types_idx"), array("types_weights")),
        tastes=Tastes(array("taste_inputs"), array("taste_outputs")),
    )


def _matrix(parts: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
