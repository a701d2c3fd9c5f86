"""Pseudonym keys that are proven to be those of the names on file: a lost or exchanged key is never silent."""

from configs.settings import PrivacySettings, StorageSettings
from privacy.errors import KeyLost, KeyUnusable
from privacy.key_ring import read_ring
from privacy.keys import is_supplied
from privacy.pseudonyms import Pseudonymizer, key_path, load_pseudonymizer
from privacy.vault import open_vault


def proven_pseudonymizer(storage: StorageSettings, settings: PrivacySettings) -> Pseudonymizer:
    """Load the pseudonym keys in force, and make sure that the names on file were made with them.

    With other keys everybody would be unknown: nobody would be found, shown or erased, and nothing would say so.

    Raises:
        KeyLost: If people are on file and the key is gone; no other one is made then.
        KeyUnusable: If the names on file were made with another key.
        KeyMissing, KeyRingDamaged, RotationNeeded: As `load_pseudonymizer`.
    """
    link, ring = open_vault(storage.vault).any_link(), read_ring(storage.keys)
    first = key_path(storage.keys, settings.pseudonym_key_version if ring is None else ring.first)
    if link is not None and not is_supplied(first):
        raise KeyLost(path=first, made="the names of all customers on file were made with it")
    names = load_pseudonymizer(storage.keys, settings)
    if link is not None and link[0] not in names.names_of(link[1]):
        raise KeyUnusable(path=first, problem="it is not the key that made the names of the customers on file")
    return names
