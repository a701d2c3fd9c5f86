"""`fairshelf experiment`: assign, read and rehearse experiments."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from training.experiments.contrasts import Contrast
    from training.experiments.rehearsal import Rate, Rehearsal
    from training.experiments.report import ExperimentReport

app = typer.Typer(help="Experiments: who gets which arm, and what may be concluded by now.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name under experiments.customers or experiments.switch_backs.")]

_CONTRASTS: Final = ("measure", "control", "difference", "interval, all looks", "relative", "p, all looks", "verdict")
_RATES: Final = ("effect", "called", "95% interval", "wrong way", "median day", "t-test every day", "t-test at the end")


@app.command("assign")
def assign(
    name: Name,
    customer_id: Annotated[
        str | None, typer.Option("--customer-id", help="The shop's own id: tell this customer's arm alone.")
    ] = None,
    store_id: Annotated[
        str | None, typer.Option("--store-id", help="A store or region: tell its arm in a switch-back.")
    ] = None,
    at: Annotated[
        datetime | None, typer.Option("--at", help="Time in the trading calendar, for a switch-back. Default: now.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV or Parquet file for all customers' pseudonyms and arms.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Tell who gets which arm; the same answer every time, with no list kept."""
    from configs.experiments import CustomerExperiment
    from training.experiments.jobs import declared, write_arms

    settings = settings_of(profile, overrides)
    found = declared(name, settings.experiments)
    if not isinstance(found, CustomerExperiment):
        facts = _store_arm(settings, name, store_id, at)
    elif customer_id is not None:
        facts = _customer_arm(settings, name, customer_id)
    else:
        facts = {**write_arms(settings, found, out), "written to": str(out) if out else "nowhere; use --out"}
    show(facts, as_json=as_json, title=f"Arms of {name}")


@app.command("report")
def report(name: Name, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say what an experiment shows by the newest whole day; it may be asked every day."""
    from training.experiments.jobs import report_experiment

    found = report_experiment(settings_of(profile, overrides), name)
    if as_json:
        show(found.model_dump(mode="json"), as_json=True)
        return
    _show_report(found)


@app.command("rehearse")
def rehearse(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Run made-up experiments on real customers' days: false alarms without an effect, power with one."""
    from training.experiments.jobs import rehearse_experiments

    settings = settings_of(profile, overrides)
    plan = settings.experiments.rehearsal
    Steps()(f"{plan.n_runs:,} experiments of {plan.days} days for each of {1 + len(plan.lifts)} effects")
    found = rehearse_experiments(settings)
    if as_json:
        show(found.model_dump(mode="json"), as_json=True)
        return
    _show_rehearsal(found)


def _customer_arm(settings: Settings, name: str, customer_id: str) -> dict[str, Any]:
    from privacy.pseudonyms import load_pseudonymizer
    from training.experiments.jobs import arm_of_customer

    pseudonym = load_pseudonymizer(settings.storage.keys, settings.privacy).pseudonym(customer_id)
    return {"arm": arm_of_customer(name, pseudonym, settings.experiments)}


def _store_arm(settings: Settings, name: str, store_id: str | None, at: datetime | None) -> dict[str, Any]:
    from training.experiments.jobs import arm_of_store

    if store_id is None:
        raise typer.BadParameter("a switch-back assigns stores: name one", param_hint="--store-id")
    return arm_of_store(name, store_id, at, settings)


def _show_report(found: "ExperimentReport") -> None:
    rows = [(*_cells(found.main), found.conclusion)]
    rows += [(*_cells(one.contrast), f"{one.verdict} (may lose {one.max_loss:.1%})") for one in found.guardrails]
    title = f"{found.name}: {found.n_days} of {found.planned_days} days, through {found.through}; per {found.main.per}"
    show_rows(_CONTRASTS, rows, title=title)
    called = found.main.called_on
    facts = {
        "control, treatment": f"{found.units[0]:,}, {found.units[1]:,}",
        "p of these sizes": "each store is in both" if found.ratio_p is None else f"{found.ratio_p:.3f}",
        "called on": called or "not yet",
        "found by the end": "unknown" if found.detectable is None else f"±{found.detectable:.1%} in half of all cases",
    }
    show(facts, as_json=False)


def _cells(contrast: "Contrast") -> tuple[str, ...]:
    low, high = contrast.interval
    relative = "" if contrast.relative is None else f"{contrast.relative:+.2%}"
    numbers = (f"{contrast.control:.4f}", f"{contrast.difference:+.4f}", f"{low:+.4f} to {high:+.4f}")
    return (contrast.measure, *numbers, relative, f"{contrast.p_value:.4f}")


def _show_rehearsal(found: "Rehearsal") -> None:
    span = f"{found.days} days, {found.customers[0].n_runs:,} runs each"
    _show_rates(found.customers, f"{found.n_customers:,} customers looked at daily, {span}")
    _show_rates(found.stores, f"{found.n_stores:,} stores that switch by days, looked at by pairs of them, {span}")
    say("Windows of days, and customers, are drawn anew for every run; effects are planted as a share of spend.")


def _show_rates(rates: Sequence["Rate"], title: str) -> None:
    rows = []
    for rate in rates:
        low, high = rate.called_interval
        day = "" if rate.median_day is None else f"{rate.median_day:g}"
        effect = "none" if rate.lift == 0 else f"{rate.lift:+.0%}"
        called = (f"{rate.called:.1%}", f"{low:.1%} to {high:.1%}", f"{rate.worse:.1%}", day)
        rows.append((effect, *called, f"{rate.called_naively:.1%}", f"{rate.called_at_end:.1%}"))
    show_rows(_RATES, rows, title=title)
