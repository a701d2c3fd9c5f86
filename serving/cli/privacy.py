"""`fairshelf privacy`: what a person allows."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from serving.cli import budget, erasure, privacy_audit, privacy_counts, privacy_keeping, privacy_statement
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import show

_LONGEST = 128  # characters of an id, as in the HTTP contract

app = typer.Typer(help="What a person allows.", no_args_is_help=True)


def _short_text(value: str) -> str:
    if not 1 <= len(value) <= _LONGEST:
        raise typer.BadParameter(f"{len(value)} characters given; 1 to {_LONGEST} are possible.")
    return value


app.command("budget")(budget.budget)
app.command("audit")(privacy_audit.audit)
app.command("statement")(privacy_statement.statement)
app.command("erase")(erasure.erase)
app.command("verify-erasure")(erasure.verify_erasure)
app.command("rotate-key")(privacy_keeping.rotate_key)
app.command("retain")(privacy_keeping.retain)
app.command("count")(privacy_counts.count)


@app.callback()  # without one, typer drops the word of a group's only command
def _verbs() -> None:
    """What a person allows."""


@app.command("consent")
def consent(
    customer_id: Annotated[
        str, typer.Option("--customer-id", help="The shop's own customer or visitor id.", callback=_short_text)
    ],
    purpose: Annotated[str, typer.Option("--purpose", help="personalization, marketing, model_training, …")],
    granted: Annotated[bool, typer.Option("--grant/--refuse", help="What the customer decided.")],
    version: Annotated[
        str, typer.Option("--version", help="Version of the text the customer saw.", callback=_short_text)
    ],
    visitor: Annotated[bool, typer.Option("--visitor", help="The id is a visitor's.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Record a customer's decision; it holds from the next call and the next training on."""
    from privacy.consent import ConsentLedger, Decided
    from privacy.forgetting.tombstones import tombstones_on_file
    from privacy.proven_keys import proven_pseudonymizer
    from privacy.state import open_state
    from serving.people.errors import PersonErased

    settings = settings_of(profile, overrides)
    names = proven_pseudonymizer(settings.storage, settings.privacy)
    pseudonym = names.visitor(customer_id) if visitor else names.pseudonym(customer_id)
    state_db = open_state(settings.storage.state_db)
    tombs = tombstones_on_file(state_db, settings.storage.keys, settings.privacy)
    if tombs and not visitor and tombs.of_sources([customer_id]):
        raise PersonErased
    ledger = ConsentLedger(state_db)
    now = datetime.now(UTC)
    ledger.decide(pseudonym, [Decided(purpose, granted, version, "command line")], at=now)
    state = ledger.in_force(pseudonym, purpose, datetime.now(UTC))
    show({"purpose": purpose, "granted": state.granted, "version": state.version, "since": now}, as_json=as_json)
