"""The one way to a champion: in the server and in batch, nothing comes out that its audit does not clear."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from configs.settings import Settings
from fairness.audit_store import Evidence
from fairness.committee import log_file, open_committee, utc_now
from fairness.errors import ClearanceLapsed, ClearanceRefused
from fairness.signing import AUDIT_KEYS
from features.lake import Lake
from features.preparation import ensure_price_tables
from privacy.errors import StatementUnreadable
from privacy.forgetting.erasure_book import ErasureBook, Step
from privacy.statement import STATEMENT_FILE
from serving.bootstrap import build_services
from serving.champion import Champion
from serving.cleared import clear, cleared_champion, evidence_files, require_still_audited
from serving.errors import NotReady
from serving.loading import champion_on_disk
from serving.services import Services
from training.artifact import Bundle, bundle_directory, set_champion, write_bundle
from training.bundle_files import TEXTS
from training.errors import BundleDamaged, ChampionMismatch, NoChampion
from training.manifest import Manifest, ManifestFacts

Cleared = Callable[..., Evidence]
MODEL = "two-tower"


def never(_: Manifest) -> None:
    """Nobody was erased."""


@pytest.fixture
def make(settings: Settings) -> Callable[[str], Bundle]:
    """Writes a version that could never be loaded as a model, and makes it champion."""
    facts = ManifestFacts(
        trained_at=datetime(2017, 3, 20, tzinfo=UTC),
        train_until=datetime(2017, 3, 1, tzinfo=UTC),
        data_snapshot_digest="5" * 64,
        code_commit="c" * 40,
        lock_digest="d" * 64,
        feature_service="customer_v1",
        consent_digest="e" * 64,
        settings={},
    )

    def made(version: str) -> Bundle:
        directory = bundle_directory(settings.storage.bundles, MODEL, version)
        texts = {"note.txt": version}
        parts: dict[str, Any] = {"tensors": {}, "arrays": {}, "frames": {}}
        bundle = write_bundle(directory, name=MODEL, version=version, facts=facts, texts=texts, **parts)
        set_champion(settings.storage.bundles, bundle)
        return bundle

    return made


def test_a_cleared_champion_is_given_with_its_clearance(settings: Settings, make: Any, cleared: Cleared) -> None:
    bundle = make("1")
    report = cleared(bundle, settings).report
    found, clearance = cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)
    assert found.digest == bundle.digest == clearance.bundle_digest
    assert clearance.report_id == report.report_id
    assert clear(bundle, settings.storage, settings.fairness, retrain_by=never) == clearance
    assert clear(bundle, settings.storage, settings.fairness, retrain_by=never, snapshot_digest="5" * 64) == clearance
    with pytest.raises(ClearanceRefused, match="data snapshot"):
        clear(bundle, settings.storage, settings.fairness, retrain_by=never, snapshot_digest="6" * 64)


def test_the_clock_of_the_caller_decides(settings: Settings, make: Any, cleared: Cleared) -> None:
    cleared(make("1"), settings)
    with pytest.raises(ClearanceLapsed, match="expired"):
        cleared_champion(
            settings.storage, settings.fairness, MODEL, lambda: utc_now() + timedelta(days=91), retrain_by=never
        )
    with pytest.raises(ClearanceRefused, match="clock"):
        cleared_champion(
            settings.storage, settings.fairness, MODEL, lambda: utc_now() - timedelta(days=1), retrain_by=never
        )


def test_a_champion_without_an_audit_is_refused_before_it_is_built(
    settings: Settings, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("1")
    monkeypatch.setattr("serving.loading.Scorer.load", lambda _: pytest.fail("the model was built"))
    with pytest.raises(ClearanceRefused, match="no fairness report travels with the bundle"):
        champion_on_disk(settings.storage, settings.fairness, MODEL, retrain_by=never)


def test_what_is_wrong_with_the_bundle_is_said_first(settings: Settings, make: Any, cleared: Cleared) -> None:
    with pytest.raises(NoChampion):
        cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)
    bundle = make("1")
    cleared(bundle, settings)
    pointer = settings.storage.bundles / MODEL / "champion.json"
    pointer.write_text('{"version": "1", "digest": "' + "0" * 64 + '"}')
    with pytest.raises(ChampionMismatch):
        cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)


def test_a_statement_that_was_edited_or_contradicts_the_manifest_keeps_the_champion_out(
    settings: Settings, make: Any, cleared: Cleared
) -> None:
    bundle = make("1")
    cleared(bundle, settings)
    path, manifest = bundle.directory / TEXTS / STATEMENT_FILE, bundle.directory / "manifest.json"
    path.write_text(path.read_text().replace('"none"', '"dp-sgd"'))
    with pytest.raises(BundleDamaged, match=f"{STATEMENT_FILE} was changed"):
        cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)
    edited = json.loads(manifest.read_text())
    del edited["files"][f"{TEXTS}/{STATEMENT_FILE}"]  # as a bundle from before there were statements
    edited["privacy"] |= {"mechanism": "dp-sgd", "epsilon": 0.1, "delta": 1e-9}
    manifest.write_text(json.dumps(edited))
    set_champion(settings.storage.bundles, Bundle.open(bundle.directory))
    with pytest.raises(StatementUnreadable, match="dp-sgd, but the bundle holds none"):
        cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)


def test_the_files_that_decide_are_watched(settings: Settings, make: Any) -> None:
    log = log_file(settings.storage)
    assert evidence_files(settings.storage, MODEL) == (log,)
    make("7")
    audit = settings.storage.bundles / MODEL / "7" / "audit"
    decisive = ("report.json", "signature.json", "privacy.json")
    assert evidence_files(settings.storage, MODEL) == (log, *(audit / name for name in decisive))
    pointer = settings.storage.bundles / MODEL / "champion.json"
    for broken in ("no json", '{"version": "../../keys", "digest": "x"}'):
        pointer.write_text(broken)
        assert evidence_files(settings.storage, MODEL) == (log,)


def test_what_was_cleared_is_looked_at_again(settings: Settings, make: Any, cleared: Cleared) -> None:
    report_id = cleared(make("1"), settings).report.report_id
    _, clearance = cleared_champion(settings.storage, settings.fairness, MODEL, retrain_by=never)
    any_: Any = None
    loaded = Champion(MODEL, "1", clearance.bundle_digest, clearance, any_, any_, {}, {})
    committee = open_committee(settings.storage, settings.fairness.release, utc_now)
    asked: Any = {"storage": settings.storage, "fairness": settings.fairness, "committee": committee}
    require_still_audited(loaded, **asked, now=utc_now, retrain_by=never)
    due = utc_now() + timedelta(days=30)
    require_still_audited(loaded, **asked, now=utc_now, retrain_by=lambda _: due)
    with pytest.raises(ClearanceLapsed, match="learnt from people who were erased"):
        require_still_audited(loaded, **asked, now=lambda: due, retrain_by=lambda _: due)
    committee.sign_off(report_id, decision="refuse", name="anna")
    with pytest.raises(ClearanceLapsed, match="anna refused"):
        require_still_audited(loaded, **asked, now=utc_now, retrain_by=never)


def test_a_model_that_learnt_from_erased_people_serves_until_the_date_and_no_longer(
    settings: Settings, make: Any, cleared: Cleared
) -> None:
    cleared(make("1"), settings)
    due = utc_now() + timedelta(days=30)
    asked: Any = {"storage": settings.storage, "fairness": settings.fairness, "name": MODEL}
    assert cleared_champion(**asked, retrain_by=lambda _: due)[1].until == due
    late = utc_now() + timedelta(days=365)
    until = cleared_champion(**asked, retrain_by=lambda _: late)[1].until
    assert until < late, "the audit ends first"
    with pytest.raises(ClearanceLapsed, match=f"replaced by {due:%Y-%m-%d}\\nTrain a version without them") as refused:
        cleared_champion(**asked, now=lambda: due, retrain_by=lambda _: due)
    assert "fairshelf train two-tower" in str(refused.value)


@pytest.fixture(scope="module")
def desk_house(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A house of the made-up chain that may be written to, with its price features built."""
    made = chain.copied_to(tmp_path_factory.mktemp("desk"))
    ensure_price_tables(made.settings.storage, Lake.open(made.settings.storage.lake))
    return made


@pytest.fixture
def served(desk_house: Any, cleared: Cleared) -> Iterator[Services]:
    """The real server's parts, with the chain's demand champion loaded under a new report."""
    cleared(desk_house.bundle, desk_house.settings)
    services = build_services(desk_house.settings)
    assert services.holders["demand"].refresh()
    yield services
    services.close()


def test_the_server_names_the_report_that_let_the_model_in(served: Services, desk_house: Any) -> None:
    desk = served.holders["demand"].champion()
    assert desk.card["fairness_report_id"] == desk.clearance.report_id
    assert served.models.one("demand", "1").fairness_report_id == desk.clearance.report_id


def test_an_erasure_takes_a_running_model_out_once_its_date_is_over(
    served: Services, desk_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, book = served.holders["demand"], ErasureBook(served.state)
    monkeypatch.setattr(holder, "_retry_after_s", 0)  # every look is a thorough one
    within = desk_house.settings.privacy.erasure.retrain_within_days
    asked = {days: book.open("anna", "erase", by="x", at=utc_now() - timedelta(days=days)) for days in (1, within + 1)}
    book.begin(list(asked.values()), [desk_house.bundle.manifest.data_snapshot_digest])
    book.note({asked[1]: {"lake": Step(1, done=True)}})
    assert not holder.refresh()
    assert holder.champion().version == "1", "there is time left"
    book.note({asked[within + 1]: {"lake": Step(1, done=True)}})
    assert not holder.refresh()
    with pytest.raises(NotReady):
        holder.champion()
    assert "was to be replaced by" in str(holder.problem)
    with served.state.begin() as connection:
        connection.execute(sa.text("DELETE FROM erasures"))  # other tests share the house


def test_a_refusal_by_the_committee_takes_a_running_model_out_and_acceptance_brings_it_back(
    served: Services, desk_house: Any
) -> None:
    holder, settings = served.holders["demand"], desk_house.settings
    report_id = holder.champion().clearance.report_id
    committee = open_committee(settings.storage, settings.fairness.release, utc_now)
    committee.sign_off(report_id, decision="refuse", name="anna")
    assert not holder.refresh()
    with pytest.raises(NotReady, match="no verified champion"):
        holder.champion()
    assert f"anna refused report {report_id}" in str(holder.problem)
    committee.sign_off(report_id, decision="accept", name="anna")
    assert holder.refresh()
    assert holder.champion().version == "1"


@pytest.mark.parametrize("attack", ["edited report", "edited signature", "no report", "no public key"])
def test_tampering_with_the_evidence_keeps_the_running_model_and_stops_the_next_start(
    served: Services, desk_house: Any, attack: str
) -> None:
    holder, settings = served.holders["demand"], desk_house.settings
    audit, public = desk_house.bundle.directory / "audit", settings.storage.keys / AUDIT_KEYS.public
    kept = public.read_bytes()
    _tamper(audit, public, attack)
    assert not holder.refresh()
    assert holder.champion().version == "1"
    assert holder.problem
    started = build_services(settings)
    assert not started.holders["demand"].refresh()
    with pytest.raises(NotReady, match="was refused"):
        started.holders["demand"].champion()
    started.close()
    public.write_bytes(kept)


def _tamper(audit: Path, public: Path, attack: str) -> None:
    if attack == "edited report":
        report = audit / "report.json"
        report.write_bytes(report.read_bytes().replace(b'"PASS"', b'"FAIL"', 1))
    elif attack == "edited signature":
        signature = audit / "signature.json"
        signature.write_bytes(signature.read_bytes().replace(b'"PASS"', b'"FAIL"'))
    elif attack == "no report":
        shutil.rmtree(audit)
    else:
        public.unlink()
        (audit / "report.json").touch()  # so that it is looked at again
