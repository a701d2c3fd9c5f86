"""`fairshelf privacy`: what a person allows."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import show

_LONGEST = 128  # characters of an id, as in the HTTP contract

app = typer.Typer(help="What a person allows.", no_args_is_help=True)


def _short_text(value: str) -> str:
    if not 1 <= len(value) <= _LONGEST:
        raise typer.BadParameter(f"{len(value)} characters given; 1 to {_LONGEST} are possible.")
    return value


@app.callback()  # without one, typer drops the word of a group's only command
def _verbs() -> None:
    """What a person allows."""


@app.command("consent")
def consent(
    customer_id: Annotated[
        str, typer.Option("--customer-id", help="The shop's own customer id.", callback=_short_text)
    ],
    purpose: Annotated[str, typer.Option("--purpose", help="personalization, marketing, model_training, …")],
    granted: Annotated[bool, typer.Option("--grant/--refuse", help="What the customer decided.")],
    version: Annotated[
        str, typer.Option("--version", help="Version of the text the customer saw.", callback=_short_text)
    ],
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Record a customer's decision; it holds from the next call and the next training on."""
    from privacy.consent import ConsentLedger
    from privacy.pseudonyms import load_pseudonymizer
    from privacy.state import open_state

    settings = settings_of(profile, overrides)
    pseudonym = load_pseudonymizer(settings.storage.keys, settings.privacy).pseudonym(customer_id)
    ledger = ConsentLedger(open_state(settings.storage.state_db))
    now = datetime.now(UTC)
    ledger.record(pseudonym, purpose, granted=granted, at=now, version=version, source="command line")
    state = ledger.granted(pseudonym, purpose, datetime.now(UTC))
    show({"purpose": purpose, "granted": state.granted, "version": state.version, "since": now}, as_json=as_json)
