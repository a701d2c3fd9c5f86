"""Where reports lie: one folder each among the reports, and a copy beside the bundle that it is about."""

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from configs.settings import StorageSettings
from fairness.errors import ReportCorrupt, ReportExists, ReportNotAttached, ReportUnknown, SignatureCorrupt
from fairness.report import Report, canonical_bytes, digest, read_report
from fairness.signing import Signature, read_signature, signature_bytes

REPORTS: Final = "fairness"  # folder below the reports
ATTACHED: Final = "audit"  # folder inside a bundle
REPORT: Final = "report.json"
PAGE: Final = "report.html"
NOTICE: Final = "notice.html"
SIGNATURE: Final = "signature.json"

_OLDEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Evidence:
    """A report and its signature as they lie on disk; nothing has been believed yet.

    Attributes:
        report_digest: SHA-256 of the report's file.
    """

    report: Report
    signature: Signature
    report_digest: str


@dataclass(frozen=True)
class Listing:
    """One folder of the store.

    Attributes:
        report_id: The folder's name.
        evidence: What it holds; None where that cannot be read.
        problem: Why it cannot be read.
    """

    report_id: str
    evidence: Evidence | None
    problem: str | None


class AuditStore:
    """The reports of all audits.

    Args:
        root: Folder with one folder per report.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, report: Report, signature: Signature, *, page: str, notice: str) -> Path:
        """Keep a report, its two pages and its signature; all of it is there, or nothing.

        Args:
            report: Written in its canonical form.
            signature: Of this report.
            page: The HTML page.
            notice: The one-page public notice.

        Returns:
            The report's folder.

        Raises:
            ReportExists: If there is a report with this id.
        """
        files = {
            REPORT: canonical_bytes(report),
            SIGNATURE: signature_bytes(signature),
            PAGE: page.encode(),
            NOTICE: notice.encode(),
        }
        self._root.mkdir(parents=True, exist_ok=True)
        staged = self._root / f".partial-{secrets.token_hex(8)}"
        staged.mkdir()
        try:
            for name, content in files.items():
                _write(staged / name, content)
            try:
                staged.rename(self._root / report.report_id)
            except OSError:
                raise ReportExists(report_id=report.report_id) from None
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return self._root / report.report_id

    def newest_first(self) -> list[Listing]:
        """List all reports, newest first; those that cannot be read come last, with what is wrong."""
        return sorted((self._listing(report_id) for report_id in self._ids()), key=_age, reverse=True)

    def open(self, report_id: str) -> Evidence:
        """Read one report.

        Raises:
            ReportUnknown: If there is none of this id.
            ReportCorrupt, SignatureCorrupt: If its files cannot be read.
        """
        return _read(self._folder(report_id))

    def page(self, report_id: str, name: str = PAGE) -> Path:
        """Say where the HTML page of a report lies, or its notice.

        Raises:
            ReportUnknown: If there is no report of this id, or it has no such page.
        """
        path = self._folder(report_id) / name
        if name not in (PAGE, NOTICE) or not path.is_file():
            raise ReportUnknown(report_id=report_id)
        return path

    def find(self, *, bundle_digest: str, policy_digest: str, snapshot_digest: str) -> Evidence | None:
        """Find the newest release audit of exactly this bundle, policy and data; None if there is none to be read."""
        wanted = (bundle_digest, policy_digest, snapshot_digest)
        for listing in self.newest_first():
            report = listing.evidence.report if listing.evidence else None
            if report is None or report.kind != "release":
                continue
            if (report.model.bundle_digest, report.policy_digest, report.data.snapshot_digest) == wanted:
                return listing.evidence
        return None

    def previous(self, model: str) -> Evidence | None:
        """Find the newest release audit of a model, whichever version."""
        reports = (listing.evidence for listing in self.newest_first() if listing.evidence)
        return next((one for one in reports if one.report.model.name == model and one.report.kind == "release"), None)

    def _ids(self) -> list[str]:
        return [path.parent.name for path in self._root.glob(f"fr_*/{REPORT}")]

    def _folder(self, report_id: str) -> Path:
        if report_id not in self._ids():  # compared, never joined: no path from outside
            raise ReportUnknown(report_id=report_id)
        return self._root / report_id

    def _listing(self, report_id: str) -> Listing:
        try:
            evidence = _read(self._root / report_id)
        except (ReportCorrupt, SignatureCorrupt) as failure:
            return Listing(report_id, None, str(failure))
        if evidence.report.report_id != report_id:
            problem = f"the folder {report_id} holds report {evidence.report.report_id}"
            return Listing(report_id, None, problem)
        return Listing(report_id, evidence, None)


def open_reports(storage: StorageSettings) -> AuditStore:
    """Open the store of all reports of a house."""
    return AuditStore(storage.reports / REPORTS)


def attach(bundle_dir: Path, evidence: Evidence) -> None:
    """Lay a report and its signature beside the files of a bundle, in the place of any that are there.

    They are not in the bundle's manifest, which was closed before the audit; the signature binds them to its digest.
    """
    folder = bundle_dir / ATTACHED
    folder.mkdir(exist_ok=True)
    for name, content in (
        (REPORT, canonical_bytes(evidence.report)),
        (SIGNATURE, signature_bytes(evidence.signature)),
    ):
        staged = folder / f".{name}.{secrets.token_hex(8)}"
        _write(staged, content)
        staged.replace(folder / name)


def read_attached(bundle_dir: Path) -> Evidence:
    """Read the report and signature that travel with a bundle.

    Raises:
        ReportNotAttached: If one of them is not there.
        ReportCorrupt, SignatureCorrupt: If one cannot be read.
    """
    folder = bundle_dir / ATTACHED
    missing = [name for name in (REPORT, SIGNATURE) if not (folder / name).exists()]
    if missing:
        raise ReportNotAttached(folder=folder, missing=missing)
    return _read(folder)


def attached_files(bundle_dir: Path) -> tuple[Path, Path]:
    """Name the files whose change means that a bundle must be cleared anew."""
    return bundle_dir / ATTACHED / REPORT, bundle_dir / ATTACHED / SIGNATURE


def _read(folder: Path) -> Evidence:
    report_path, signature_path = folder / REPORT, folder / SIGNATURE
    try:
        content = report_path.read_bytes()
    except OSError as failure:
        raise ReportCorrupt(source=str(report_path), fault=_said(failure)) from None
    try:
        signed = signature_path.read_bytes()
    except OSError as failure:
        raise SignatureCorrupt(source=str(signature_path), fault=_said(failure)) from None
    return Evidence(
        report=read_report(content, str(report_path)),
        signature=read_signature(signed, str(signature_path)),
        report_digest=digest(content),
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _said(failure: OSError) -> str:
    return failure.strerror or type(failure).__name__


def _age(listing: Listing) -> tuple[datetime, str]:
    return listing.evidence.report.created_at if listing.evidence else _OLDEST, listing.report_id
