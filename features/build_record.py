"""What the feature tables were built from and what the online store holds: `build.json`."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from features.errors import BuildRecordDamaged
from features.locks import held

BUILD_RECORD: Final = "build.json"


class BuildRecord(BaseModel):
    """One `build.json`; fields are null until the step that sets them has run.

    `inputs` names the lake snapshot, settings, customers and pipeline that the tables come from. `as_of` is the
    snapshot in the online store and `materialised_at` the wall-clock time it was put there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, str] | None = None
    as_of: datetime | None = None
    materialised_at: datetime | None = None


def read_record(feast_dir: Path) -> BuildRecord:
    """Read `build.json`; one that is not there yet reads as empty.

    Raises:
        BuildRecordDamaged: If it is there and cannot be understood.
    """
    path = feast_dir / BUILD_RECORD
    try:
        return BuildRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return BuildRecord()
    except (ValidationError, UnicodeDecodeError) as failure:
        raise BuildRecordDamaged(path=path, problem=" ".join(str(failure).split())) from None


def update_record(feast_dir: Path, **changes: Any) -> None:
    """Change some fields of `build.json` and leave what another process wrote in the others."""
    with held(feast_dir / f".{BUILD_RECORD}.lock"):
        write_record(feast_dir, BuildRecord.model_validate({**read_record(feast_dir).model_dump(), **changes}))


def write_record(feast_dir: Path, record: BuildRecord) -> None:
    """Replace `build.json` in one step: a reader sees the old one or the new one."""
    feast_dir.mkdir(parents=True, exist_ok=True)
    staged = feast_dir / f".{BUILD_RECORD}.{os.getpid()}"
    with staged.open("w", encoding="utf-8") as file:
        json.dump(record.model_dump(mode="json"), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(feast_dir / BUILD_RECORD)
