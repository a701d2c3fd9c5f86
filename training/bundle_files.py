"""Files of a bundle: safe names, digests, and writing them so that a power cut leaves none half done."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from training.errors import BundleNameInvalid

WEIGHTS: Final = "weights.safetensors"
ARRAYS: Final = "arrays"
FRAMES: Final = "frames"
TEXTS: Final = "texts"

Tensor = Any  # a torch.Tensor or an array: this module must not import torch

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


def require_plain_name(name: str) -> str:
    """Return a name that is safe as one file or folder name.

    Raises:
        BundleNameInvalid: If it could leave its folder or hide.

    >>> require_plain_name("two-tower")
    'two-tower'
    """
    if not _PLAIN_NAME.fullmatch(name):
        raise BundleNameInvalid(name=name)
    return name


def write_parts(
    staged: Path,
    tensors: Mapping[str, Tensor],
    arrays: Mapping[str, npt.NDArray[Any]],
    frames: Mapping[str, pa.Table],
    texts: Mapping[str, str],
) -> None:
    """Write every part of a bundle under a staged folder."""
    if tensors:
        save_file({key: _as_array(tensor) for key, tensor in tensors.items()}, staged / WEIGHTS)
    for folder in (ARRAYS, FRAMES, TEXTS):
        (staged / folder).mkdir()
    for key, array in arrays.items():
        np.save(staged / ARRAYS / f"{key}.npy", array, allow_pickle=False)
    for key, frame in frames.items():
        pq.write_table(frame, staged / FRAMES / f"{key}.parquet")
    for key, text in texts.items():
        (staged / TEXTS / key).write_text(text, encoding="utf-8")


def _as_array(tensor: Tensor) -> npt.NDArray[Any]:
    if isinstance(tensor, np.ndarray):
        return np.ascontiguousarray(tensor)
    return np.ascontiguousarray(tensor.detach().cpu().numpy())


def files_under(directory: Path) -> list[Path]:
    """List every file under a folder, in order of path."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def sha256(path: Path) -> str:
    """Digest one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(directory: Path) -> None:
    """Push every file to disk, so that a power cut after the rename cannot leave empty ones."""
    for path in files_under(directory):
        with path.open("rb") as file:
            os.fsync(file.fileno())
