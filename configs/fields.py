"""What the sections are made of: the frozen base, and the types their keys share."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

KEY_PREFIX = "FAIRSHELF_SECRET_"  # environment variables that hold keys; no setting is read from them
PROJECT_ROOT = Path(__file__).resolve().parent.parent


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin") from None


def _anchored(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip():
        raise ValueError("not a path; give a folder, absolute or relative to the project's root")
    return PROJECT_ROOT / Path(value).expanduser()


Share = Annotated[float, Field(ge=0, le=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveDays = Annotated[int, Field(ge=1, le=3650)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
TimeZoneName = Annotated[str, AfterValidator(_known_zone)]
AnchoredPath = Annotated[Path, BeforeValidator(_anchored)]


class Section(BaseModel):
    """One YAML file: frozen, and without room for keys nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
