"""Where privacy audit records lie, and whose signature is under them: one among the reports, a copy beside the bundle.

The signature is the auditor's, of the record's canonical bytes behind a word that no fairness report begins with, so
that neither is taken for the other.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.auditing.errors import PrivacyRecordCorrupt, PrivacyRecordMissing
from privacy.auditing.record import AuditRecord
from privacy.ed25519 import Signer, Verifier

RECORD: Final = "privacy.json"
MEMBERSHIP: Final = "privacy_membership.json"  # exact figures of real customers: for the audit role, never in a bundle
ATTACHED: Final = "audit"  # folder inside a bundle

_DOMAIN: Final = b"fairshelf privacy audit 1\n"


class SignedRecord(BaseModel):
    """A record, and who vouches for it.

    Attributes:
        key_id: First 16 hexadecimal digits of the SHA-256 of the auditor's public key.
        signature: Hexadecimal Ed25519 signature of `signed_bytes`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: AuditRecord
    key_id: str
    signature: str


def signed_bytes(record: AuditRecord) -> bytes:
    """Give the canonical JSON of a record behind the word that says what it is."""
    content = record.model_dump(mode="json")
    return _DOMAIN + json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign_record(record: AuditRecord, signer: Signer) -> SignedRecord:
    """Vouch for a record."""
    return SignedRecord(record=record, key_id=signer.verifier.key_id, signature=signer.sign(signed_bytes(record)))


def report_path(reports_dir: Path, name: str, version: str) -> Path:
    """Say where the record of a version lies among the reports."""
    return reports_dir / name / version / RECORD


def attached_path(bundle_dir: Path) -> Path:
    """Say where the record lies that travels with a bundle."""
    return bundle_dir / ATTACHED / RECORD


def write_record(path: Path, signed: SignedRecord) -> None:
    """Write a record in the place of any that is there: whole, or not at all."""
    write_private(path, signed.model_dump_json(indent=2) + "\n", mode=0o644)


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a text whole or not at all, readable for its owner alone unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_signed(path: Path, *, model: str) -> SignedRecord:
    """Read a record back; whether it may be believed is for `problems_of` to say.

    Args:
        path: The file.
        model: `NAME@VERSION`, for the message.

    Raises:
        PrivacyRecordMissing: If there is none.
        PrivacyRecordCorrupt: If it cannot be read.
    """
    try:
        return SignedRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PrivacyRecordMissing(path=path, model=model) from None
    except OSError as failure:
        fault = failure.strerror or type(failure).__name__
        raise PrivacyRecordCorrupt(source=str(path), fault=fault) from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PrivacyRecordCorrupt(source=str(path), fault=f"{place}: {first['msg']}") from None


def problems_of(signed: SignedRecord, *, name: str, version: str, bundle_digest: str, verifier: Verifier) -> list[str]:
    """Say why a record does not vouch for a bundle; an empty list says that it does, whatever it found.

    Args:
        signed: As read.
        name: Model name of the bundle.
        version: Its version.
        bundle_digest: Its digest.
        verifier: With the auditor's public key.
    """
    if signed.key_id != verifier.key_id:
        return [f"the privacy audit was signed with key {signed.key_id}, but the auditor's key is {verifier.key_id}"]
    if not verifier.verifies(signed_bytes(signed.record), signed.signature):
        return ["the privacy audit was edited after it was signed, or made up"]
    record = signed.record
    stated = {
        "model": (record.name, name),
        "version": (record.version, version),
        "bundle": (record.bundle_digest, bundle_digest),
    }
    return [
        f"the privacy audit is of {what} {said[:16]}, but this is {found[:16]}"
        for what, (said, found) in stated.items()
        if said != found
    ]
