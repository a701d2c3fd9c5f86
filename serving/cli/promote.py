"""`fairshelf promote`: the gate between a trained version and customers."""

from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import say, show
from serving.cli.train import model_entry

if TYPE_CHECKING:
    from training.promote import Promotion


def promote(
    model: Annotated[str, typer.Argument(help="Model name: two-tower or demand.")],
    version: Annotated[str | None, typer.Option("--version", help="Bundle version. Default: the newest.")] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Make a version champion if it passes every check; exit code 3 and all reasons if it does not."""
    promotion = promote_version(settings_of(profile, overrides), model, version)
    if not as_json:
        for finding in promotion.findings:
            say(f"passed  {finding.check}: {finding.reason}")
    state = "champion" if promotion.changed else "champion already; nothing changed"
    facts = {"model": promotion.name, "version": promotion.version, "state": state, "digest": promotion.digest}
    show(facts, as_json=as_json, title="Promotion")


def promote_version(settings: Settings, model: str, version: str | None) -> "Promotion":
    """Let a version through the gate.

    Raises:
        PromotionRefused: If any check failed.
    """
    from features.lake import Lake
    from training.gates import checks_of
    from training.promote import promote as pass_gate
    from training.registry import Tracker

    return pass_gate(
        model,
        version,
        bundles_dir=settings.storage.bundles,
        tracker=Tracker(settings.storage),
        entry=model_entry(model),
        lake=Lake.open(settings.storage.lake).manifest,
        checks=checks_of(model, settings.promotion),
    )
