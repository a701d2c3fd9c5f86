"""Stable, versioned pseudonyms for customers and visitors."""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from configs.settings import PrivacySettings
from privacy.errors import PseudonymKeyUnknown
from privacy.keys import load_or_create_secret, read_secret

CUSTOMER: Final = "customer"
VISITOR: Final = "visitor"

_PREFIXES: Final = {CUSTOMER: "c", VISITOR: "v"}
_KEY_FILE: Final = re.compile(r"pseudonym_v(\d+)\.key")
_HEX_DIGITS: Final = 32  # 128 bits: no two of a billion customers meet by chance


class Pseudonymizer:
    """Turns source ids into pseudonyms with a secret key.

    Without the key a pseudonym can be neither computed from an id nor turned back by trying all ids. With the
    key it can: whoever holds the lake and the key holds the customers.

    Args:
        keys: Secret by key version; old versions stay so that earlier pseudonyms can be recomputed.
        current_version: The version that makes new pseudonyms.

    Raises:
        PseudonymKeyUnknown: If the current version has no key.
    """

    def __init__(self, keys: Mapping[int, bytes], current_version: int) -> None:
        if current_version not in keys:
            raise PseudonymKeyUnknown(version=current_version, known=sorted(keys))
        self._key = keys[current_version]
        self.current_version = current_version

    def pseudonym(self, source_id: str) -> str:
        """Give the customer's pseudonym: `c`, the key version, `_` and 32 hexadecimal digits.

        >>> Pseudonymizer({1: bytes(32)}, 1).pseudonym("42")[:3]
        'c1_'
        """
        return self._make(CUSTOMER, source_id)

    def visitor(self, visitor_id: str) -> str:
        """Give the visitor's pseudonym, starting with `v`; it never equals a customer's of the same id."""
        return self._make(VISITOR, visitor_id)

    def pseudonyms(self, ids: pd.Series) -> pd.Series:
        """Give the customers' pseudonyms, in the order and with the index of the ids; missing stays missing."""
        made = {source_id: self.pseudonym(source_id) for source_id in ids.dropna().unique()}
        return ids.map(made).astype(object)

    def _make(self, domain: str, source_id: str) -> str:
        message = domain.encode() + b"\x00" + source_id.encode()
        digest = hmac.digest(self._key, message, "sha256").hex()
        return f"{_PREFIXES[domain]}{self.current_version}_{digest[:_HEX_DIGITS]}"


def load_pseudonymizer(keys_dir: Path, settings: PrivacySettings) -> Pseudonymizer:
    """Load every pseudonym key of a folder; make the current one when settings allow it.

    Args:
        keys_dir: Folder of `pseudonym_v<version>.key` files.
        settings: Names the current version and whether a missing key may be made.

    Raises:
        KeyMissing: If the current key is missing and may not be made.
        KeyUnusable: If a key file does not hold a key.
    """
    current = settings.pseudonym_key_version
    load_or_create_secret(keys_dir / f"pseudonym_v{current}.key", create=settings.create_missing_keys)
    found = {path: _KEY_FILE.fullmatch(path.name) for path in sorted(keys_dir.iterdir())}
    keys = {int(match.group(1)): read_secret(path) for path, match in found.items() if match}
    return Pseudonymizer(keys, current)
