"""The privacy audit beside a bundle: asked for by whatever promises differential privacy, and by nothing else.

The promise is read from the bundle's own manifest, so that nobody who asks for a clearance can forget to mention it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from fairness.signing import Verifier
from privacy.auditing.errors import PrivacyRecordCorrupt, PrivacyRecordMissing
from privacy.auditing.record_store import attached_path, problems_of, read_signed

_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class PrivacyCase:
    """What the privacy audit says for and against a bundle.

    Attributes:
        doubts: Why it cannot be believed to be the auditor's, of this bundle.
        failures: What a genuine audit found against the claim.
        created_at: When it was made; None where there is none to be believed.
    """

    doubts: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    created_at: datetime | None = None


def promises_privacy(bundle_dir: Path) -> bool:
    """Tell whether a bundle's manifest claims a mechanism; one that cannot be understood does, to be safe.

    A folder without a manifest is no bundle, and promises nothing.
    """
    try:
        content = json.loads((bundle_dir / _MANIFEST).read_bytes())
        return bool(content["privacy"]["mechanism"] != "none")
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


def judge_privacy(
    bundle_dir: Path, *, name: str, version: str, bundle_digest: str, verifier: Verifier | None
) -> PrivacyCase | None:
    """Read the privacy audit beside a bundle and judge it anew from its figures; None where none is needed.

    Args:
        bundle_dir: The bundle's folder.
        name: Model name, as the caller knows it.
        version: Version of the bundle.
        bundle_digest: Of the bundle that was opened.
        verifier: With the auditor's public key; None where it could not be read, which was said already.
    """
    if not promises_privacy(bundle_dir):
        return None
    try:
        signed = read_signed(attached_path(bundle_dir), model=f"{name}@{version}")
    except (PrivacyRecordMissing, PrivacyRecordCorrupt) as failure:
        return PrivacyCase(doubts=(str(failure),))
    if verifier is None:
        return PrivacyCase(doubts=("the privacy audit cannot be checked without the auditor's key",))
    problems = problems_of(signed, name=name, version=version, bundle_digest=bundle_digest, verifier=verifier)
    if problems:
        return PrivacyCase(doubts=tuple(problems))
    return PrivacyCase(failures=tuple(signed.record.reasons), created_at=signed.record.created_at)
