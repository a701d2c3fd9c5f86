"""Whom an access or an erasure is about: every name under which a store may know a person."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configs.settings import PrivacySettings
from privacy.keys import is_supplied, read_secret
from privacy.pseudonyms import load_pseudonymizer, version_of
from privacy.purpose_names import NAMED_PURPOSES, PurposeNames, purpose_key_path, purpose_version

_CUSTOMER: Final = "c"  # how a customer's pseudonym begins; a visitor of the same id is somebody else


@dataclass(frozen=True)
class Subject:
    """One person and what may stand in their place.

    Attributes:
        source_id: The shop's own customer id.
        pseudonyms: Every name that the shop's stores and files know or knew the customer by.
        stand_in: A random id that nothing leads to; used where rows are kept without their person.
    """

    source_id: str
    pseudonyms: tuple[str, ...]
    stand_in: str


class Names:
    """Works out the names of customers, known or not: nothing is looked up.

    Args:
        keys_dir: Folder of the keys.
        settings: Which keys are in force.
    """

    def __init__(self, keys_dir: Path, settings: PrivacySettings) -> None:
        self._keys_dir = keys_dir
        self._settings = settings

    def of(self, source_id: str) -> tuple[str, ...]:
        """Give every name of a customer, in the stores and for purposes outside them, under every key so far.

        Raises:
            KeyMissing, KeyUnusable, KeyRingDamaged: If a key or the record of keys cannot be read.
        """
        names = load_pseudonymizer(self._keys_dir, self._settings).names_of(source_id)
        pseudonyms = tuple(name for name in names if name.startswith(_CUSTOMER) and version_of(name) is not None)
        return (*pseudonyms, *(maker.name(one) for maker in self._purposes() for one in pseudonyms))

    def subject(self, source_id: str, stand_in: str | None = None) -> Subject:
        """Collect a customer's names; the stand-in is a new one unless it is given.

        Raises:
            KeyMissing, KeyUnusable, KeyRingDamaged: If a key or the record of keys cannot be read.
        """
        return Subject(source_id, self.of(source_id), stand_in or new_stand_in())

    def _purposes(self) -> Iterator[PurposeNames]:
        for purpose in NAMED_PURPOSES:
            for version in range(1, purpose_version(self._keys_dir, self._settings, purpose) + 1):
                path = purpose_key_path(self._keys_dir, purpose, version)
                if is_supplied(path):
                    yield PurposeNames(purpose, read_secret(path), version)


def new_stand_in() -> str:
    """Make an id that says nothing and leads to nobody: `n0_` and 32 random hexadecimal digits."""
    return f"n0_{secrets.token_hex(16)}"


def pseudonyms_of(subjects: Sequence[Subject]) -> dict[str, int]:
    """Give the place of the subject that each pseudonym belongs to.

    >>> pseudonyms_of([Subject("1", ("c1_a", "c2_a"), "x"), Subject("2", ("c1_b",), "y")])
    {'c1_a': 0, 'c2_a': 0, 'c1_b': 1}
    """
    return {pseudonym: place for place, subject in enumerate(subjects) for pseudonym in subject.pseudonyms}
