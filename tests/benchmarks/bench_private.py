"""What privacy costs recommendations; by hand: `python tests/benchmarks/bench_private.py ROOT --cutoff 2017-12-04`.

ROOT is a storage root with a lake, consents and features, for instance `var`; missing feature snapshots are added to
it, nothing else is written, and no budget is charged: the noise comes from seeds, and what is fitted is thrown away.
Every method ranks everybody as served at the cut-off, judged by the purchases of the `--weeks` after it:

- private: counts and training at a target epsilon, everything included;
- dp popularity: recent buyers alone, released with the whole epsilon; nothing is trained. One list for all of new
  products, and one's own history for `all`. It ships below `min_epsilon_to_train`;
- twin: the same model from exact counts, unclipped gradients and no noise;
- popularity: exact recent buyers.

Means over customers, averaged over seeds; intervals resample customers, the same for both methods compared. Prints a
JSON object: `settings`, `scores`, and the `ratios` of private to the others.

How the settings of `two_tower.private` were chosen: on novel NDCG@20 at the cut-offs 2017-09-11, 2017-10-09, 2017-11-06
(four weeks each) and 2017-11-20 (two), all of which end by 2017-12-04, with quick versions of the same formulas, exact
counts and made-up noise. Compared were half-lives of popularity and first purchases (20 and 30, 20 and 60, 30 and 60
days; `first_share` 0.6, 1), `max_count_norm` 2, 3, 4, vocabularies of 100 to 1,000, ten levels of content and these
six, `adapter_share` 0.6 and 1 (the last two comparisons at two of the cut-offs). The weights of the two signals are
means of fits to exact counts. Steps, sampling, learning rate, clipping norm and `share_on_counts` were set once and not
tuned. The test cut-off was scored once with the settings that ship; earlier models had been looked at there. The
customers are the same at all cut-offs, and these looks are not in the ledger.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from configs.loading import load_settings
from configs.settings import PrivateTrainingSettings, Settings
from features.store import Store
from privacy.randomness import Floats, SeededRandomness
from privacy.releases import bounded_sums
from training.baselines import Task
from training.evaluation import TestSet, build_test_set, mark_hits, rank_as_served
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.intervals import bootstrap_means, percentile_interval
from training.metrics import ndcg_at_k, recall_at_k
from training.splits import Holdout, bought_before
from training.two_tower.backtest import ServedFallback
from training.two_tower.fit import TrainingData, snapshot_times
from training.two_tower.private_charge import ChargedRun, KeptCounts
from training.two_tower.private_content import PublicContent, public_catalogue, public_products
from training.two_tower.private_examples import counted_entries
from training.two_tower.private_fit import PrivateFit
from training.two_tower.private_plan import PrivatePlan, private_plan
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources

METRICS: Final = {"ndcg@10": (ndcg_at_k, 10), "ndcg@20": (ndcg_at_k, 20), "recall@100": (recall_at_k, 100)}
K: Final = 100
UNBOUNDED: Final = 1e6  # a norm that nobody reaches
EXACT_STD: Final = 0.5  # what exact counts are smoothed by, customers
Values = dict[tuple[Task, str], npt.NDArray[np.float64]]


class Silent(SeededRandomness):
    """Samples like any other and adds no noise."""

    def gaussian(self, n: int) -> Floats:
        """Draw zeros."""
        return np.zeros(n)


@dataclass(frozen=True)
class Uncharged:
    """Stands in for a run with a budget: nothing is charged, nothing is kept."""

    given: KeptCounts | None = None
    checkpoint: None = None
    began_to_train: bool = False

    def access(self) -> None:
        """Charge nothing."""

    def counts(self) -> KeptCounts | None:
        """Give the counts that a twin starts from."""
        return self.given

    def keep(self, counts: KeptCounts) -> None:
        """Keep nothing."""


class RememberingStore:
    """The feature store, asked for each table once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, int, datetime], pa.Table] = {}

    def historical(self, entities: pd.DataFrame, service: str) -> pa.Table:
        """Join, or remember."""
        key = (service, len(entities), entities["event_timestamp"].iloc[0])
        if key not in self._known:
            self._known[key] = self._store.historical(entities, service)
        return self._known[key]


class Bench:
    """One cut-off, with what all methods share."""

    def __init__(self, settings: Settings, cutoff: datetime, weeks: int, tasks: Sequence[Task]) -> None:
        self.settings, self.cutoff, self.tasks = settings, cutoff, tasks
        moments = snapshot_times(cutoff, settings.features, settings.two_tower)
        self.sources: Sources = prepare_sources(settings.storage, settings.features, cutoff, moments, lambda _: None)
        products = public_products(self.sources.lake)
        self.content = PublicContent.of(products, settings.two_tower.private.content_dim)
        self.catalogue = public_catalogue(products)
        holdout = Holdout(cutoff, cutoff + timedelta(weeks=weeks))
        consents = self.sources.consents
        self.test_set: TestSet = build_test_set(self.sources.purchases, self.catalogue, holdout, consents.personal)
        ids = self.test_set.customer_ids.tolist()
        self.histories = from_arrow(customer_rows(self.sources.store, ids, [cutoff]), self.catalogue)
        self.bought = bought_before(self.sources.purchases, self.catalogue, ids, cutoff)
        purchases = self.sources.training_purchases
        store = cast("Store", RememberingStore(self.sources.store))
        self.data = TrainingData(store, purchases, sorted(purchases["customer_id"].unique()), cutoff)

    def fitted(
        self, private: PrivateTrainingSettings, plan: PrivatePlan, randomness: SeededRandomness, run: Uncharged
    ) -> Scorer:
        """Fit by the production code."""
        two_tower = self.settings.two_tower.model_copy(update={"private": private})
        fit = PrivateFit(
            data=self.data,
            content=self.content,
            features=self.settings.features,
            settings=two_tower,
            plan=plan,
            run=cast("ChargedRun", run),
            progress=lambda _: None,
            randomness=randomness,
        )
        return fit.fit().scorer

    def private(self, private: PrivateTrainingSettings, seed: int) -> Scorer:
        """Fit within a plan."""
        return self.fitted(private, private_plan(private), SeededRandomness(seed), Uncharged())

    def twin(self, private: PrivateTrainingSettings, seed: int, *, train: bool = True) -> Scorer:
        """Fit without noise and clipping."""
        entries = counted_entries(self.data.purchases, self.catalogue, self.data.customer_ids, self.cutoff, private)
        sums = bounded_sums(*entries, n_columns=2 * len(self.catalogue), max_norm=UNBOUNDED)
        plan = private_plan(private.model_copy(update={"min_epsilon_to_train": 0.0}))
        assert plan.training is not None
        training = replace(plan.training, max_grad_norm=UNBOUNDED) if train else None
        counts = KeptCounts(sums, EXACT_STD, secure=False)
        return self.fitted(private, replace(plan, training=training), Silent(seed), Uncharged(counts))

    def values(self, scorer: Scorer) -> Values:
        """Score every judged customer: (C,) by task and metric, NaN where nothing is relevant."""
        model = TwoTowerRecommender(scorer, self.test_set.customer_ids.tolist(), self.histories, self.bought)
        found: Values = {}
        for task in self.tasks:
            fallback = ServedFallback(scorer, model)
            positions, _ = rank_as_served(model, fallback, self.test_set, task=task, k=K)
            relevant = self.test_set.relevant[task]
            hits, n_relevant = mark_hits(positions, relevant), np.asarray(relevant.sum(axis=1), dtype=np.int64)
            for metric, (measure, k) in METRICS.items():
                values = measure(hits, n_relevant, k)
                found[task, metric] = np.where(self.test_set.judged, values, np.nan)
        return found


def main() -> None:
    """Fit, judge, compare, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split(";")[0])
    parser.add_argument("root", type=Path, help="storage root with a lake and features; snapshots may be added to it")
    parser.add_argument("--cutoff", type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC), required=True)
    parser.add_argument("--weeks", type=int, default=4, help="of purchases that judge")
    parser.add_argument("--epsilon", type=float, nargs="+", default=[3.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=("novel", "all"), default=["novel", "all"])
    parser.add_argument("--set", nargs="*", default=[], help="settings to change, like two_tower.private.steps=50")
    asked = parser.parse_args()
    settings = load_settings("dev", [f"storage.root={asked.root}", *asked.set])
    bench = Bench(settings, asked.cutoff, asked.weeks, asked.tasks)
    methods = compared(bench, settings.two_tower.private, asked.epsilon, range(asked.seeds))
    report = {
        "settings": settings.two_tower.private.model_dump(),
        "cutoff": f"{asked.cutoff:%Y-%m-%d}",
        "weeks": asked.weeks,
        "seeds": asked.seeds,
        "scores": {name: means(values) for name, values in methods.items()},
        "ratios": ratios(methods, asked.epsilon, settings),
    }
    json.dump(report, sys.stdout, indent=1)


def compared(
    bench: Bench, private: PrivateTrainingSettings, epsilons: Sequence[float], seeds: Sequence[int]
) -> dict[str, Values]:
    """Give every method's values by customer, averaged over seeds."""

    def of(name: str, scorers: Sequence[Any]) -> tuple[str, Values]:
        started = time.perf_counter()
        each = [bench.values(make()) for make in scorers]
        took = (time.perf_counter() - started) / len(each)
        averaged = {key: np.mean([values[key] for values in each], axis=0) for key in each[0]}
        sys.stderr.write(f"{name}: {means(averaged)}, {took:.0f} s a seed\n")
        return name, averaged

    found = dict(
        [
            of("popularity", [lambda: bench.twin(private, 0, train=False)]),
            of("twin", [lambda seed=seed: bench.twin(private, seed) for seed in seeds]),
        ]
    )
    for target in epsilons:
        spent = {"target_epsilon": target}
        whole = spent | {"min_epsilon_to_train": np.inf}
        variants = {
            "dp popularity": private.model_copy(update=whole),
            "private": private.model_copy(update=spent | {"min_epsilon_to_train": 0.0}),
        }
        for name, changed in variants.items():
            makers = [lambda seed=seed, changed=changed: bench.private(changed, seed) for seed in seeds]
            found |= dict([of(f"{name}, epsilon {target:g}", makers)])
    return found


def means(values: Values) -> dict[str, float]:
    """Average over customers."""
    return {f"{task} {metric}": round(float(np.nanmean(of)), 4) for (task, metric), of in values.items()}


def ratios(methods: Mapping[str, Values], epsilons: Sequence[float], settings: Settings) -> list[dict[str, Any]]:
    """Divide the private model's mean by each other method's, with paired intervals of ratio and difference."""
    rows = []
    evaluation = settings.evaluation
    for target in epsilons:
        ours = methods[f"private, epsilon {target:g}"]
        for name in (f"dp popularity, epsilon {target:g}", "twin", "popularity"):
            for (task, metric), mine in ours.items():
                pair = np.column_stack([mine, methods[name][task, metric]])
                drawn = bootstrap_means(pair, n_resamples=evaluation.n_bootstrap, seed=evaluation.seed)
                low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], evaluation.confidence)
                gain = percentile_interval(drawn[:, 0] - drawn[:, 1], evaluation.confidence)
                ratio = float(np.nanmean(mine) / np.nanmean(pair[:, 1]))
                rows.append(
                    {
                        "epsilon": target,
                        "to": name,
                        "figure": f"{task} {metric}",
                        "ratio": round(ratio, 4),
                        "ratio_interval": [round(low, 4), round(high, 4)],
                        "gain_interval": [round(end, 5) for end in gain],
                    }
                )
    return rows


if __name__ == "__main__":
    main()
