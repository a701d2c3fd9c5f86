"""`fairshelf privacy statement`: what a version promises about the people it was trained on."""

import json
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import say, show


def statement(
    model: Annotated[str, typer.Argument(help="Model and, if not the newest, version: two-tower, or demand@3.")],
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show what a version promises about the people it was trained on, what it does not, and on what grounds."""
    from privacy.statement import in_words
    from training.promote import open_candidate

    settings = settings_of(profile, overrides)
    name, _, version = model.partition("@")
    bundle = open_candidate(settings.storage.bundles, name, version or None)
    found = bundle.statement()
    if as_json:
        show(json.loads(found.to_json()), as_json=True)
        return
    say(f"# Privacy of {bundle.manifest.name}, version {bundle.manifest.version}\n\n{in_words(found)}")
