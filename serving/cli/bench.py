"""`fairshelf bench`: the benchmarks of the README, with the peers side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, TradingDay, require_space, settings_of, trading_day, utc_day
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from training.benchmarks import Benchmark, BenchmarkRow
    from training.contest.result import Contest

app = typer.Typer(help="Benchmarks, with the peers side by side.", no_args_is_help=True)

_COLUMNS = ("name", "figure", "value", "compared with", "ratio", "95% interval")


@app.callback()  # without one, typer drops the word of a group's only command
def _benchmarks() -> None:
    """Benchmarks, with the peers side by side."""


@app.command("demand")
def demand(
    products: Annotated[
        int | None,
        typer.Option("--products", min=10, help="Products compared. Default: demand.evaluation.max_products."),
    ] = None,
    train_until: TradingDay = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Fit the forecaster and its peers on the same weeks and products, and judge what they said of the weeks after."""
    from training.demand.benchmark_job import run_demand_benchmark

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    benchmark, evaluation = run_demand_benchmark(
        settings, train_until=trading_day(train_until), n_products=products, progress=Steps()
    )
    span = f"{evaluation.n_products} products, known to {evaluation.train_until:%Y-%m-%d %H:%M} UTC"
    show_benchmark(benchmark, title=f"Demand: {span}", as_json=as_json)


@app.command("recommend")
def recommend(
    train_until: Annotated[
        str | None,
        typer.Option(
            "--train-until",
            "--cutoff",
            help="Cut-off, YYYY-MM-DD: purchases from midnight UTC of that day on judge, those before it teach.",
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option("--task", help="What is compared: lists, basket (completing them), or cold (what has no past)."),
    ] = "lists",
    peers: Annotated[
        str | None,
        typer.Option("--peers", help="Names of peers with commas between them, or none. Default: all; lists only."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Train ours as this version, or the champion, was; one of these very rows is taken as it is.",
        ),
    ] = None,
    ours: Annotated[bool, typer.Option("--ours/--no-ours", help="Whether ours takes part beside the peers.")] = True,
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune the peers anew, though bench.tuned records what earlier tuning chose.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for figures, page and picture. Default: under storage.root.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train ours and the peers on the same purchases, peers tuned before the cut-off, and judge by what followed."""
    from training.contest.files import write_contest
    from training.contest.job import run_contest
    from training.contest.result import discipline_of
    from training.contest.wish import Wish

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    wish = Wish(
        settings=settings,
        task=discipline_of(task),
        train_until=utc_day(train_until),
        peers=None if peers is None else [name for name in peers.split(",") if name not in ("", "none")],
        version=version,
        ours=ours,
        tune=tune,
    )
    contest = run_contest(wish, Steps())
    folder = out or settings.storage.reports / "benchmarks" / f"{task}-{contest.train_until:%Y-%m-%d}"
    page = write_contest(contest, folder)
    show_contest(contest, page, as_json=as_json)


def show_contest(contest: "Contest", page: Path, *, as_json: bool) -> None:
    """Show a contest as tables with its notes; as JSON in the form of the contract and what is recorded beside it."""
    from training.contest.tables import tables

    if as_json:
        show(contest.model_dump(mode="json"), as_json=True)
        return
    for table in tables(contest):
        show_rows(table.columns, table.rows, title=table.title)
    for note in contest.notes:
        say(note)
    say(f"written to {page.parent}")


def show_benchmark(benchmark: "Benchmark", *, title: str, as_json: bool) -> None:
    """Show rows, machine and versions; as JSON in the form of the contract."""
    if as_json:
        show(benchmark.model_dump(mode="json"), as_json=True)
        return
    show_rows(_COLUMNS, [_cells(row) for row in benchmark.rows], title=title)
    machine = benchmark.machine
    say(f"{machine['processor']}, {machine['n_cpus']} processors, {machine['memory_gb']} GB")
    say(", ".join(f"{name} {version}" for name, version in benchmark.versions.items()))


def _cells(row: "BenchmarkRow") -> list[str]:
    interval = "" if row.interval_95 is None else f"{row.interval_95[0]:.4f} to {row.interval_95[1]:.4f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.4f}"
    return [row.name, row.figure, f"{row.value:.4f} {row.unit}".strip(), row.ratio_to or "", ratio, interval]
