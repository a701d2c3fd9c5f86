"""Ed25519 signatures of fairness reports and of the committee's entries."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal

from pydantic import ValidationError

from fairness.errors import SignatureCorrupt
from fairness.measures import Record, Verdict
from fairness.report import Digest, Report, ReportId, Utc, canonical_bytes, digest
from privacy.ed25519 import ALGORITHM, KeyFiles, Signer, Verifier, load_signer, load_verifier

__all__ = [
    "AUDIT_KEYS",
    "COMMITTEE_KEYS",
    "Signature",
    "Signer",
    "Verifier",
    "load_signer",
    "load_verifier",
    "problems_of",
    "read_signature",
    "sign_report",
    "signature_bytes",
]

_NO_PAGES: Final[Mapping[str, str]] = MappingProxyType({})
_N_ID: Final = 16  # characters of a digest that a message shows
_MAKE_KEYS: Final = "fairness.release.create_missing_keys"
AUDIT_KEYS: Final = KeyFiles("audit_signing_private.key", "audit_signing_public.key", _MAKE_KEYS)
COMMITTEE_KEYS: Final = KeyFiles("committee_private.key", "committee_public.key", _MAKE_KEYS)


class Signature(Record):
    """What the audit vouches for: this report, of this bundle, under this policy, on this data, with this verdict.

    Everything but the signature itself is signed, so that no part can be exchanged for another report's.

    Attributes:
        key_id: First 16 hexadecimal digits of the SHA-256 of the public key.
        report_digest: SHA-256 of the report's canonical bytes.
        created_at: When it was signed.
        pages: SHA-256 of each page that was written of the report, by file name.
        signature: Hexadecimal Ed25519 signature of `signed_bytes`.
    """

    algorithm: Literal["Ed25519"]
    key_id: str
    report_id: ReportId
    report_digest: Digest
    bundle_digest: Digest
    model: str
    version: str
    policy_digest: Digest
    snapshot_digest: Digest
    verdict: Verdict
    created_at: Utc
    pages: dict[str, Digest]
    signature: str

    @property
    def signed_bytes(self) -> bytes:
        """The canonical JSON of all fields but the signature."""
        return _canonical(self.model_dump(mode="json", exclude={"signature"}))


def sign_report(report: Report, signer: Signer, now: datetime, pages: Mapping[str, str] = _NO_PAGES) -> Signature:
    """Vouch for a report with all that it speaks of.

    Args:
        report: As it will be written.
        signer: With the audit's key.
        now: Aware time of signing.
        pages: What people will read of it, by file name; a page that is not named here is not vouched for.
    """
    unsigned = Signature(
        algorithm=ALGORITHM,
        key_id=signer.verifier.key_id,
        report_id=report.report_id,
        report_digest=digest(canonical_bytes(report)),
        bundle_digest=report.model.bundle_digest,
        model=report.model.name,
        version=report.model.version,
        policy_digest=report.policy_digest,
        snapshot_digest=report.data.snapshot_digest,
        verdict=report.verdict,
        created_at=now.astimezone(UTC),
        pages={name: digest(page.encode()) for name, page in pages.items()},
        signature="",
    )
    return unsigned.model_copy(update={"signature": signer.sign(unsigned.signed_bytes)})


def signature_bytes(signature: Signature) -> bytes:
    """Write a signature as canonical JSON."""
    return _canonical(signature.model_dump(mode="json"))


def read_signature(content: bytes, source: str) -> Signature:
    """Read a signature back; whether it is right is for `problems_of` to say.

    Raises:
        SignatureCorrupt: If the content is no signature record.
    """
    try:
        return Signature.model_validate_json(content)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = f"{place}: {first['msg']}" if place else first["msg"]
        raise SignatureCorrupt(source=source, fault=fault) from None


def problems_of(signature: Signature, report: Report, report_digest: str, verifier: Verifier) -> list[str]:
    """Say why a signature does not vouch for a report; an empty list says that it does.

    Args:
        signature: As read.
        report: The report beside it.
        report_digest: SHA-256 of the report's file.
        verifier: With the auditor's public key.
    """
    if signature.key_id != verifier.key_id:
        return [f"it was signed with key {signature.key_id}, but the auditor's key is {verifier.key_id}"]
    if not verifier.verifies(signature.signed_bytes, signature.signature):
        return ["the signature is not the auditor's: the record was edited after it was signed, or made up"]
    if signature.report_digest != report_digest:
        return [
            f"the report was edited: its SHA-256 is {report_digest[:12]}, but {signature.report_digest[:12]} was signed"
        ]
    stated = {
        "report": (signature.report_id, report.report_id),
        "bundle": (signature.bundle_digest, report.model.bundle_digest),
        "model": (signature.model, report.model.name),
        "version": (signature.version, report.model.version),
        "policy": (signature.policy_digest, report.policy_digest),
        "data snapshot": (signature.snapshot_digest, report.data.snapshot_digest),
        "verdict": (signature.verdict, report.verdict),
    }
    return [
        f"the signature is for {what} {signed[:_N_ID]}, but the report says {said[:_N_ID]}"
        for what, (signed, said) in stated.items()
        if signed != said
    ]


def _canonical(content: dict[str, object]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
