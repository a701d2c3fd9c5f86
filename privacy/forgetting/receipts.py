"""Signed receipts of erasures: what was held where, what was done to it, and what still rests on it."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from privacy.ed25519 import ALGORITHM, KeyFiles, Signer, Verifier, load_signer
from privacy.forgetting.modes import ANONYMISE, ERASE, Mode

RECEIPT_FORMAT: Final = 1
ERASURE_KEYS: Final = KeyFiles(
    "erasure_signing_private.key", "erasure_signing_public.key", "privacy.create_missing_keys"
)

MEANING: Final[Mapping[Mode, str]] = {
    ERASE: (
        "Every row about the person is removed from every store below, the link between the shop's id and its "
        "pseudonyms is destroyed, and what arrives later about the person is refused."
    ),
    ANONYMISE: (
        "The link between the shop's id and its pseudonyms is destroyed, and consents, profiles, decisions, campaigns "
        "and lists are removed. Purchases stay, under a new random id and new basket ids that nothing leads to; times, "
        "stores, products and prices stay as they were, so whoever knows some of the purchases from elsewhere may "
        "recognise the rest. They are used for totals of products and stores alone, never for the person, and nobody "
        "can find them again to remove them later."
    ),
}
KEPT: Final = (
    "A keyed digest of each id, with the date and the mode: without it, data that arrives late could not be refused. "
    "It tells nothing without the key and the id.",
)
WITHOUT_PERSONS: Final = (
    "Price suggestions, price history and forecasts: about products and stores, no field describes a person.",
    "Fairness reports and model cards: groups of customers, none of them small enough to show a person.",
    "The access logs: who looked something up, when and why, never whom it was about.",
)
NOT_COVERED: Final = (
    "Files written outside storage.root, backups, and what other systems were sent: whoever holds them erases there.",
    "Events under a visitor's id: nothing here says which visitor a customer was.",
)


class Record(BaseModel):
    """A frozen piece of a receipt."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class StoreResult(Record):
    """What became of a person's rows in one store.

    Attributes:
        store: Name of the store.
        action: What was done, in words.
        found: Rows held before; null where nobody but the audit can look.
        removed: Rows no longer about the person, removed or without their person; null where nobody can look.
        left: Rows still held when the run ended; null where nobody can look.
    """

    store: str
    action: str
    found: int | None
    removed: int | None
    left: int | None


class ModelPlan(Record):
    """A model that may have learnt from the person, and until when it may still serve."""

    name: str
    version: str
    champion: bool
    trained_at: datetime
    retrain_by: datetime
    plan: str


class Receipt(Record):
    """What an erasure did; everything but the signature is signed.

    It shows what the run did on this installation. It does not prove that nobody had copied the data before.

    Attributes:
        subject_mark: Keyed digest of the shop's id: whoever holds key and id can tell whose receipt it is.
        key_id: First 16 hexadecimal digits of the SHA-256 of the public key.
        signature: Hexadecimal Ed25519 signature of `signed_bytes`.
    """

    format_version: int
    erasure_id: str
    mode: Mode
    meaning: str
    subject_mark: str
    requested_at: datetime
    finished_at: datetime
    stores: tuple[StoreResult, ...]
    models: tuple[ModelPlan, ...]
    kept: tuple[str, ...]
    without_persons: tuple[str, ...]
    not_covered: tuple[str, ...]
    algorithm: Literal["Ed25519"]
    key_id: str
    signature: str

    @property
    def signed_bytes(self) -> bytes:
        """The canonical JSON of all fields but the signature."""
        content = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class ReceiptDesk:
    """Writes receipts and signs them; the key is read, or made, with the first one.

    Args:
        keys_dir: Folder of keys.
        create: Whether a missing pair may be made.
    """

    def __init__(self, keys_dir: Path, *, create: bool) -> None:
        self._keys_dir = keys_dir
        self._create = create

    def signer(self) -> Signer:
        """Read the pair.

        Raises:
            KeyMissing, KeyUnusable, KeyPairMismatch: If there is no usable pair.
        """
        return load_signer(self._keys_dir, ERASURE_KEYS, create=self._create)

    def write(
        self,
        *,
        erasure_id: str,
        mode: Mode,
        subject_mark: str,
        requested_at: datetime,
        finished_at: datetime,
        stores: tuple[StoreResult, ...],
        models: tuple[ModelPlan, ...],
    ) -> Receipt:
        """Write and sign one receipt.

        Raises:
            KeyMissing, KeyUnusable, KeyPairMismatch: If there is no usable pair.
        """
        signer = self.signer()
        unsigned = Receipt(
            format_version=RECEIPT_FORMAT,
            erasure_id=erasure_id,
            mode=mode,
            meaning=MEANING[mode],
            subject_mark=subject_mark,
            requested_at=requested_at,
            finished_at=finished_at,
            stores=stores,
            models=models,
            kept=KEPT,
            without_persons=WITHOUT_PERSONS,
            not_covered=NOT_COVERED,
            algorithm=ALGORITHM,
            key_id=signer.verifier.key_id,
            signature="",
        )
        return unsigned.model_copy(update={"signature": signer.sign(unsigned.signed_bytes)})


def is_genuine(receipt: Receipt, verifier: Verifier) -> bool:
    """Tell whether a receipt is as it was signed, by the holder of this key."""
    return receipt.key_id == verifier.key_id and verifier.verifies(receipt.signed_bytes, receipt.signature)
