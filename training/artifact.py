"""The bundle: the directory that training hands to serving, and the pointer that says which one serves.

A bundle holds weights (safetensors), arrays (npy), frames (Parquet) and texts, all named with their SHA-256 in
`manifest.json`. Nothing in it is code and nothing is unpickled. Bundles are never overwritten.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from privacy.statement import STATEMENT_FILE, Statement
from training.bundle_files import (
    ARRAYS,
    FRAMES,
    TEXTS,
    WEIGHTS,
    Tensor,
    files_under,
    require_plain_name,
    sha256,
    sync,
    write_parts,
)
from training.errors import (
    BundleDamaged,
    BundleExists,
    BundleItemUnknown,
    BundleMissing,
    BundleVersionMismatch,
    ChampionMismatch,
    ChampionPointerBroken,
    NoChampion,
)
from training.manifest import BUNDLE_FORMAT, Manifest, ManifestFacts
from training.statements import statement_of, with_statement

MANIFEST: Final = "manifest.json"
POINTER: Final = "champion.json"


class Bundle:
    """A bundle whose files were all found unchanged when it was opened."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest

    @classmethod
    def open(cls, directory: Path) -> "Bundle":
        """Open a bundle after checking its format and every file's digest.

        Raises:
            BundleMissing: If there is no manifest.
            BundleVersionMismatch: If it was written in another format.
            BundleDamaged: If the manifest cannot be read, or a file is missing, changed, or outside the bundle.
        """
        manifest = _read_manifest(directory)
        for file, expected in manifest.files.items():
            _check_file(directory, file, expected)
        return cls(directory, manifest)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical manifest, which names every file's own digest."""
        return self.manifest.digest

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Read the weights as arrays.

        Raises:
            BundleItemUnknown: If the bundle has no weights.
            BundleDamaged: If they cannot be read.
        """
        path = self._path(WEIGHTS)
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as failure:
            raise BundleDamaged(directory=self.directory, file=WEIGHTS, problem=f"cannot be read: {failure}") from None

    def array(self, name: str) -> npt.NDArray[Any]:
        """Read one array; arrays that hold objects are refused.

        Raises:
            BundleItemUnknown: If the bundle has no such array.
            BundleDamaged: If it cannot be read without running code.
        """
        file = f"{ARRAYS}/{name}.npy"
        try:
            loaded: npt.NDArray[Any] = np.load(self._path(file), allow_pickle=False)
        except (ValueError, OSError) as failure:
            raise BundleDamaged(directory=self.directory, file=file, problem=f"cannot be read: {failure}") from None
        return loaded

    def frame(self, name: str) -> pa.Table:
        """Read one table.

        Raises:
            BundleItemUnknown: If the bundle has no such table.
            BundleDamaged: If it cannot be read.
        """
        file = f"{FRAMES}/{name}.parquet"
        try:
            return pq.ParquetFile(self._path(file)).read()
        except (pa.ArrowException, OSError) as failure:
            raise BundleDamaged(directory=self.directory, file=file, problem=f"cannot be read: {failure}") from None

    def text(self, name: str) -> str:
        """Read one text, for instance `evaluation.json` or `model_card.md`.

        Raises:
            BundleItemUnknown: If the bundle has no such text.
        """
        return self._path(f"{TEXTS}/{name}").read_text(encoding="utf-8")

    def has_text(self, name: str) -> bool:
        """Tell whether the bundle holds a text."""
        return f"{TEXTS}/{name}" in self.manifest.files

    def statement(self) -> Statement:
        """Read what the version promises about the people it was trained on.

        Raises:
            StatementUnreadable: If the manifest claims what no statement backs, or both disagree.
        """
        held = self.text(STATEMENT_FILE) if self.has_text(STATEMENT_FILE) else None
        return statement_of(self.manifest.privacy, held)

    def _path(self, file: str) -> Path:
        if file not in self.manifest.files:
            raise BundleItemUnknown(directory=self.directory, item=file, known=sorted(self.manifest.files))
        return self.directory / file


class ChampionPointer(BaseModel):
    """A version and the digest it had when it was promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    digest: str


def write_bundle(
    directory: Path,
    *,
    name: str,
    version: str,
    facts: ManifestFacts,
    tensors: Mapping[str, Tensor],
    arrays: Mapping[str, npt.NDArray[Any]],
    frames: Mapping[str, pa.Table],
    texts: Mapping[str, str],
) -> Bundle:
    """Write a bundle so that it is either there as a whole or not at all.

    Args:
        directory: The bundle's own folder, from `bundle_directory`; must not exist yet.
        name: Model name.
        version: Version within the model.
        facts: The rest of the manifest.
        tensors: Weights, written to one safetensors file; torch tensors or arrays.
        arrays: Arrays by plain name; none may hold objects.
        frames: Tables by plain name.
        texts: UTF-8 texts by file name; the privacy statement is added where the version promises nothing.

    Raises:
        StatementUnreadable: If the manifest promises what no statement among the texts backs.
        BundleExists: If the folder is there already.
        BundleNameInvalid: If a name is no plain file name.
    """
    texts = with_statement(texts, facts.privacy)
    for item in (name, version, *arrays, *frames, *texts):
        require_plain_name(item)
    if directory.exists():
        raise BundleExists(directory=directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".partial-", dir=directory.parent))
    try:
        write_parts(staged, tensors, arrays, frames, texts)
        files = {str(path.relative_to(staged).as_posix()): sha256(path) for path in files_under(staged)}
        manifest = Manifest(
            format_version=BUNDLE_FORMAT, name=name, version=version, files=files, **facts.model_dump(mode="python")
        )
        (staged / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        staged.chmod(0o755)  # mkdtemp made it private to this user
        sync(staged)
        try:
            staged.rename(directory)
        except OSError:
            raise BundleExists(directory=directory) from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Bundle(directory, manifest)


def bundle_directory(bundles_dir: Path, name: str, version: str) -> Path:
    """Say where a version of a model lies.

    Raises:
        BundleNameInvalid: If the name or version is no plain file name.
    """
    return bundles_dir / require_plain_name(name) / require_plain_name(version)


def versions(bundles_dir: Path, name: str) -> list[str]:
    """List the versions of a model that have a manifest, oldest first (numbers by value, then other names)."""
    folder = bundles_dir / require_plain_name(name)
    found = [path.parent.name for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda version: (not version.isdigit(), int(version) if version.isdigit() else 0, version))


def next_version(bundles_dir: Path, name: str) -> str:
    """Give the number after a model's highest one; `1` for its first."""
    return str(max((int(version) for version in versions(bundles_dir, name) if version.isdigit()), default=0) + 1)


def champion_pointer(bundles_dir: Path, name: str) -> ChampionPointer | None:
    """Read which version serves; None before the first promotion.

    Raises:
        ChampionPointerBroken: If the file cannot be read.
    """
    path = bundles_dir / require_plain_name(name) / POINTER
    try:
        return ChampionPointer.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, UnicodeDecodeError):
        raise ChampionPointerBroken(path=path, name=name) from None


def set_champion(bundles_dir: Path, bundle: Bundle) -> ChampionPointer:
    """Point at a bundle, atomically: a reader sees the old pointer or the new one, never a part."""
    pointer = ChampionPointer(version=bundle.manifest.version, digest=bundle.digest)
    folder = bundles_dir / require_plain_name(bundle.manifest.name)
    staged = folder / f".{POINTER}.partial"
    with staged.open("w", encoding="utf-8") as file:
        json.dump(pointer.model_dump(), file)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(folder / POINTER)
    return pointer


def load_champion(bundles_dir: Path, name: str) -> Bundle:
    """Open the bundle that serves.

    Raises:
        NoChampion: If nothing was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
    """
    pointer = champion_pointer(bundles_dir, name)
    if pointer is None:
        raise NoChampion(name=name)
    bundle = Bundle.open(bundle_directory(bundles_dir, name, pointer.version))
    if bundle.digest != pointer.digest:
        raise ChampionMismatch(
            name=name, version=pointer.version, pointer_digest=pointer.digest, bundle_digest=bundle.digest
        )
    return bundle


def _read_manifest(directory: Path) -> Manifest:
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleMissing(directory=directory) from None
    except (OSError, ValueError) as failure:
        raise BundleDamaged(directory=directory, file=MANIFEST, problem=f"cannot be read: {failure}") from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != BUNDLE_FORMAT:
        raise BundleVersionMismatch(directory=directory, found=found, wanted=BUNDLE_FORMAT)
    try:
        return Manifest.model_validate(content)
    except ValidationError as failure:
        first = failure.errors()[0]
        problem = f"has {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise BundleDamaged(directory=directory, file=MANIFEST, problem=problem) from None


def _check_file(directory: Path, file: str, expected: str) -> None:
    path = directory / file
    if not path.resolve().is_relative_to(directory.resolve()):
        raise BundleDamaged(directory=directory, file=file, problem="lies outside the bundle")
    try:
        found = sha256(path)
    except OSError:
        raise BundleDamaged(directory=directory, file=file, problem="is missing") from None
    if found != expected:
        problem = f"was changed: its SHA-256 is {found[:12]}, not {expected[:12]}"
        raise BundleDamaged(directory=directory, file=file, problem=problem)
