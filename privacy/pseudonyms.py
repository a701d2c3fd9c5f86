"""Stable, versioned pseudonyms for customers and visitors.

Every store of the shop uses the names made here: the purpose `operations`. Names that leave it, or that are shown in
analyses, are made by `privacy.purpose_names` with other keys.
"""

import hmac
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from configs.settings import PrivacySettings
from privacy.errors import PseudonymKeyUnknown, PseudonymRetired, RotationNeeded
from privacy.key_ring import KeyRing, first_ring, read_ring, stamp
from privacy.keys import load_or_create_secret, read_secret

CUSTOMER: Final = "customer"
VISITOR: Final = "visitor"

_PREFIXES: Final = {CUSTOMER: "c", VISITOR: "v"}
_HEX_DIGITS: Final = 32  # 128 bits: no two of a billion customers meet by chance
_NAME: Final = re.compile(rf"([cv])(\d+)_[0-9a-f]{{{_HEX_DIGITS}}}")


class Pseudonymizer:
    """Turns source ids into pseudonyms with secret keys.

    The first key makes a name out of an id, and each later key a new name out of the last one. So a re-key job needs
    no id, and visitors, whose ids nobody keeps, can be renamed too. Without the keys a pseudonym can be neither
    computed from an id nor turned back by trying all ids; an earlier key alone does not give today's names. Whoever
    holds all keys can name every customer whose id he can guess: no key of the chain may be lost or let go.

    Args:
        keys: Secret by key version.
        current_version: The version that makes the names of today.
        first_version: The version that makes the first name out of an id; None where no key was ever rotated.
        oldest_resolving: Names of this version and later resolve; None lets every version of the chain resolve.

    Raises:
        PseudonymKeyUnknown: If a version from the first to the current one has no key.
    """

    def __init__(
        self,
        keys: Mapping[int, bytes],
        current_version: int,
        *,
        first_version: int | None = None,
        oldest_resolving: int | None = None,
    ) -> None:
        self.current_version = current_version
        self._first = current_version if first_version is None else first_version
        self._oldest = self._first if oldest_resolving is None else oldest_resolving
        for version in range(self._first, current_version + 1):
            if version not in keys:
                raise PseudonymKeyUnknown(version=version, known=sorted(keys))
        self._keys = dict(keys)

    def pseudonym(self, source_id: str) -> str:
        """Give the customer's pseudonym: `c`, the key version, `_` and 32 hexadecimal digits.

        >>> Pseudonymizer({1: bytes(32)}, 1).pseudonym("42")[:3]
        'c1_'
        """
        return self.renamed(self._original(CUSTOMER, source_id))

    def visitor(self, visitor_id: str) -> str:
        """Give the visitor's pseudonym, starting with `v`; it never equals a customer's of the same id."""
        return self.renamed(self._original(VISITOR, visitor_id))

    def pseudonyms(self, ids: pd.Series) -> pd.Series:
        """Give the customers' pseudonyms, in the order and with the index of the ids; missing stays missing."""
        made = {source_id: self.pseudonym(source_id) for source_id in ids.dropna().unique()}
        return ids.map(made).astype(object)

    def names_of(self, source_id: str) -> tuple[str, ...]:
        """Give every name that an id has or had in the stores, as a customer and as a visitor, oldest first."""
        names: list[str] = []
        for domain in _PREFIXES:
            name = self._original(domain, source_id)
            names.append(name)
            for version in range(self._first + 1, self.current_version + 1):
                name = self._next(name, version)
                names.append(name)
        return tuple(names)

    def renamed(self, name: str) -> str:
        """Give the name of today to whoever had an earlier name; anything that is no earlier name stays as it is.

        This is what a re-key job does to every name it meets; doing it twice changes nothing.
        """
        version = version_of(name)
        if version is None or version < self._first:
            return name
        for later in range(version + 1, self.current_version + 1):
            name = self._next(name, later)
        return name

    def resolve(self, name: str) -> str:
        """Find the name of today of whoever is called by a name from outside, for as long as it resolves.

        Raises:
            PseudonymRetired: If the window of that name's version has closed.
        """
        version = version_of(name)
        if version is not None and version < self._oldest:
            raise PseudonymRetired(version=version, oldest=self._oldest)
        return self.renamed(name)

    def _original(self, domain: str, source_id: str) -> str:
        message = domain.encode() + b"\x00" + source_id.encode()
        return f"{_PREFIXES[domain]}{self._first}_{_digits(self._keys[self._first], message)}"

    def _next(self, name: str, version: int) -> str:
        return f"{name[0]}{version}_{_digits(self._keys[version], b'renamed' + bytes(1) + name.encode())}"


class FollowedPseudonyms:
    """A pseudonymizer for processes that stay up: it follows a rotation as soon as the record of keys changes.

    Args:
        keys_dir: Folder of the keys and of the record.
        settings: As for `load_pseudonymizer`.

    Raises:
        KeyMissing, KeyUnusable, RotationNeeded: As `load_pseudonymizer`; also later, after a bad rotation.
    """

    def __init__(self, keys_dir: Path, settings: PrivacySettings) -> None:
        self._keys_dir = keys_dir
        self._settings = settings
        self._lock = threading.Lock()
        self._stamp = stamp(keys_dir)
        self._made = load_pseudonymizer(keys_dir, settings)

    def pseudonym(self, source_id: str) -> str:
        """Give a customer's pseudonym."""
        return self.current().pseudonym(source_id)

    def visitor(self, visitor_id: str) -> str:
        """Give a visitor's pseudonym."""
        return self.current().visitor(visitor_id)

    def current(self) -> Pseudonymizer:
        """Give the pseudonymizer in force now."""
        found = stamp(self._keys_dir)
        if found != self._stamp:
            with self._lock:
                self._made = load_pseudonymizer(self._keys_dir, self._settings)
                self._stamp = found
        return self._made


def version_of(name: str) -> int | None:
    """Read the key version off a name; None if it is no pseudonym of a customer or visitor.

    >>> version_of("c2_" + 32 * "0"), version_of("1462")
    (2, None)
    """
    match = _NAME.fullmatch(name)
    return int(match.group(2)) if match else None


def key_path(keys_dir: Path, version: int) -> Path:
    """Name the file of a pseudonym key."""
    return keys_dir / f"pseudonym_v{version}.key"


def load_pseudonymizer(keys_dir: Path, settings: PrivacySettings) -> Pseudonymizer:
    """Load the pseudonym keys in force; make the first one when it is missing and settings allow it.

    Args:
        keys_dir: Folder of `pseudonym_v<version>.key` files and of the record of rotations.
        settings: Names the version of an installation whose keys were never rotated, and whether a key may be made.

    Raises:
        KeyMissing: If a key is missing and may not be made.
        KeyUnusable: If a key file does not hold a key.
        KeyRingDamaged: If the record of rotations cannot be read.
        RotationNeeded: If settings name a later version than the stores were moved to.
    """
    ring = read_ring(keys_dir)
    if ring is None:
        current = settings.pseudonym_key_version
        load_or_create_secret(key_path(keys_dir, current), create=settings.create_missing_keys)
        ring = first_ring(current)
    elif settings.pseudonym_key_version > ring.current:
        raise RotationNeeded(asked=settings.pseudonym_key_version, current=ring.current)
    return pseudonymizer_of(keys_dir, ring, ring.current)


def pseudonymizer_of(keys_dir: Path, ring: KeyRing, version: int) -> Pseudonymizer:
    """Make the pseudonymizer of one version of a record.

    Raises:
        KeyMissing, KeyUnusable: If a key of the chain cannot be read.
    """
    keys = {made: read_secret(key_path(keys_dir, made)) for made in range(ring.first, version + 1)}
    return Pseudonymizer(keys, version, first_version=ring.first, oldest_resolving=ring.oldest_resolving)


def every_name(keys_dir: Path, ring: KeyRing, source_id: str) -> tuple[str, ...]:
    """Give every name that an id has or had under a record, and the one it is being moved to, if there is one.

    Raises:
        KeyMissing, KeyUnusable: If a key of the chain cannot be read.
    """
    return pseudonymizer_of(keys_dir, ring, ring.moving_to or ring.current).names_of(source_id)


def _digits(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()[:_HEX_DIGITS]
