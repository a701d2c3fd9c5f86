"""The manifest of a bundle: what it is, what it was made from, and the digest of every file."""

import hashlib
import json
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

BUNDLE_FORMAT: Final = 1

NO_MECHANISM: Final = (
    "Trained without differential privacy: a person's purchases may influence the weights, and nothing bounds how "
    "much the weights reveal. Only people who agreed to model training were learnt from."
)


class Part(BaseModel):
    """A frozen piece of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class PrivacyStatement(Part):
    """The privacy promise of the weights; `none` promises nothing and says so in words."""

    mechanism: Literal["none", "dp-sgd"] = "none"
    epsilon: float | None = None
    delta: float | None = None
    unit: Literal["customer"] = "customer"
    statement: str = NO_MECHANISM


class ManifestFacts(Part):
    """What the trainer knows about a bundle before it is written.

    Attributes:
        trained_at: When training ended; aware UTC.
        train_until: Purchases at or after this time were not seen.
        data_snapshot_digest: Digest of the lake's content.
        code_commit: Commit of the code, `unknown` outside a repository.
        lock_digest: SHA-256 of the lock file, `unknown` without one.
        feature_service: Feast feature service whose features the scorer needs.
        consent_digest: Digest of the consents on file at `train_until`.
        settings: The settings sections the run used, as plain values.
        metrics: Headline figures, `task.metric` to value; empty before evaluation.
        provenance: Where the data came from, in words.
        audit_report: Always None: the audit comes after the manifest is closed, and travels beside it in `audit/`.
    """

    trained_at: datetime
    train_until: datetime
    data_snapshot_digest: str
    code_commit: str
    lock_digest: str
    feature_service: str
    consent_digest: str
    settings: dict[str, Any]
    privacy: PrivacyStatement = Field(default_factory=PrivacyStatement)
    metrics: dict[str, float] = Field(default_factory=dict)
    provenance: str = ""
    audit_report: str | None = None


class Manifest(ManifestFacts):
    """The whole manifest; its digest names the bundle."""

    format_version: int
    name: str
    version: str
    files: dict[str, str]  # path inside the bundle to SHA-256

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest in canonical JSON (sorted keys, no spaces)."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
