"""The jobs behind `fairshelf bench recommend`: lists for customers, and the completion of baskets."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

import numpy as np

from configs.bench import GridSettings
from configs.settings import Settings
from training.baselines import Recommender
from training.benchmarks import machine_facts, package_versions
from training.contest.baskets import FIGURE, Completion, HiddenProducts, completion_rows, run_completion
from training.contest.contenders import Contender, peer_contender
from training.contest.floor import Floor
from training.contest.lists import PACKAGES, hold
from training.contest.ours import ScorerCompleter, fitted, recommender_of, rows_by_customer, with_recipe
from training.contest.result import Contest, Discipline
from training.lineage import provenance
from training.peers.baskets import BasketCompleter, BasketCosine, BasketFrequency, BasketPopularity, CoOccurrence
from training.peers.line_up import line_up
from training.peers.tuning import Tuned
from training.two_tower.jobs import prepare_run
from training.two_tower.recommender import MODEL_NAME
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources

Progress = Callable[[str], None]


def run_contest(
    settings: Settings,
    *,
    task: Discipline,
    train_until: datetime | None,
    peers: Sequence[str] | None,
    version: str | None,
    progress: Progress,
) -> Contest:
    """Hold a contest of lists or of baskets; see `run_lists` and `run_baskets`. Baskets have peers of their own."""
    if task == "lists":
        return run_lists(settings, train_until=train_until, peers=peers, version=version, progress=progress)
    return run_baskets(settings, train_until=train_until, version=version, progress=progress)


def run_lists(
    settings: Settings,
    *,
    train_until: datetime | None,
    peers: Sequence[str] | None,
    version: str | None,
    progress: Progress,
) -> Contest:
    """Compare ours with the peers by their lists, all fitted on the same lines before a cut-off.

    Args:
        settings: All sections.
        train_until: Cut-off; None holds `evaluation.test_weeks` back at the end of the data.
        peers: Names of peers; None takes all, an empty list none.
        version: Whose recipe ours is trained by: a version's number or `champion`; None takes today's settings. A
            version that was trained on these very rows is taken as it is, and its cost of fitting is that of loading.
        progress: Told each step in words.

    Raises:
        PeerUnknown: If there is no peer of a name.
        NoChampion, BundleMissing, RecipeUnrecorded, RecipeOutdated: If there is no such recipe.
        TestWindowUnavailable, LakeMissing, CatalogueEmpty, NobodyToJudge: If the data does not suffice.
    """
    chosen = line_up(peers, settings.bench)
    settings = with_recipe(settings, version)
    holdout, sources = prepare_run(
        settings, train_until=train_until, test_weeks=settings.evaluation.test_weeks, progress=progress
    )
    floor = Floor(settings, holdout, sources)
    progress("baskets: counting for the peers")
    contenders = [_ours(settings, sources, floor, version, progress)]
    contenders += [peer_contender(peer, floor.data, floor.validation) for peer in chosen]
    return hold(contenders, floor.ground(), settings.evaluation, progress=progress)


def run_baskets(
    settings: Settings, *, train_until: datetime | None, version: str | None, progress: Progress
) -> Contest:
    """Compare ours with the peers by the products that they find again in baskets, on the same lines.

    Args:
        settings: All sections.
        train_until: Cut-off; None holds `evaluation.test_weeks` back at the end of the data.
        version: Whose recipe ours is trained by: a version's number or `champion`; None takes today's settings. A
            version that was trained on these very rows is taken as it is, and its cost of fitting is that of loading.
        progress: Told each step in words.

    Raises:
        As `run_lists`.
    """
    settings = with_recipe(settings, version)
    holdout, sources = prepare_run(
        settings, train_until=train_until, test_weeks=settings.evaluation.test_weeks, progress=progress
    )
    floor = Floor(settings, holdout, sources)
    baskets = floor.hidden(holdout)
    validation = floor.hidden(floor.validation.test_set.holdout)
    entries = []
    for contender in [
        *_our_completions(settings, sources, floor, baskets, version, progress),
        *_completions(settings, floor),
    ]:
        progress(f"{contender.title}: tuning, fitting and completing {len(baskets.hidden):,} baskets")
        entries.append(run_completion(contender, baskets, validation))
    return Contest(
        rows=tuple(
            completion_rows(entries, n_resamples=settings.evaluation.n_bootstrap, seed=settings.evaluation.seed)
        ),
        machine=machine_facts(),
        versions=package_versions(PACKAGES),
        discipline="basket",
        train_until=holdout.train_until,
        test_end=holdout.test_end,
        data_snapshot_digest=sources.lake.manifest.snapshot_digest,
        provenance=provenance(sources.lake.manifest.source),
        n_products=len(floor.catalogue),
        n_judged=len(np.unique(baskets.customer_ids)),
        judged_by=FIGURE,
        notes=_basket_notes(baskets),
        methods=tuple(entry.method for entry in entries),
    )


def _ours(settings: Settings, sources: Sources, floor: Floor, version: str | None, progress: Progress) -> Contender:
    def fit(_: Tuned) -> Recommender:
        return recommender_of(fitted(settings, sources, version, progress), sources, floor.catalogue)

    return Contender(MODEL_NAME, "two-tower" if version is None else f"two-tower, {version}", fit, ours=True)


def _our_completions(
    settings: Settings,
    sources: Sources,
    floor: Floor,
    baskets: HiddenProducts,
    version: str | None,
    progress: Progress,
) -> list[Completion]:
    @cache
    def scorer() -> Scorer:
        return fitted(settings, sources, version, progress)

    rows = rows_by_customer(sources, baskets.customer_ids.tolist())
    alone, personal = f"{MODEL_NAME}-basket", f"{MODEL_NAME}-customer"
    return [
        Completion(
            alone,
            "two-tower, basket alone",
            lambda _: ScorerCompleter(scorer(), alone, floor.catalogue, None),
            ours=True,
        ),
        Completion(
            personal,
            "two-tower, basket and customer",
            lambda _: ScorerCompleter(scorer(), personal, floor.catalogue, rows),
            ours=True,
        ),
    ]


def _completions(settings: Settings, floor: Floor) -> list[Completion]:
    bench = settings.bench
    peers: tuple[tuple[str, str, Callable[..., BasketCompleter], GridSettings], ...] = (
        (BasketPopularity.name, "popularity", BasketPopularity, bench.popularity),
        (BasketFrequency.name, "personal frequency", BasketFrequency, bench.personal_frequency),
        (CoOccurrence.name, "co-occurrence", CoOccurrence, bench.co_occurrence),
        (BasketCosine.name, "item-item cosine of baskets", BasketCosine, bench.basket_cosine),
    )
    return [_completion(name, title, make, grid, floor) for name, title, make, grid in peers]


def _completion(
    name: str, title: str, make: Callable[..., BasketCompleter], grid: GridSettings, floor: Floor
) -> Completion:
    return Completion(
        name,
        title,
        lambda point: make(floor.data, **point),
        tuple(grid.points()),
        lambda point: make(floor.validation_data, **point),
    )


def _basket_notes(baskets: HiddenProducts) -> tuple[str, ...]:
    return (
        f"{len(baskets.hidden):,} baskets of {len(np.unique(baskets.customer_ids)):,} customers who agreed to "
        "personalisation; one product of each was hidden at random and had to be among ten.",
        "Recall is averaged over each customer's baskets, then over customers; intervals of 95% resample customers.",
        "What is known of a customer is known before the cut-off, whenever in the window the basket was bought.",
        "Memory is the whole process's, data and libraries included; times are processor time.",
    )
