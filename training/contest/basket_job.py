"""The contest of baskets as a job: who completes them, tuned on the baskets of the validation days."""

from collections.abc import Callable
from functools import cache

import numpy as np

from configs.bench import GridSettings
from training.benchmarks import machine_facts, package_versions
from training.contest.baskets import FIGURE, Completion, HiddenProducts, run_completion
from training.contest.floor import Floor
from training.contest.judged import judged_rows
from training.contest.lists import PACKAGES
from training.contest.ours import ScorerCompleter, fitted, rows_by_customer
from training.contest.result import Contest
from training.contest.wish import Progress, Wish
from training.peers.baskets import BasketCompleter, BasketCosine, BasketFrequency, BasketPopularity, CoOccurrence
from training.splits import Holdout
from training.two_tower.recommender import MODEL_NAME
from training.two_tower.scorer import Scorer


def run_baskets(wish: Wish, progress: Progress) -> Contest:
    """Compare ours with the peers by the products that they find again in baskets, on the same lines.

    Args:
        wish: What is asked for.
        progress: Told each step in words.

    Raises:
        As `run_lists`.
    """
    floor = Floor.prepare(wish, progress)
    baskets = floor.hidden(floor.holdout)
    contenders = completions(floor)
    if wish.ours:
        contenders = [*_our_completions(floor, baskets, progress), *contenders]
    entries = []
    for contender in contenders:
        progress(f"{contender.title}: tuning, fitting and completing {len(baskets.hidden):,} baskets")
        entries.append(run_completion(contender, baskets, lambda: floor.hidden(Holdout(*floor.validation_window))))
    evaluation = floor.settings.evaluation
    return Contest(
        rows=tuple(judged_rows(entries, n_resamples=evaluation.n_bootstrap, seed=evaluation.seed)),
        machine=machine_facts(),
        versions=package_versions(PACKAGES),
        discipline="basket",
        n_judged=len(np.unique(baskets.customer_ids)),
        judged_by=FIGURE,
        notes=_notes(baskets),
        methods=tuple(entry.method for entry in entries),
        **floor.facts(),
    )


def _our_completions(floor: Floor, baskets: HiddenProducts, progress: Progress) -> list[Completion]:
    @cache
    def scorer() -> Scorer:
        return fitted(floor.settings, floor.sources, floor.wish.version, progress)

    rows = rows_by_customer(floor.sources, baskets.customer_ids.tolist())
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


def completions(floor: Floor) -> list[Completion]:
    """List the peers that complete baskets."""
    bench = floor.settings.bench
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
        recorded=floor.recorded(name, ("basket",)),
        window=floor.validation_window,
    )


def _notes(baskets: HiddenProducts) -> tuple[str, ...]:
    return (
        f"{len(baskets.hidden):,} baskets of {len(np.unique(baskets.customer_ids)):,} customers who agreed to "
        "personalisation; one product of each was hidden at random and had to be among ten.",
        "Recall is averaged over each customer's baskets, then over customers; intervals of 95% resample customers.",
        "What is known of a customer is known before the cut-off, whenever in the window the basket was bought.",
        "Memory is the whole process's, data and libraries included; times are processor time.",
    )
