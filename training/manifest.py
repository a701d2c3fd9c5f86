"""The manifest of a bundle: what it is, what it was made from, and the digest of every file."""

import hashlib
import json
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from privacy.statement import Statement, in_short, in_words, no_promise

BUNDLE_FORMAT: Final = 1

NO_MECHANISM: Final = (
    "Trained without differential privacy: a person's purchases may influence the weights, and nothing bounds how "
    "much the weights reveal. Only people who agreed to model training were learnt from."
)

_ALWAYS: Final = ("mechanism", "epsilon", "delta", "unit", "statement")


class Part(BaseModel):
    """A frozen piece of the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Charge(Part):
    """One thing that was paid for, and what it would cost by itself at the statement's delta."""

    what: str
    epsilon_alone: float


class PrivacyStatement(Part):
    """The privacy promise of a version; `none` promises nothing and says so in words.

    Attributes:
        mechanism: `none`; `dp-sgd`, released counts and private training; `dp-counts`, released counts alone.
        epsilon: What everything released costs together, at `delta`.
        unit: Who is protected: all records of one customer together.
        statement: The promise in plain words.
        adjacency: Which data sets count as neighbours.
        mu: Gaussian-DP parameter whose curve lies over `curve`.
        curve: (epsilon, delta) pairs that all hold at once.
        accountant: How releases were composed.
        sample_rate: Of the training; this and the next four are None where nothing was trained.
        charges: What was paid for.
        covered: What the promise covers, in plain words.
        not_covered: What it does not.
    """

    mechanism: Literal["none", "dp-sgd", "dp-counts"] = "none"
    epsilon: float | None = None
    delta: float | None = None
    unit: Literal["customer"] = "customer"
    statement: str = NO_MECHANISM
    adjacency: str | None = None
    mu: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    accountant: str | None = None
    sample_rate: float | None = None
    noise_multiplier: float | None = None
    max_grad_norm: float | None = None
    steps: int | None = None
    expected_batch_size: int | None = None
    charges: tuple[Charge, ...] = ()
    covered: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()

    @classmethod
    def of(cls, statement: Statement) -> "PrivacyStatement":
        """Take the figures of a full statement, and its words; the bundle holds the full one beside."""
        fields = set(cls.model_fields) - {"statement", "charges"}
        charges = tuple(Charge(what=one.what, epsilon_alone=one.epsilon_alone) for one in statement.charges)
        return cls(**statement.model_dump(include=fields), charges=charges, statement=in_words(statement))

    @property
    def in_short(self) -> str:
        """The promise in one sentence, or that there is none."""
        return in_short(self.mechanism, self.unit, self.epsilon, self.delta)

    @property
    def words(self) -> str:
        """All of it in plain words, for the model card."""
        return in_words(no_promise(self.statement)) if self.mechanism == "none" else self.statement

    @model_serializer(mode="wrap")
    def _without_empty_promises(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write `none` as it was written before there were promises, so that old bundles keep their digests."""
        content: dict[str, Any] = handler(self)
        return {field: content[field] for field in _ALWAYS} if self.mechanism == "none" else content


class ManifestFacts(Part):
    """What the trainer knows about a bundle before it is written.

    Attributes:
        trained_at: When training ended; aware UTC.
        train_until: Purchases at or after this time were not seen.
        data_snapshot_digest: Digest of the lake's content.
        code_commit: Commit of the code, `unknown` outside a repository.
        lock_digest: SHA-256 of the lock file, `unknown` without one.
        feature_service: Feast feature service whose features the scorer needs.
        consent_digest: Digest of the consents in force when the run began.
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
