"""Tombstones: what is kept of an erased person, so that what arrives late about them is turned away."""

import hmac
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa

from configs.settings import PrivacySettings
from privacy.errors import KeyLost, KeyUnusable
from privacy.forgetting.modes import ERASE, Mode
from privacy.forgetting.subjects import Subject
from privacy.instants import microseconds
from privacy.keys import is_supplied, load_or_create_secret

KEY_FILE: Final = "erasure_marks.key"

_METADATA: Final = sa.MetaData()
_TOMBSTONES: Final = sa.Table(
    "erasure_tombstones",
    _METADATA,
    sa.Column("mark", sa.String(64), primary_key=True),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("laid_us", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
)
_SOURCE: Final = b"source\x00"
_PSEUDONYM: Final = b"pseudonym\x00"
_CHECK: Final = b"check\x00"  # of nobody: tells whether a key is the one that made the marks
_AT_ONCE: Final = 500  # marks per question; SQLite allows a thousand or more


class Tombstones:
    """Keyed digests of erased people's ids, with the moment and whether their purchases stayed without them.

    This is the least that is kept: without the key nobody can tell whose a mark is. With the key and an id one can
    tell that the person with this id was erased, and nothing else; that is what turning late data away needs. A mark
    of the source id outlives every change of pseudonym keys. Tombstones are not lifted: a person who comes back needs
    a new customer id.

    Args:
        engine: Database of the marks.
        key: The secret that makes marks; 32 bytes.
    """

    def __init__(self, engine: sa.Engine, key: bytes) -> None:
        self._engine = engine
        self._key = key
        _METADATA.create_all(engine)

    def mark(self, source_id: str) -> str:
        """Give the mark of a source id, 64 hexadecimal digits."""
        return self._digest(_SOURCE, source_id)

    def digest(self, text: str) -> str:
        """Give a keyed digest of any other text that may hold an id, 64 hexadecimal digits."""
        return self._digest(b"text\x00", text)

    def lay(self, subjects: Sequence[Subject], mode: Mode, at: datetime) -> None:
        """Mark people as erased, under every name; again changes nothing, but `erase` outranks `anonymise`."""
        marks = [self._digest(_CHECK, ""), *(mark for subject in subjects for mark in self._marks(subject))]
        with self._engine.begin() as connection:
            known = self._modes(connection, marks)
            unknown = [mark for mark in dict.fromkeys(marks) if mark not in known]
            new = [{"mark": mark, "mode": mode, "laid_us": microseconds(at)} for mark in unknown]
            if new:
                connection.execute(_TOMBSTONES.insert(), new)
            for part in _parts([mark for mark, found in known.items() if mode == ERASE and found != ERASE]):
                connection.execute(_TOMBSTONES.update().where(_TOMBSTONES.c.mark.in_(part)).values(mode=mode))

    def made_the_marks(self) -> bool:
        """Tell whether the marks on file were made with this key."""
        with self._engine.connect() as connection:
            return bool(self._modes(connection, [self._digest(_CHECK, "")]))

    def of_sources(self, source_ids: Collection[str]) -> dict[str, Mode]:
        """Tell which of these people were erased, and how."""
        return self._known({self._digest(_SOURCE, name): name for name in source_ids})

    def of_pseudonyms(self, pseudonyms: Collection[str]) -> dict[str, Mode]:
        """Tell which of these pseudonyms stood for people who were erased, and how."""
        return self._known({self._digest(_PSEUDONYM, name): name for name in pseudonyms})

    def _known(self, names: dict[str, str]) -> dict[str, Mode]:
        if not names:
            return {}
        with self._engine.connect() as connection:
            return {names[mark]: mode for mark, mode in self._modes(connection, names).items()}

    @staticmethod
    def _modes(connection: sa.Connection, marks: Collection[str]) -> dict[str, Mode]:
        found: dict[str, Mode] = {}
        for part in _parts(list(marks)):
            asked = sa.select(_TOMBSTONES.c.mark, _TOMBSTONES.c.mode).where(_TOMBSTONES.c.mark.in_(part))
            found.update((mark, cast("Mode", mode)) for mark, mode in connection.execute(asked))
        return found

    def _marks(self, subject: Subject) -> list[str]:
        pseudonyms = [self._digest(_PSEUDONYM, pseudonym) for pseudonym in subject.pseudonyms]
        return [self._digest(_SOURCE, subject.source_id), *pseudonyms]

    def _digest(self, domain: bytes, name: str) -> str:
        return hmac.digest(self._key, domain + name.encode(), "sha256").hex()


def tombstones_on_file(engine: sa.Engine, keys_dir: Path, settings: PrivacySettings) -> Tombstones | None:
    """Open the tombstones where somebody was erased; None where nobody ever was, and no key is needed.

    Raises:
        KeyLost: If somebody was erased and the key is gone.
        KeyUnusable: If the file does not hold the key that made the marks.
    """
    return open_tombstones(engine, keys_dir, settings) if _is_in_use(engine) else None


def open_tombstones(engine: sa.Engine, keys_dir: Path, settings: PrivacySettings) -> Tombstones:
    """Open the tombstones of a house; their key is made when nobody was erased yet and settings allow it.

    Raises:
        KeyMissing: If the key is missing and may not be made.
        KeyLost: If somebody was erased and the key is gone; with another one, erased people could come back unseen.
        KeyUnusable: If the file does not hold a key, or not the one that made the marks.
    """
    path, in_use = keys_dir / KEY_FILE, _is_in_use(engine)
    if in_use and not is_supplied(path):
        raise KeyLost(path=path, made="without it people who were erased could come back unseen")
    tombstones = Tombstones(engine, load_or_create_secret(path, create=settings.create_missing_keys))
    if in_use and not tombstones.made_the_marks():
        raise KeyUnusable(path=path, problem="it is not the key that made the marks of erased people")
    return tombstones


def _is_in_use(engine: sa.Engine) -> bool:
    if not sa.inspect(engine).has_table(_TOMBSTONES.name):
        return False
    with engine.connect() as connection:
        return connection.execute(sa.select(_TOMBSTONES.c.mark).limit(1)).first() is not None


def _parts(marks: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(marks), _AT_ONCE):
        yield marks[start : start + _AT_ONCE]
