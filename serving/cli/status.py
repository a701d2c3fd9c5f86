"""`fairshelf doctor`: what is installed, configured, loaded and stale."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from configs.settings import Settings
from privacy.vault import AUDIT_LOG
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import show
from serving.keys import HASHES

if TYPE_CHECKING:
    from fairness.committee import Committee

PACKAGES = ("torch", "lightning", "mlflow", "feast", "bentoml", "pandas")
_MISSING = "missing"
_REFUSED = "refused"
_BROKEN = "broken"
_NEEDED = (
    "lake",
    "online store",
    "champion two-tower",
    "champion demand",
    "audit two-tower",
    "audit demand",
    "committee log",
    "vault access log",
    "demographics access log",
    "state database",
    "privacy ledger",
)
_SOON: Final = timedelta(days=14)  # a waiver that ends sooner is named


def doctor(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say what is installed, configured, loaded and stale.

    Exit code 2 when something that serving needs is missing or refused, or a log is not as it was written.
    """
    settings = settings_of(profile, overrides)
    facts = {
        "profile": settings.profile,
        "storage": settings.storage.root,
        "python": platform.python_version(),
        **{f"package {name}": _package(name) for name in PACKAGES},
        "disk": _checked(lambda: _disk(settings)),
        "lake": _checked(lambda: _lake(settings)),
        "online store": _checked(lambda: _online(settings)),
        "champion two-tower": _checked(lambda: _champion(settings, "two-tower")),
        "champion demand": _checked(lambda: _champion(settings, "demand")),
        "audit two-tower": _checked(lambda: _audit(settings, "two-tower")),
        "audit demand": _checked(lambda: _audit(settings, "demand")),
        "erasures": _checked(lambda: _erasures(settings)),
        "committee log": _whole(lambda: _committee_log(settings)),
        "vault access log": _whole(lambda: _access_log(settings.storage.vault / AUDIT_LOG)),
        "demographics access log": _whole(lambda: _access_log(settings.storage.demographics_log)),
        "state database": _checked(lambda: _state(settings)),
        "privacy ledger": _whole(lambda: _privacy_ledger(settings)),
        "API keys": "issued"
        if (settings.storage.keys / HASHES).exists()
        else f"{_MISSING}: `fairshelf serve` makes them",
    }
    show(facts, as_json=as_json, title="Fairshelf")
    if any(str(facts[name]).startswith((_MISSING, _REFUSED, _BROKEN)) for name in _NEEDED):
        raise typer.Exit(2)


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _checked(look: Callable[[], str]) -> str:
    """Say what a look found, or why it could not."""
    try:
        return look()
    except Exception as failure:
        return f"{_MISSING}: {failure}"


def _whole(verify: Callable[[], int]) -> str:
    """Say how long a log is, or where it is not as it was written."""
    try:
        n_entries = verify()
    except Exception as failure:
        return f"{_BROKEN}: {failure}"
    return f"as it was written; entries: {n_entries:,}"


def _disk(settings: Settings) -> str:
    require_space(settings.storage)
    return "enough free space"


def _lake(settings: Settings) -> str:
    from features.lake import Lake

    manifest = Lake.open(settings.storage.lake).manifest
    age = datetime.now(UTC) - manifest.data_end
    stale = f"; stale: newest purchase {age.days} days old" if age.days > settings.ingest.stale_after_days else ""
    return f"{manifest.source}, {manifest.data_start:%Y-%m-%d} to {manifest.data_end:%Y-%m-%d}{stale}"


def _online(settings: Settings) -> str:
    from features.build_record import read_record

    record = read_record(settings.storage.feast)
    if record.as_of is None:
        return f"{_MISSING}: fill it with `fairshelf features materialize`"
    return f"snapshot of {record.as_of:%Y-%m-%d}, filled at {record.materialised_at:%Y-%m-%d %H:%M} UTC"


def _state(settings: Settings) -> str:
    from features.preparation import read_consents

    consents = read_consents(settings.storage, datetime.now(UTC))
    allowed = {"personalisation": consents.personal, "model training": consents.trainable}
    said = [f"{'some' if people else 'no'} customers allow {purpose}" for purpose, people in allowed.items()]
    return f"{', '.join(said)}; about how many: `fairshelf privacy count`"


def _champion(settings: Settings, model: str) -> str:
    from training.artifact import load_champion

    manifest = load_champion(settings.storage.bundles, model).manifest
    return f"version {manifest.version}, purchases before {manifest.train_until:%Y-%m-%d}"


def _audit(settings: Settings, model: str) -> str:
    from fairness.audit_store import read_attached
    from serving.standing import Standings
    from training.artifact import load_champion

    bundle, committee, now = load_champion(settings.storage.bundles, model), _committee(settings), datetime.now(UTC)
    standings = Standings(settings.fairness, keys_dir=settings.storage.keys, committee=committee, now=lambda: now)
    standing = standings.of_bundle(bundle.directory, bundle.manifest)
    if standing.until is None:
        return f"{_REFUSED}: {'; '.join(standing.reasons)}"
    report = read_attached(bundle.directory).report
    waivers = [one for one in committee.waivers(report.report_id) if one.status == "approved"]
    ending = [f"; the waiver of {one.key} ends {_minute(one.expires_at)}" for one in waivers if _soon(one.expires_at)]
    return f"{report.report_id}, {report.verdict}, cleared until {_minute(standing.until)}{''.join(ending)}"


def _erasures(settings: Settings) -> str:
    """Say what is unfinished, and by when which champion must be trained without erased people."""
    from privacy.ed25519 import load_signer
    from privacy.forgetting.erasure_book import SEALING, ErasureBook
    from privacy.forgetting.receipts import ERASURE_KEYS
    from privacy.forgetting.tombstones import tombstones_on_file
    from privacy.state import open_state
    from training.artifact import champion_pointer
    from training.retraining import RetrainingDates, manifests

    state, keys = open_state(settings.storage.state_db), settings.storage.keys
    tombstones_on_file(state, keys, settings.privacy)  # their key is there, and the right one
    if not settings.privacy.create_missing_keys:
        load_signer(keys, ERASURE_KEYS, create=False)
    book, bundles = ErasureBook(state), settings.storage.bundles
    dates = RetrainingDates(book, settings.privacy.erasure.retrain_within_days)
    n_unfinished = len(book.unfinished()) + len(book.unfinished(SEALING))
    said = [f"{n_unfinished} unfinished: finish with `fairshelf privacy erase --resume`"] if n_unfinished else []
    for manifest in manifests(bundles):
        pointer = champion_pointer(bundles, manifest.name)
        due = dates.of(manifest) if pointer and pointer.version == manifest.version else None
        if due is not None:
            late = "OVERDUE, " if due < datetime.now(UTC) else ""
            said.append(
                f"{manifest.name} {manifest.version} learnt from erased people: {late}replace by {due:%Y-%m-%d}"
            )
    return "; ".join(said) or "none unfinished, and no champion learnt from erased people"


def _committee_log(settings: Settings) -> int:
    from privacy.audit_log import AuditLog

    committee = _committee(settings)
    committee.book()  # checks the chain, and that the committee signed every entry
    return len(AuditLog(committee.log).entries())


def _access_log(path: Path) -> int:
    from privacy.audit_log import AuditLog

    return len(AuditLog(path).entries())


def _privacy_ledger(settings: Settings) -> int:
    from privacy.ledger_book import open_book

    return len(open_book(settings.storage).rows())


def _committee(settings: Settings) -> "Committee":
    from fairness.committee import open_committee, utc_now

    return open_committee(settings.storage, settings.fairness.release, utc_now)


def _soon(moment: datetime) -> bool:
    return timedelta(0) < moment - datetime.now(UTC) <= _SOON


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
