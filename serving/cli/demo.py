"""`fairshelf demo`: everything on the real data set, from transactions to an answer over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from configs.settings import Settings
from serving.cli.audit import audit_version, said_of
from serving.cli.features import materialize_snapshot
from serving.cli.ingest import ingest_demonstration
from serving.cli.options import Overrides, Profile, settings_of
from serving.cli.output import Steps, say
from serving.cli.prices import observe_prices, show_first_suggestion
from serving.cli.promote import promote_version
from serving.cli.serve import serve
from serving.cli.train import show_demand, show_evaluation, train_demand_models, train_recommender

DEMO_CUSTOMER = "1"  # a customer of the demonstration data who granted personalisation


def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before serving.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
) -> None:
    """Ingest, build features, train, audit, promote and serve, on the Complete Journey data set."""
    settings = settings_of(profile, overrides)
    steps = Steps()
    took: dict[str, float] = {}
    with _timed("ingest", steps, took):
        ingest_demonstration(settings, steps)
    with _timed("recommender: features, training, evaluation", steps, took):
        trained = train_recommender(settings, None, False, steps)
    show_evaluation(trained.evaluation)
    with _timed("demand: panel, training, evaluation", steps, took):
        demand = train_demand_models(settings, None, False, steps)
    show_demand(demand.evaluation)
    say(trained.evaluation.provenance)
    with _timed("online store", steps, took):
        materialize_snapshot(settings, None, steps)
    trained_bundles = (("two-tower", trained.bundle), ("demand", demand.bundle))
    with _timed("fairness audits", steps, took):
        reports = {
            model: audit_version(settings, model, bundle.manifest.version, steps) for model, bundle in trained_bundles
        }
    with _timed("promotion", steps, took):
        for model, bundle in trained_bundles:
            promotion = promote_version(settings, model, bundle.manifest.version, steps)
            say(f"champion: {promotion.name} version {promotion.version}, {said_of(settings, reports[model])}")
    with _timed("price history, a price suggestion", steps, took):
        say(f"{observe_prices(settings, steps):,} prices put on record")
        show_first_suggestion(settings, steps)

    for name, seconds in took.items():
        say(f"{seconds:7.1f} s  {name}")
    say(f"{steps.seconds:7.1f} s  altogether")
    say(_next_step(settings, no_serve=no_serve))
    if not no_serve:
        serve(profile=profile, overrides=overrides)


@contextmanager
def _timed(name: str, steps: Steps, took: dict[str, float]) -> Iterator[None]:
    started = steps.seconds
    yield
    took[name] = steps.seconds - started


def _next_step(settings: Settings, *, no_serve: bool) -> str:
    keys = settings.storage.keys / "api_keys.txt"
    address = f"http://{settings.serving.host}:{settings.serving.port}"
    first = "start the service with `fairshelf serve`, then ask" if no_serve else "the service starts now; ask"
    return (
        f"\n{first} for recommendations from a second terminal:\n\n"
        f"curl -s {address}/v1/recommendations \\\n"
        f"  -H \"Authorization: Bearer $(awk '/^storefront/ {{print $2}}' {keys})\" \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"customer_id": "{DEMO_CUSTOMER}", "limit": 5, "explain": true}}\'\n'
    )
