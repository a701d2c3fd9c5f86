"""API keys: who may call which route. Only hashes are kept."""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.errors import ApiKeysBroken, ApiKeysMissing
from serving.schemas import Role

HASHES: Final = "api_keys.json"
PLAIN: Final = "api_keys.txt"
ROLES: Final[tuple[str, ...]] = get_args(Role)
SECOND_ETHICS: Final = "ethics-2"  # nobody approves his own waiver, so trying that out takes two people

_KEY_BYTES: Final = 32


class KeyRecord(BaseModel):
    """One issued key: its name for the log, its hash, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    roles: Annotated[frozenset[Role], Field(min_length=1)]


class KeyFile(BaseModel):
    """The file of all issued keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[KeyRecord, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Caller:
    """Whoever holds a key."""

    name: str
    roles: frozenset[str]


class KeyRing:
    """The keys the server accepts.

    Keys are random and long, so one SHA-256 is as hard to turn back as a slow hash, and costs microseconds per
    request. Every record is compared in constant time and without early exit: timing tells nothing.
    """

    def __init__(self, records: Iterable[KeyRecord]) -> None:
        self._callers = tuple((bytes.fromhex(r.sha256), Caller(r.name, frozenset(r.roles))) for r in records)

    def caller(self, key: str) -> Caller | None:
        """Find who holds a key; None when nobody does."""
        presented = hashlib.sha256(key.encode()).digest()
        found = None
        for digest, caller in self._callers:
            if hmac.compare_digest(digest, presented):
                found = caller
        return found


def load_keys(keys_dir: Path, *, create: bool) -> KeyRing:
    """Read the issued keys; make one per role, and a second for ethics, when there are none and development may.

    The keys themselves are written once, to `api_keys.txt`, for their owner's eyes alone.

    Raises:
        ApiKeysMissing: If there are none and none may be made.
        ApiKeysBroken: If the file cannot be used.
    """
    path = keys_dir / HASHES
    if not path.exists():
        if not create:
            raise ApiKeysMissing(path=path)
        _make_keys(keys_dir)
    try:
        return KeyRing(KeyFile.model_validate_json(path.read_bytes()).keys)
    except ValidationError as failure:
        faults = [
            f"{'.'.join(str(part) for part in e['loc']) or 'file'}: {e['msg']}"
            for e in failure.errors(include_input=False)
        ]
        raise ApiKeysBroken(path=path, problems=faults) from None
    except OSError as failure:
        raise ApiKeysBroken(path=path, problems=[failure.strerror or type(failure).__name__]) from None


def read_plain_keys(keys_dir: Path) -> Mapping[str, str]:
    """Read the development keys, by label: the role, or the role and a number; empty where none were made."""
    path = keys_dir / PLAIN
    if not path.exists():
        return {}
    pairs = (
        line.split() for line in path.read_text(encoding="ascii").splitlines() if line and not line.startswith("#")
    )
    return {label: key for label, key in pairs}  # noqa: C416 - dict() cannot be typed from lists


def _make_keys(keys_dir: Path) -> None:
    roles = {**{role: role for role in ROLES}, SECOND_ETHICS: "ethics"}  # by label
    made = {label: f"fs_{role}_{secrets.token_urlsafe(_KEY_BYTES)}" for label, role in roles.items()}
    records = [
        {"name": f"development-{label}", "sha256": hashlib.sha256(key.encode()).hexdigest(), "roles": [roles[label]]}
        for label, key in made.items()
    ]
    lines = [
        "# Development API keys, made on first start: role, with a number for its second key, and key. "
        "Never use them in production.",
        *map(" ".join, made.items()),
    ]
    keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashes = keys_dir / HASHES
    draft = _write_private(hashes, json.dumps({"keys": records}, indent=2) + "\n")
    plain = _write_private(keys_dir / PLAIN, "\n".join(lines) + "\n")
    try:
        os.link(draft, hashes)  # two processes that start together agree on the one that came first
        plain.replace(keys_dir / PLAIN)
    except FileExistsError:
        plain.unlink()
    finally:
        draft.unlink()


def _write_private(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
