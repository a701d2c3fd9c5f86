"""Names for purposes outside the shop's own stores, which cannot be joined with its names or with one another.

A file for a marketing partner and a table for analysts call the same customer by unrelated names. Joining them takes
the secret keys; without those each name is as good as random. What the names do not hide: whoever gets two files with
the same other columns (a birthday, a rare basket) may join them by those.
"""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from configs.settings import PrivacySettings
from privacy.errors import KeyShared, PurposeUnknown
from privacy.key_ring import read_ring
from privacy.keys import is_supplied, load_or_create_secret, read_secret
from privacy.pseudonyms import key_path

OPERATIONS: Final = "operations"
ANALYTICS: Final = "analytics"
EXPORT: Final = "export"

NAMED_PURPOSES: Final[Mapping[str, str]] = {ANALYTICS: "a", EXPORT: "x"}  # purpose and what its names begin with

_HEX_DIGITS: Final = 32


class PurposeNames:
    """Makes the names of one purpose out of the shop's own pseudonyms.

    Args:
        purpose: A key of `NAMED_PURPOSES`.
        key: The purpose's own secret.
        version: Version of that secret.
    """

    def __init__(self, purpose: str, key: bytes, version: int) -> None:
        if purpose not in NAMED_PURPOSES:
            raise PurposeUnknown(purpose=purpose, known=tuple(NAMED_PURPOSES))
        self.purpose = purpose
        self.version = version
        self._key = key

    def name(self, pseudonym: str) -> str:
        """Give the name by which this purpose knows a customer or visitor.

        Args:
            pseudonym: Today's name in the shop's stores; after a rotation of those the purpose's names are new too.

        >>> PurposeNames("export", bytes(32), 1).name("c1_0")[:3]
        'x1_'
        """
        message = self.purpose.encode() + b"\x00" + pseudonym.encode()
        digits = hmac.digest(self._key, message, "sha256").hex()[:_HEX_DIGITS]
        return f"{NAMED_PURPOSES[self.purpose]}{self.version}_{digits}"


def purpose_key_path(keys_dir: Path, purpose: str, version: int) -> Path:
    """Name the key file of a purpose."""
    return keys_dir / f"pseudonym_{purpose}_v{version}.key"


def load_purpose_names(keys_dir: Path, settings: PrivacySettings, purpose: str) -> PurposeNames:
    """Load a purpose's key in force; make it when it is missing and settings allow it.

    Raises:
        PurposeUnknown: If there is no such purpose.
        KeyMissing, KeyUnusable: If the key cannot be had.
        KeyShared: If another purpose has the same key.
    """
    version = purpose_version(keys_dir, settings, purpose)
    key = load_or_create_secret(purpose_key_path(keys_dir, purpose, version), create=settings.create_missing_keys)
    _refuse_shared(keys_dir, settings, purpose, key)
    return PurposeNames(purpose, key, version)


def purpose_version(keys_dir: Path, settings: PrivacySettings, purpose: str) -> int:
    """Tell which key version of a purpose is in force.

    Raises:
        PurposeUnknown: If there is no such purpose.
    """
    if purpose not in NAMED_PURPOSES:
        raise PurposeUnknown(purpose=purpose, known=tuple(NAMED_PURPOSES))
    ring = read_ring(keys_dir)
    return settings.pseudonym_key_version if ring is None else ring.purposes.get(purpose, ring.first)


def _refuse_shared(keys_dir: Path, settings: PrivacySettings, purpose: str, key: bytes) -> None:
    ring = read_ring(keys_dir)
    current = settings.pseudonym_key_version if ring is None else ring.current
    others = {OPERATIONS: key_path(keys_dir, current)}
    for other in NAMED_PURPOSES:
        if other != purpose:
            others[other] = purpose_key_path(keys_dir, other, purpose_version(keys_dir, settings, other))
    for other, path in others.items():
        if is_supplied(path) and hmac.compare_digest(read_secret(path), key):
            raise KeyShared(purpose=purpose, other=other)
