"""`fairshelf serve`: the HTTP service."""

from typing import Annotated

import typer

from serving.cli.options import Overrides, Profile, hand_down, settings_of


def serve(
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port. Default: serving.port.")] = None,
    profile: Profile = None,
    overrides: Overrides = None,
) -> None:
    """Serve recommendations over HTTP until interrupted."""
    from serving.server import serve as listen

    chosen = [*(overrides or ()), *([f"serving.port={port}"] if port else ())]
    settings = settings_of(profile, chosen)
    hand_down(profile, chosen)
    listen(settings)
