"""`fairshelf refresh`: a champion that data, consents or age have overtaken is trained again and challenged."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.settings import Settings
from fairness.errors import PromotionRefused
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import Steps, say, show, show_rows
from serving.cli.promote import promote_version
from serving.cli.train import model_entry

if TYPE_CHECKING:
    from training.drift import Drift
    from training.refreshing import Challenge

Facts = dict[str, Any]


class Model(StrEnum):
    """The models that can be refreshed."""

    TWO_TOWER = "two-tower"
    DEMAND = "demand"


_COLUMNS = ("model", "side", "figure", "index", "at training", "today")


def refresh(
    model: Annotated[list[Model] | None, typer.Option("--model", help="May be repeated. Default: all.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Train although nothing changed.")] = False,
    no_promote: Annotated[
        bool, typer.Option("--no-promote", help="Train and compare, and leave the champion.")
    ] = False,
    drift: Annotated[bool, typer.Option("--drift", help="Measure drift alone; train nothing.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train models that are due, compare each with its champion on the same rows, and promote through the gate.

    Nothing is done while the lake and the consents are those that the champion learnt from and it is young enough.
    Exit code 3 and all reasons when the gate refuses a challenger; its champion then goes on serving.
    """
    settings, steps = settings_of(profile, overrides), Steps()
    names = [one.value for one in model or Model]
    if drift:
        show_drift([drift_of(settings, name, steps) for name in names], as_json=as_json)
        return
    require_space(settings.storage)
    refusals: list[PromotionRefused] = []
    found = {}
    for name in names:
        found[name], refused = refresh_model(settings, name, steps, force=force, no_promote=no_promote)
        refusals += [refused] if refused else []
    _show(found, as_json=as_json)
    if refusals:
        _say_next(found)
        raise refusals[0]


def refresh_model(
    settings: Settings, name: str, steps: Steps, *, force: bool, no_promote: bool
) -> tuple[Facts, PromotionRefused | None]:
    """Refresh one model: what came of it, and the gate's refusal if there was one.

    Raises:
        LakeMissing: If nothing was ingested yet.
        BudgetExceeded: If a champion that promises privacy cannot be followed by another.
    """
    from training.refresh_jobs import job_of
    from training.refreshing import challenge, checks_against

    entry, job = model_entry(name), job_of(name)
    found = challenge(job, settings, entry=entry, force=force, now=_now(), progress=steps)
    facts = facts_of(found)
    if found.challenger is None or no_promote:
        return facts | _drifted(settings, name, steps), None
    try:
        more = checks_against(found, settings.refresh)
        promotion = promote_version(settings, name, found.challenger, steps, more=more)
    except PromotionRefused as refused:
        return facts | {"state": "refused", "refused": list(refused.reasons)}, refused
    state = "promoted" if promotion.changed else "champion already"
    return facts | {"state": state} | _drifted(settings, name, steps), None


def facts_of(found: "Challenge") -> Facts:
    """Write down what a refresh found before the gate."""
    margins = found.comparison.margins if found.comparison else ()
    state = "nothing to do" if found.challenger is None else "not promoted"
    return {
        "state": state,
        "champion": found.champion,
        "reasons": list(found.reasons),
        "challenger": found.challenger,
        "trained": found.trained,
        "comparison": [vars(margin) for margin in margins],
    }


def drift_of(settings: Settings, name: str, steps: Callable[[str], None]) -> "Drift":
    """Measure how far a champion's inputs and answers have moved since its training, and keep the result.

    Raises:
        NoChampion: If nothing was promoted yet.
    """
    from serving.drifting import measure_drift
    from training.artifact import load_champion

    return measure_drift(load_champion(settings.storage.bundles, name), settings, now=_now(), progress=steps)


def show_drift(drifts: "list[Drift]", *, as_json: bool) -> None:
    """Show every figure, furthest moved first."""
    if as_json:
        show({drift.model: drift.model_dump(mode="json") for drift in drifts}, as_json=True)
        return
    for drift in drifts:
        shifts = sorted(drift.shifts, key=lambda shift: -(shift.psi or 0))
        rows = [
            [drift.model, shift.side, shift.figure, *map(_number, (shift.psi, shift.before, shift.today))]
            for shift in shifts
        ]
        show_rows(_COLUMNS, rows, title=f"{drift.before:%Y-%m-%d} and {drift.today:%Y-%m-%d}")
        for note in drift.notes:
            say(note)


def _drifted(settings: Settings, name: str, steps: Steps) -> Facts:
    """Measure drift of whatever is champion now, and name what passed the alarm."""
    from training.errors import NoChampion

    try:
        drift = drift_of(settings, name, steps)
    except NoChampion:
        return {"drifted": []}
    return {"drifted": [f"{shift.side}: {shift.figure}, {shift.psi:.2f}" for shift in drift.drifted]}


def _show(found: dict[str, Facts], *, as_json: bool) -> None:
    if as_json:
        show(found, as_json=True)
        return
    for name, facts in found.items():
        told = {key: "; ".join(map(str, value)) if isinstance(value, list) else value for key, value in facts.items()}
        told["comparison"] = "; ".join(
            f"{margin['measure']} {margin['gain']:+.1%} [{margin['low']:+.1%}, {margin['high']:+.1%}]"
            for margin in facts["comparison"]
        )
        show({key: value for key, value in told.items() if value not in (None, "")}, as_json=False, title=name)


def _say_next(found: dict[str, Facts]) -> None:
    """Say what can be done about each refusal; on standard error, the result may be read by a program."""
    steps = Steps()
    for name, facts in found.items():
        if facts["state"] == "refused":
            steps(
                f"{name}: the champion is unchanged; `fairshelf audit {name}@{facts['challenger']}` shows the report. "
                f"Once the reasons below are settled, `fairshelf refresh --model {name}` takes the version up again"
            )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _now() -> datetime:
    return datetime.now(UTC)
