"""Change tables of a lake without a source: a new lake is made beside it and put in its place in one step."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.lake import MANIFEST, Lake, LakeManifest, publish, restore_interrupted_swap, snapshot_digest, table_entry

_DRAFT: Final = ".lake-edited"


@dataclass
class LakeEdit:
    """A lake being changed.

    Args:
        lake: The lake as it is.
        draft: Its files under other names; replace a file, never write into it.
        changes: Fields of the manifest that change beside tables and digest.
        n_changed: How many files were replaced; 0 leaves the lake as it is.
    """

    lake: Lake
    draft: Path
    changes: dict[str, Any]
    n_changed: int = 0


def has_lake(root: Path) -> bool:
    """Tell whether there is a lake to change."""
    restore_interrupted_swap(root)
    return (root / MANIFEST).exists()


@contextmanager
def edited(
    root: Path, *, before_swap: Callable[[LakeManifest, LakeManifest], None] | None = None
) -> Iterator[LakeEdit]:
    """Give a draft of a lake to change; a failure inside leaves the lake as it was.

    Args:
        root: The lake's folder.
        before_swap: Told the old and the new manifest before the new lake is put in place.

    Raises:
        LakeMissing, LakeDamaged: If there is no lake that can be read.
    """
    lake = Lake.open(root)
    draft = root.with_name(_DRAFT)
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(root, draft, copy_function=os.link)  # files are only ever replaced, so both may share them
    edit = LakeEdit(lake, draft, {})
    try:
        yield edit
        if edit.n_changed:
            manifest = _described(edit)
            (draft / MANIFEST).unlink()
            (draft / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            if before_swap is not None:
                before_swap(lake.manifest, manifest)
            publish(draft, root)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _described(edit: LakeEdit) -> LakeManifest:
    old = edit.lake.manifest
    entries = {table: table_entry(edit.draft / f"{table}.parquet") for table in old.tables}
    ancestors = (*old.ancestors, old.snapshot_digest)
    changes = {"tables": entries, "snapshot_digest": snapshot_digest(entries), "ancestors": ancestors, **edit.changes}
    return old.model_copy(update=changes)
