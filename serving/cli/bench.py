"""`fairshelf bench`: the benchmarks of the README, with the peers side by side."""

from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, TradingDay, require_space, settings_of, trading_day
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from training.benchmarks import Benchmark, BenchmarkRow

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
