"""The audit at the gate: what it refuses, and a registry that lies about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from configs.settings import PROJECT_ROOT, Settings
from fairness.clearance import Clearance, require_clearance
from fairness.committee import open_committee, utc_now
from fairness.errors import ClearanceRefused, PromotionRefused
from fairness.policy import Policy
from features.lake import LakeManifest
from training.artifact import Bundle, champion_pointer, load_champion
from training.promote import Promotion, promote
from training.promotion_checks import AuditCleared, Candidate, snapshot_known
from training.registry_file import load_registry_file

Clear = Callable[[Bundle], Clearance]
Ask = Callable[..., Promotion]
SNAPSHOT = "5" * 64


@pytest.fixture
def clear(settings: Settings) -> Clear:
    """The clearance as `fairshelf promote` asks for it."""

    def asked(bundle: Bundle) -> Clearance:
        return require_clearance(
            bundle.directory,
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            bundle_digest=bundle.digest,
            policy=Policy(settings.fairness, bundle.manifest.name),
            keys_dir=settings.storage.keys,
            committee=open_committee(settings.storage, settings.fairness.release, utc_now),
            now=utc_now(),
            snapshot_digest=SNAPSHOT,
        )

    return asked


@pytest.fixture
def make(settings: Settings, bundle_of: Callable[..., Bundle], registry_in_memory: Any) -> Callable[[str], Bundle]:
    """Writes and registers a version."""

    def made(version: str) -> Bundle:
        bundle = bundle_of(settings.storage.bundles, version)
        registry_in_memory.register(bundle)
        return bundle

    return made


@pytest.fixture
def ask(settings: Settings, registry_in_memory: Any, clear: Clear) -> Ask:
    moment = datetime(2017, 3, 15, tzinfo=UTC)
    facts = {"created_at": moment, "data_start": moment, "data_end": moment, "snapshot_digest": SNAPSHOT}
    lake = LakeManifest.model_validate(
        {
            "format_version": 1,
            "source": "files",
            "trading_time_zone": "UTC",
            "tables": {},
            "pseudonym_key_version": 1,
            **facts,
        }
    )
    return partial(
        promote,
        "two-tower",
        bundles_dir=settings.storage.bundles,
        tracker=registry_in_memory,
        entry=load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower"),
        lake=lake,
        checks=[snapshot_known],
        clear=clear,
    )


def reasons(ask: Ask, version: str) -> str:
    with pytest.raises(PromotionRefused) as refused:
        ask(version)
    return "\n".join(refused.value.reasons)


def candidate(bundle: Bundle) -> Candidate:
    return Candidate(bundle, None, None, (), datetime(2017, 3, 15, tzinfo=UTC), ())


def test_a_clearance_is_a_finding(settings: Settings, make: Any, cleared: Any, clear: Clear) -> None:
    bundle = make("1")
    evidence = cleared(bundle, settings)
    (finding,) = AuditCleared(clear)(candidate(bundle))
    ends = evidence.report.created_at + timedelta(days=90)
    assert finding.passed
    assert finding.reason == f"report {evidence.report.report_id} clears this bundle until {ends:%Y-%m-%d}"


def test_each_reason_against_it_is_a_finding(make: Any) -> None:
    def refuse(bundle: Bundle) -> Clearance:
        raise ClearanceRefused(name="n", version="1", bundle_digest=bundle.digest, reasons=["too old", "edited"])

    findings = AuditCleared(refuse)(candidate(make("1")))
    assert [(one.check, one.passed, one.reason) for one in findings] == [
        ("audit", False, "too old"),
        ("audit", False, "edited"),
    ]


def test_an_error_that_is_no_refusal_passes_through(make: Any) -> None:
    def fail(_: Bundle) -> Clearance:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        AuditCleared(fail)(candidate(make("1")))


def test_a_promotion_leaves_the_report_in_the_registry(
    settings: Settings, make: Any, cleared: Any, ask: Ask, registry_in_memory: Any
) -> None:
    evidence = cleared(make("1"), settings)
    assert ask("1").changed
    assert registry_in_memory.tagged == {
        "1": {"fairness_report_id": evidence.report.report_id, "fairness_report_digest": evidence.report_digest}
    }
    renewed = cleared(load_champion(settings.storage.bundles, "two-tower"), settings)
    assert not ask("1").changed
    assert registry_in_memory.tagged["1"]["fairness_report_id"] == renewed.report.report_id
    assert registry_in_memory.moves == 1


def test_without_an_audit_nothing_is_promoted(settings: Settings, make: Any, ask: Ask, registry_in_memory: Any) -> None:
    make("1")
    assert "audit: no fairness report travels with the bundle" in reasons(ask, "1")
    assert champion_pointer(settings.storage.bundles, "two-tower") is None
    assert (registry_in_memory.moves, registry_in_memory.tagged) == (0, {})


def test_the_audit_and_the_other_checks_are_refused_together(settings: Settings, make: Any, ask: Ask) -> None:
    make("1")
    told = reasons(partial(ask, lake=ask.keywords["lake"].model_copy(update={"snapshot_digest": "7" * 64})), "1")  # type: ignore[attr-defined]
    assert "data snapshot: data snapshot 555555555555 is not the lake's" in told
    assert "audit: no fairness report" in told


def test_an_audit_on_other_data_promotes_nothing(settings: Settings, make: Any, cleared: Any, ask: Ask) -> None:
    bundle = make("1")
    data = cleared(bundle, settings).report.data
    cleared(bundle, settings, data=data.model_copy(update={"snapshot_digest": "6" * 64}))
    assert "audited on data snapshot 666666666666, but 555555555555" in reasons(ask, "1")


def test_the_champion_itself_needs_an_audit_that_holds(settings: Settings, make: Any, cleared: Any, ask: Ask) -> None:
    bundle = make("1")
    cleared(bundle, settings)
    ask("1")
    cleared(bundle, settings, created_at=utc_now() - timedelta(days=91))
    assert "expired at" in reasons(ask, "1")


def test_another_models_report_promotes_nothing(settings: Settings, make: Any, cleared: Any, ask: Ask) -> None:
    first, second = make("1"), make("2")
    cleared(first, settings)
    for name in ("report.json", "signature.json"):
        (second.directory / "audit").mkdir(exist_ok=True)
        (second.directory / "audit" / name).write_bytes((first.directory / "audit" / name).read_bytes())
    told = reasons(ask, "2")
    assert "the report is of version 1, not of 2" in told
    assert "the audit did not look at it" in told


def serves(settings: Settings, clear: Clear) -> str:
    """What the server would load: the pointer's bundle, cleared."""
    bundle = load_champion(settings.storage.bundles, "two-tower")
    return clear(bundle).version


def test_a_moved_alias_changes_nothing_that_serves(
    settings: Settings, make: Any, cleared: Any, ask: Ask, clear: Clear, registry_in_memory: Any
) -> None:
    cleared(make("1"), settings)
    ask("1")
    make("2")
    registry_in_memory.aliases["champion"] = registry_in_memory.registered[1]
    assert serves(settings, clear) == "1"
    assert "no fairness report" in reasons(ask, "2")
    assert serves(settings, clear) == "1"


def test_an_edited_tag_changes_nothing_that_serves(
    settings: Settings, make: Any, cleared: Any, ask: Ask, clear: Clear, registry_in_memory: Any
) -> None:
    cleared(make("1"), settings)
    ask("1")
    make("2")
    registry_in_memory.set_version_tags(registry_in_memory.registered[1], registry_in_memory.tagged["1"])
    registry_in_memory.set_version_tags(registry_in_memory.registered[0], {"fairness_report_digest": "0" * 64})
    assert serves(settings, clear) == "1"
    assert "no fairness report" in reasons(ask, "2")


def test_a_moved_pointer_serves_nothing_that_was_not_cleared(
    settings: Settings, make: Any, cleared: Any, ask: Ask, clear: Clear, tmp_path: Path
) -> None:
    cleared(make("1"), settings)
    ask("1")
    second = make("2")
    pointer = settings.storage.bundles / "two-tower" / "champion.json"
    pointer.write_text(f'{{"version": "2", "digest": "{second.digest}"}}')
    with pytest.raises(ClearanceRefused, match="no fairness report"):
        serves(settings, clear)
