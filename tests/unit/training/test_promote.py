"""Promotion: every reason at once, alias and pointer together, repaired by a repeat."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.settings import PROJECT_ROOT, PromotionSettings
from fairness.clearance import Clearance
from fairness.errors import PromotionRefused
from features.lake import LakeManifest
from training.artifact import Bundle, champion_pointer, load_champion
from training.errors import BundleDamaged, ModelVersionUnknown
from training.evaluation_results import Evaluation
from training.promote import Promotion, promote, standard_checks
from training.promotion_checks import BeatsBaselines
from training.registry_file import ModelEntry, load_registry_file

SNAPSHOT = "5" * 64
MakeBundle = Callable[..., Bundle]
MakeEvaluation = Callable[..., Evaluation]


@pytest.fixture
def tracker(registry_in_memory: Any) -> Any:
    return registry_in_memory


@pytest.fixture
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")


def lake(**changes: Any) -> LakeManifest:
    """A lake that ends two weeks after the training data."""
    facts = {
        "format_version": 1,
        "created_at": datetime(2017, 4, 1, tzinfo=UTC),
        "source": "files",
        "trading_time_zone": "UTC",
        "data_start": datetime(2017, 1, 1, tzinfo=UTC),
        "data_end": datetime(2017, 3, 15, tzinfo=UTC),
        "snapshot_digest": SNAPSHOT,
        "tables": {},
        "pseudonym_key_version": 1,
    }
    return LakeManifest.model_validate({**facts, **changes})


@pytest.fixture
def ask(
    tmp_path: Path, tracker: Any, entry: ModelEntry, promotion_settings: PromotionSettings
) -> Callable[..., Promotion]:
    def asked(version: str | None = None, **changes: Any) -> Promotion:
        arguments = {
            "bundles_dir": tmp_path,
            "tracker": tracker,
            "entry": entry,
            "lake": lake(),
            "checks": standard_checks(promotion_settings, ["two_tower"], [BeatsBaselines(promotion_settings)]),
            "clear": passed,
        }
        return promote("two-tower", version, **{**arguments, **changes})

    return asked


def passed(bundle: Bundle) -> Clearance:
    """An audit that clears everything; what one refuses is in test_promotion_checks."""
    manifest = bundle.manifest
    return Clearance(manifest.name, manifest.version, bundle.digest, "fr_1", "a" * 64, datetime(2026, 1, 1, tzinfo=UTC))


def reasons(ask: Callable[..., Promotion], **changes: Any) -> str:
    with pytest.raises(PromotionRefused) as refused:
        ask(**changes)
    return "\n".join(refused.value.reasons)


def test_a_sound_candidate_becomes_champion(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    bundle = bundle_of(tmp_path, evaluation=evaluation_of())
    tracker.register(bundle)
    promotion = ask()
    assert (promotion.version, promotion.digest, promotion.changed) == ("1", bundle.digest, True)
    assert load_champion(tmp_path, "two-tower").digest == bundle.digest
    assert tracker.aliases["champion"].number == "1"
    assert all(finding.passed for finding in promotion.findings)
    gain = next(finding for finding in promotion.findings if finding.check == "ndcg@20 all")
    assert gain.reason == "0.3300 against 0.3000 of ease, +10.0% [+8.0%, +12.0%], where at least +0.0% is asked"


def test_promoting_the_champion_again_changes_nothing(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    tracker.register(bundle_of(tmp_path, evaluation=evaluation_of()))
    ask()
    assert not ask().changed
    assert tracker.moves == 1


def test_the_newest_version_is_taken_unless_one_is_named(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    for version in ("2", "10"):
        tracker.register(bundle_of(tmp_path, version, evaluation=evaluation_of()))
    assert ask().version == "10"
    assert ask("2").version == "2"
    for missing in ("3", "../2"):
        with pytest.raises(ModelVersionUnknown, match="has no version"):
            ask(missing)


def test_no_bundle_at_all_names_the_next_step(ask: Callable[..., Promotion]) -> None:
    with pytest.raises(ModelVersionUnknown, match="fairshelf train two-tower"):
        ask()


def test_every_reason_is_given_at_once(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    good = bundle_of(tmp_path, "1", evaluation=evaluation_of())
    tracker.register(good)
    ask()
    bad = bundle_of(
        tmp_path,
        "2",
        evaluation=evaluation_of(all_gain=-0.1, novel_gain=-0.2, data_snapshot_digest="6" * 64),
        metrics={"all.ndcg@20": float("nan")},
        settings={},
        code_commit="",
    )
    tracker.register(bad, lock_digest="")
    told = reasons(ask, lake=lake(data_end=datetime(2017, 8, 1, tzinfo=UTC), snapshot_digest="7" * 64))
    for part in (
        "ndcg@20 all: 0.2700 against 0.3000 of ease, -10.0% [-12.0%, -8.0%]",
        "ndcg@20 novel: 0.0400 against 0.0500 of popularity, -20.0%",
        "metrics: not finite: all.ndcg@20",
        "data age: training data ends 2017-03-01, 153.0 days before the lake does; at most 60 days",
        "data snapshot 555555555555 is not the lake's",
        "evaluation snapshot: it was judged on snapshot 666666666666",
        "missing: lock_digest",
        "manifest: missing: settings section two_tower, code_commit",
    ):
        assert part in told
    assert champion_pointer(tmp_path, "two-tower") is not None
    assert load_champion(tmp_path, "two-tower").digest == good.digest
    assert tracker.aliases["champion"].number == "1"


def test_the_margin_is_the_settings(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
    promotion_settings: PromotionSettings,
) -> None:
    tracker.register(bundle_of(tmp_path, evaluation=evaluation_of(all_gain=0.04, novel_gain=0.09)))
    strict = promotion_settings.model_copy(update={"min_gain_all": 0.05, "min_gain_novel": 0.05})
    told = reasons(ask, checks=standard_checks(strict, ["two_tower"], [BeatsBaselines(strict)]))
    assert "ndcg@20 all" in told
    assert "where at least +5.0% is asked" in told
    assert "novel" not in told


def test_without_an_evaluation_nothing_is_promoted(
    tmp_path: Path, tracker: Any, ask: Callable[..., Promotion], bundle_of: MakeBundle
) -> None:
    tracker.register(bundle_of(tmp_path, metrics={}))
    told = reasons(ask)
    assert "evaluation: the bundle holds no readable evaluation.json" in told
    assert "metrics: the bundle holds no figures" in told


def test_an_evaluation_without_baselines_is_no_proof(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    evaluation = evaluation_of()
    alone = tuple(score for score in evaluation.scores if score.method == evaluation.model)
    tracker.register(bundle_of(tmp_path, evaluation=evaluation.model_copy(update={"scores": alone})))
    assert "no ndcg@20 of 'any baseline'" in reasons(ask)


def test_a_bundle_that_was_never_registered_is_refused(
    tmp_path: Path, ask: Callable[..., Promotion], bundle_of: MakeBundle, evaluation_of: MakeEvaluation
) -> None:
    bundle_of(tmp_path, evaluation=evaluation_of())
    assert "never registered" in reasons(ask)


def test_tags_edited_in_the_registry_are_noticed(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    tracker.register(bundle_of(tmp_path, evaluation=evaluation_of()), code_commit="another")
    assert "not what the bundle says: code_commit" in reasons(ask)


def test_a_damaged_bundle_is_not_even_judged(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    bundle = bundle_of(tmp_path, evaluation=evaluation_of())
    tracker.register(bundle)
    (bundle.directory / "texts/evaluation.json").write_text("{}")
    with pytest.raises(BundleDamaged, match=r"texts/evaluation.json was changed"):
        ask()


def test_a_crash_between_alias_and_pointer_is_repaired_by_a_repeat(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracker.register(bundle_of(tmp_path, "1", evaluation=evaluation_of()))
    ask()
    second = bundle_of(tmp_path, "2", evaluation=evaluation_of())
    tracker.register(second)

    def lose_power(*_: object) -> None:
        raise OSError("power lost")

    with monkeypatch.context() as patch:
        patch.setattr("training.promote.set_champion", lose_power)
        with pytest.raises(OSError, match="power lost"):
            ask()
    assert load_champion(tmp_path, "two-tower").manifest.version == "1"  # customers still get the old one
    assert ask().changed
    assert load_champion(tmp_path, "two-tower").digest == second.digest
    assert tracker.aliases["champion"].number == "2"


@pytest.mark.parametrize("lost", ["alias", "pointer", "broken pointer"])
def test_a_half_that_was_lost_is_set_again(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
    lost: str,
) -> None:
    bundle = bundle_of(tmp_path, evaluation=evaluation_of())
    tracker.register(bundle)
    ask()
    pointer = tmp_path / "two-tower" / "champion.json"
    if lost == "alias":
        tracker.aliases.clear()
    elif lost == "pointer":
        pointer.unlink()
    else:
        pointer.write_text("{")
    assert ask().changed
    assert tracker.aliases["champion"].number == "1"
    assert load_champion(tmp_path, "two-tower").digest == bundle.digest


def test_data_exactly_as_old_as_allowed_passes(
    tmp_path: Path,
    tracker: Any,
    ask: Callable[..., Promotion],
    bundle_of: MakeBundle,
    evaluation_of: MakeEvaluation,
) -> None:
    tracker.register(bundle_of(tmp_path, evaluation=evaluation_of()))
    edge = datetime(2017, 3, 1, tzinfo=UTC) + timedelta(days=60)
    assert "data age" in reasons(ask, lake=lake(data_end=edge + timedelta(hours=1)))
    assert ask(lake=lake(data_end=edge)).changed
