"""`fairshelf prices`: suggestions for a whole chain, and the record of prices seen."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import Steps, show
from serving.errors import ObjectiveUnknown

if TYPE_CHECKING:
    from serving.pricing.advice import Objective

_CONFIDENT: Final = 0.7  # probability of a gain from which the demonstration prefers a suggestion
_TRIED: Final = 500  # products asked for when the demonstration looks for one to show

app = typer.Typer(help="Price suggestions in batch, and the record of prices seen.", no_args_is_help=True)


@app.command("suggest")
def suggest(
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    objective: Annotated[
        str, typer.Option("--objective", help="What is to be gained: margin, revenue, units or clearance.")
    ] = "margin",
    jurisdiction: Annotated[
        str | None, typer.Option("--jurisdiction", help="Where the prices are shown, such as US-NY or DE.")
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option("--inputs", help="CSV or Parquet: product_id; store_id, current_price, unit_cost, stock_units."),
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="Put the suggestions on record for review; otherwise none is stored.")
    ] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Suggest a price for every product, chain-wide, with the champion and inside the guardrails."""
    from serving.pricing.batch import read_inputs, suggest_everything
    from serving.pricing.local import local_pricing

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    chosen, known, steps = _objective(objective), None if inputs is None else read_inputs(inputs), Steps()
    with local_pricing(settings, steps) as (pricing, desk):
        outcome = suggest_everything(
            pricing,
            desk,
            objective=chosen,
            jurisdiction=jurisdiction,
            inputs=known,
            submit=submit,
            currency=settings.serving.currency,
            out=out,
            progress=steps,
        )
    facts = {"asked": outcome.n_asked, "to change": outcome.n_changed, "refused": outcome.n_refused, "file": out}
    show({**facts, "submitted for review": submit, "version": desk.version}, as_json=as_json, title="Price suggestions")


@app.command("observe")
def observe(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Put the shelf prices that the lake's sales show on record, from which prior prices are reckoned."""
    settings = settings_of(profile, overrides)
    n_new = observe_prices(settings, Steps())
    show({"prices put on record": n_new}, as_json=as_json, title="Price history")


def observe_prices(settings: Settings, steps: Steps) -> int:
    """Put the last quarter's shelf prices on record; those that are there stay. Gives how many were new."""
    from features.clock import Clock
    from privacy.state import open_state
    from serving.pricing.observing import observed_entries
    from serving.pricing.price_history import PriceHistory
    from serving.pricing.tables import create_tables
    from training.demand.sources import prepare_demand

    sources = prepare_demand(settings.storage, steps)
    clock = Clock(settings.features.clock, settings.storage.feast)
    engine = open_state(settings.storage.state_db)
    create_tables(engine)
    entries = observed_entries(
        sources.panel, lambda week: clock.to_wall_time(sources.cutoff(week)), settings.serving.currency
    )
    return PriceHistory(engine).observe(entries, datetime.now(UTC))


def show_first_suggestion(settings: Settings, steps: Steps) -> str:
    """Show a suggestion for the product that sells most of those that get one; gives its id. Nothing is stored."""
    from serving.pricing.local import local_pricing
    from serving.pricing.schemas import AskIn, PriceSuggestionsRequest

    with local_pricing(settings, steps) as (pricing, desk):
        known = desk.assortment
        best = known.product_ids[(-known.weekly_units[:, 0]).argsort(kind="stable")[:_TRIED]].tolist()
        items = tuple(AskIn(product_id=product_id) for product_id in best)
        request = PriceSuggestionsRequest(items=items, dry_run=True)
        answer = pricing.suggesting.suggest(request, lambda: desk, caller="demonstration", key=None)
    found = {one["product_id"]: one for one in answer["suggestions"]}
    changed = [product_id for product_id in best if product_id in found and _changes(found[product_id])]
    shown = (changed or [product_id for product_id in best if product_id in found])[0]
    show(_suggestion_facts(found[shown]), as_json=False, title="A price suggestion")
    return str(shown)


def _changes(suggestion: Mapping[str, Any]) -> bool:
    changes = suggestion["current_price"] != suggestion["suggested_price"]
    return bool(changes and suggestion["confidence"] >= _CONFIDENT)


def _suggestion_facts(suggestion: Mapping[str, Any]) -> dict[str, Any]:
    now, then = suggestion["current_price"], suggestion["suggested_price"]
    elasticity, forecast = suggestion["elasticity"], suggestion["forecast"]
    low, high = forecast["interval_80"]
    return {
        "product": suggestion["product_id"],
        "price": f"{now['amount']} -> {then['amount']} {then['currency']}",
        "units expected": f"{forecast['units']:.0f}, four times in five {low:.0f} to {high:.0f}",
        "elasticity": f"{elasticity['value']:.2f}, told by the {elasticity['source']}",
        "rules that stopped a better price": ", ".join(
            rule["code"] for rule in suggestion["guardrails"] if rule["binding"]
        ),
        "approval": ", ".join(suggestion["approval"]["reasons"]) if suggestion["approval"]["required"] else "automatic",
        "because": " ".join(suggestion["reasons"]),
        "personal data used": ", ".join(suggestion["personal_data_used"]) or "none",
    }


def _objective(name: str) -> "Objective":
    from serving.pricing.advice import OBJECTIVES

    for objective in OBJECTIVES:
        if objective == name:
            return objective
    raise ObjectiveUnknown(name=name, known=OBJECTIVES)
