"""`fairshelf privacy budget`: what everything released about customers cost, and what is left."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import say, show, show_rows

_MOST_ROWS = 1_000


def budget(
    release: Annotated[
        str | None,
        typer.Option("--release", help="Give a reservation back that never read the data, for instance of a crash."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST_ROWS, help="Most charges to show.")] = 20,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show what everything released about customers has cost, and what is left; checks the whole ledger."""
    from privacy.ledger_book import open_book
    from serving.budget_desk import BudgetDesk

    settings = settings_of(profile, overrides)
    if release is not None:
        _give_back(settings, release)
    desk = BudgetDesk(open_book(settings.storage), settings.privacy.budget, lambda: datetime.now(UTC))
    page = desk.page(limit=limit, cursor=None)
    if as_json:
        show(page, as_json=True)
        return
    _show_budget(page)


def _give_back(settings: Settings, reservation_id: str) -> None:
    from privacy.ledger import open_ledger

    ledger = open_ledger(settings.storage, settings.privacy.budget)
    ledger.release(ledger.find(reservation_id))


def _show_budget(page: dict[str, Any]) -> None:
    show(
        {
            "unit": f"one {page['unit']}, {page['adjacency']}",
            "window": f"{page['window_start'][:10]} to {page['window_end'][:10]}",
            "cap": f"epsilon {page['cap_epsilon']:g} at delta {page['delta']:.0e}, per lineage",
        },
        as_json=False,
        title="Privacy budget",
    )
    if not page["lineages"]:
        say("Nothing was ever charged: no model or statistic was released under differential privacy.")
        return
    show_rows(
        ("customers of", "epsilon", "left", "adding up would say", "all windows", "charges"),
        [
            (
                one["lineage"],
                *(f"{one[key]:.3f}" for key in ("epsilon", "remaining", "sum_of_epsilons", "lifetime_epsilon")),
                one["n_charges"],
            )
            for one in page["lineages"]
        ],
        title="Spent in this window, releases composed",
    )
    show_rows(
        ("when", "run", "what", "state", "epsilon alone", "reservation"),
        [
            (
                one["charged_at"][:16],
                one["run"],
                one["what"],
                one["state"],
                f"{one['epsilon_alone']:.3f}",
                one["reservation"],
            )
            for one in page["charges"]
        ],
        title="Charges, newest first",
    )
