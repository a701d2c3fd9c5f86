"""Whether a bundle, or the report about it, is cleared to serve: the answer as values, for answers and for `doctor`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from configs.fairness import FairnessSettings
from fairness.audit_store import Evidence, read_attached
from fairness.clearance import require_clearance
from fairness.committee import Committee
from fairness.errors import ClearanceRefused, FairnessError, ModelNotAudited
from fairness.policy import Policy
from fairness.report import ModelReference
from training.manifest import Manifest


@dataclass(frozen=True)
class Standing:
    """Where a bundle stands with its audit.

    Attributes:
        report_id: The report that speaks for it; None where there is none to be read.
        until: When its clearance ends; None where it has none.
        reasons: Why it is not cleared, all of it; empty when it is.
    """

    report_id: str | None
    until: datetime | None
    reasons: tuple[str, ...]

    @property
    def cleared(self) -> bool:
        """Whether it may serve now."""
        return self.until is not None


NO_STANDING: Final = Standing(None, None, ("the bundle's manifest cannot be read, so nobody can say what was audited",))


class Standings:
    """Looks up where bundles and reports stand; it decides nothing that the server's gate would not decide.

    Args:
        settings: The policy in force.
        keys_dir: Folder with the public keys.
        committee: The committee's book.
        now: The wall clock.
    """

    def __init__(
        self, settings: FairnessSettings, *, keys_dir: Path, committee: Committee, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._keys_dir = keys_dir
        self._committee = committee
        self._now = now

    def of_bundle(self, directory: Path, manifest: Manifest) -> Standing:
        """Judge a bundle by the report that travels with it; its other files are not looked at."""
        bundle = ModelReference(name=manifest.name, version=manifest.version, bundle_digest=manifest.digest)
        return self._judged(directory, bundle, _attached(directory))

    def of_report(self, evidence: Evidence) -> Standing:
        """Judge a report as if it travelled with the very bundle it names."""
        return self._judged(evidence, evidence.report.model, evidence.report.report_id)

    def _judged(self, source: Path | Evidence, bundle: ModelReference, report_id: str | None) -> Standing:
        try:
            clearance = require_clearance(
                source,
                name=bundle.name,
                version=bundle.version,
                bundle_digest=bundle.bundle_digest,
                policy=Policy(self._settings, bundle.name),
                keys_dir=self._keys_dir,
                committee=self._committee,
                now=self._now(),
            )
        except ClearanceRefused as refused:
            return Standing(report_id, None, refused.reasons)
        except ModelNotAudited as refused:
            return Standing(report_id, None, (str(refused),))
        return Standing(report_id, clearance.until, ())


def _attached(directory: Path) -> str | None:
    try:
        return read_attached(directory).report.report_id
    except FairnessError:
        return None
