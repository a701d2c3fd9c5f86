"""`fairshelf promote`: the gate between a trained version and customers."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from serving.cli.audit import ensure_audit
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import Steps, say, show
from serving.cli.privacy_audit import ensure_privacy_audit
from serving.cli.train import model_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairness.gates import Check
    from training.promote import Promotion
    from training.promotion_checks import Candidate


def promote(
    model: Annotated[str, typer.Argument(help="Model name: two-tower or demand.")],
    version: Annotated[str | None, typer.Option("--version", help="Bundle version. Default: the newest.")] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Make a version champion if it passes every check and its fairness audit; exit code 3 and all reasons if not.

    A version without an audit of this policy and data is audited first; so is the privacy claim of one that makes one.
    """
    promotion = promote_version(settings_of(profile, overrides), model, version, Steps())
    if not as_json:
        for finding in promotion.findings:
            say(f"passed  {finding.check}: {finding.reason}")
    state = "champion" if promotion.changed else "champion already; nothing changed"
    facts = {"model": promotion.name, "version": promotion.version, "state": state, "digest": promotion.digest}
    show(facts, as_json=as_json, title="Promotion")


def promote_version(
    settings: Settings,
    model: str,
    version: str | None,
    steps: Steps,
    *,
    more: "Sequence[Check[Candidate]]" = (),
) -> "Promotion":
    """Let a version through the gate; where no audit of this bundle, policy and data is on file, one is made first.

    Args:
        settings: All sections.
        model: Model name.
        version: Bundle version; None takes the newest.
        steps: Told each step in words.
        more: Checks beside those of the model.

    Raises:
        PromotionRefused: If any check failed, the audit among them.
    """
    from features.lake import Lake
    from serving.cleared import clear
    from training.gates import checks_of
    from training.promote import open_candidate
    from training.promote import promote as pass_gate
    from training.registry import Tracker
    from training.retraining import open_dates

    entry = model_entry(model)
    storage, lake = settings.storage, Lake.open(settings.storage.lake).manifest
    bundle = open_candidate(storage.bundles, model, version)
    checks = [*checks_of(model, settings.promotion), *more]
    dates = open_dates(storage, settings.privacy.erasure.retrain_within_days)
    ensure_audit(settings, bundle, lake.snapshot_digest, steps)
    ensure_privacy_audit(settings, bundle, steps)
    return pass_gate(
        model,
        bundle.manifest.version,
        bundles_dir=storage.bundles,
        tracker=Tracker(storage),
        entry=entry,
        lake=lake,
        checks=checks,
        clear=partial(
            clear,
            storage=storage,
            fairness=settings.fairness,
            retrain_by=dates.of,
            snapshot_digest=lake.snapshot_digest,
        ),
    )
