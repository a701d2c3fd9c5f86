"""`fairshelf evaluate policy`: what another policy would have brought, from lists on record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, settings_of, utc_day
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from training.off_policy.estimators import PolicyEvaluation
    from training.off_policy.open_bandit import OpenBanditCheck

_LOOK_BACK: Final = timedelta(days=90)
_COLUMNS: Final = ("estimate", "per place", "interval", "over what was shown", "interval")


def policy(
    placement: Annotated[str, typer.Option("--placement", help="Where the lists stood.")] = "home",
    since: Annotated[
        str | None, typer.Option("--since", help="First day of lists judged, YYYY-MM-DD. Default: 90 days ago.")
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option("--lists", help="Lists of the policy to judge. Default: those on record with nothing drawn."),
    ] = None,
    open_bandit: Annotated[
        bool, typer.Option("--open-bandit", help="Check the estimators on the Open Bandit sample instead.")
    ] = False,
    open_bandit_files: Annotated[
        Path | None, typer.Option("--open-bandit-files", help="Folder or wheel of obp 0.4.1. Default: as installed.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Judge a policy by what followed the lists of another; exit code 3 where the record is too thin for a number."""
    settings = settings_of(profile, overrides)
    if open_bandit or open_bandit_files is not None:
        _check_open_bandit(settings, open_bandit_files, as_json=as_json)
        return
    from serving.off_policy.job import evaluate_policy

    now = datetime.now(UTC)
    evaluation = evaluate_policy(
        settings,
        since=utc_day(since) or now - _LOOK_BACK,
        placement=placement,
        lists_file=lists,
        now=now,
        progress=Steps(),
    )
    title = f"Purchases within {settings.evaluation.policy.reward_days} days, per place of a list for {placement}"
    _show_evaluation(evaluation, title, as_json=as_json)


def _check_open_bandit(settings: Settings, place: Path | None, *, as_json: bool) -> None:
    from training.off_policy.open_bandit import check

    found = check(settings.evaluation.policy, place)
    if as_json:
        show(found.model_dump(mode="json"), as_json=True)
        return
    _show_evaluation(
        found.evaluation, "Open Bandit sample: Thompson sampling, from the log of random places", as_json=False
    )
    say(_verdict(found))


def _verdict(found: "OpenBanditCheck") -> str:
    same = "the same" if found.agrees else "NOT the same"
    return (
        f"ips over the log's mean: {found.ratio:.6f}, its authors print {found.published}: {same}.\n"
        f"The reverse, random places from the log of Thompson sampling: {found.reverse}"
    )


def _show_evaluation(evaluation: "PolicyEvaluation", title: str, *, as_json: bool) -> None:
    if as_json:
        show(evaluation.model_dump(mode="json"), as_json=True)
        return
    rows = []
    for estimate in evaluation.estimates:
        ratio = "" if estimate.ratio is None else f"{estimate.ratio:.4f}"
        cells = (estimate.name, f"{estimate.value:.5f}", _span(estimate.interval, 5))
        rows.append((*cells, ratio, _span(estimate.ratio_interval, 4)))
    show_rows(_COLUMNS, rows, title=title)
    facts = evaluation.model_dump(exclude={"estimates", "notes"})
    show({name.replace("_", " "): value for name, value in facts.items()}, as_json=False)
    for note in evaluation.notes:
        say(f"Note: {note}")


def _span(interval: tuple[float, float] | None, places: int) -> str:
    return "" if interval is None else f"{interval[0]:.{places}f} to {interval[1]:.{places}f}"
