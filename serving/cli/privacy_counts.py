"""`fairshelf privacy count`: how many customers allow a purpose, with noise, for people outside the audit role."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import show


def count(
    purpose: Annotated[str, typer.Option("--purpose", help="personalization, marketing, model_training, …")],
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Tell about how many customers allow a purpose; one answer a period, charged to the privacy budget once."""
    from privacy.consent import ConsentLedger
    from privacy.counting.questions import counted_in_period
    from privacy.counting.small_counts import SmallCounts
    from privacy.ledger import open_ledger
    from privacy.state import open_state
    from training.two_tower.private_charge import LINEAGE

    settings, now = settings_of(profile, overrides), datetime.now(UTC)
    state = open_state(settings.storage.state_db)
    consents = ConsentLedger(state)
    consents.granted("", purpose, now)  # an unknown purpose is refused before anything is charged
    noise = settings.privacy.small_counts
    counts = SmallCounts(state, open_ledger(settings.storage, settings.privacy.budget), noise)
    what = f"customers who allow {purpose}"
    question = counted_in_period(what, {"purpose": purpose}, lineage=LINEAGE, at=now, settings=noise)
    answer = counts.answer(question, lambda: _customers(consents.customers_in_force(purpose, now)))
    facts = {
        "purpose": purpose,
        "customers, about": answer.value,
        "within, 95 of 100 times": answer.half_width_95,
        "epsilon": answer.epsilon,
        "answered": answer.answered_at,
    }
    show(facts, as_json=as_json, title="Count with noise")


def _customers(names: set[str]) -> int:
    return sum(name.startswith("c") for name in names)
