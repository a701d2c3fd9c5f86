"""Measure the placements as served; by hand: `python tests/benchmarks/bench_placements.py ROOT`.

ROOT is a storage root on which `fairshelf demo` ran, for instance `var`. One product of each basket of the test window
is hidden, and has to be among the ten of the placement `basket`; the same baskets and hidden products as those of
`fairshelf bench recommend --task basket`, so the peers' figures there can be read beside these. The champion is taken
where it was trained before the window, and fitted anew otherwise. Then every placement is timed for those customers.
Prints JSON rows as `fairshelf bench --json` does; writes nothing under ROOT.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from configs.loading import load_settings
from configs.settings import RecommendSettings
from fairness.clearance import Clearance
from privacy.consent import ConsentLedger
from privacy.state import open_state
from serving.champion import Champion
from serving.choosing import Chooser
from serving.exploration import Explorer
from serving.placements import Situation
from serving.schemas_recommend import RecommendationsRequest
from serving.shelf import Shelf
from serving.stock import Stock
from training.contest.baskets import HiddenProducts
from training.contest.floor import Floor
from training.contest.ours import CHAMPION, fitted, rows_by_customer
from training.contest.wish import Wish
from training.intervals import Interval, mean_interval
from training.two_tower.scorer import Scorer

N_TIMED: Final = 400
K: Final = 10
Row = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True)
class Ours:
    """What answers."""

    champion: Champion
    chooser: Chooser
    settings: RecommendSettings

    def shown(self, request: RecommendationsRequest, row: dict[str, Any] | None) -> list[str]:
        """Give the products of one list."""
        shelf, rule = self.champion.shelf, self.settings.placements.of(request.placement)[1]
        basket, _ = shelf.positions(request.context.basket)
        situation = Situation.of(row, basket, request, rule, shelf)
        chosen = self.chooser.choose(request, self.champion, rule, situation, None, None)
        return [shelf.product_ids[pick.position] for pick in chosen.picks]


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="storage root of a finished demonstration")
    settings = load_settings("dev", [f"storage.root={parser.parse_args().root.resolve()}"])
    wish = Wish(settings, "basket", train_until=None, peers=[], version=CHAMPION, ours=True, tune=False)
    floor = Floor.prepare(wish, _say)
    scorer = fitted(floor.settings, floor.sources, CHAMPION, _say)
    torch.set_num_threads(1)
    recommend, lake, now = settings.serving.recommend, settings.storage.lake, lambda: datetime.now(UTC)
    with TemporaryDirectory() as folder:  # nobody is explored here, so no consent is looked up
        explorer = Explorer(recommend.exploration, ConsentLedger(open_state(Path(folder) / "state.db")), now)
    ours = Ours(_champion(scorer), Chooser(Stock(lake), explorer, recommend), recommend)
    baskets = floor.hidden(floor.holdout)
    rows = rows_by_customer(floor.sources, baskets.customer_ids.tolist())
    ids = np.asarray(floor.catalogue.product_ids)
    found = {
        "basket": _hits(ours, "basket", baskets, ids, rows),
        "basket, nobody known": _hits(ours, "basket", baskets, ids, lambda _: None),
        "home": _hits(ours, "home", baskets, ids, rows),
    }
    figures = [*_recalls(found, baskets), *_times(ours, baskets, ids, rows)]
    json.dump({"rows": figures}, sys.stdout, indent=2)


def _champion(scorer: Scorer) -> Champion:
    clearance = Clearance("two-tower", "", "", "", "", datetime.max.replace(tzinfo=UTC))
    shelf = Shelf.of(scorer.catalogue.product_ids, scorer.products)
    return Champion("two-tower", "", "", clearance, scorer, shelf, {}, {})


def _requests(
    placement: str, baskets: HiddenProducts, ids: npt.NDArray[np.str_], limit: int | None
) -> Iterator[RecommendationsRequest]:
    for row in range(len(baskets.hidden)):
        held = ids[baskets.held.indices[baskets.held.indptr[row] : baskets.held.indptr[row + 1]]].tolist()
        context = {"basket": held, "product_id": held[0]}
        asked = {"placement": placement, "limit": limit, "context": context}
        yield RecommendationsRequest.model_validate(asked)


def _hits(
    ours: Ours, placement: str, baskets: HiddenProducts, ids: npt.NDArray[np.str_], rows: Row
) -> npt.NDArray[np.float64]:
    """Tell for each customer the share of his baskets whose hidden product was shown."""
    requests = zip(_requests(placement, baskets, ids, K), baskets.customer_ids, ids[baskets.hidden], strict=True)
    hits = np.array([hidden in ours.shown(request, rows(customer)) for request, customer, hidden in requests])
    _, owner = np.unique(baskets.customer_ids, return_inverse=True)
    return np.bincount(owner, weights=hits) / np.bincount(owner)


def _recalls(found: dict[str, npt.NDArray[np.float64]], baskets: HiddenProducts) -> Iterator[dict[str, Any]]:
    home = found["home"]
    for name, shares in found.items():
        yield _figure(name, "basket.recall@10", float(shares.mean()), "", _interval(shares))
        yield _figure(name, "basket.recall@10 less home's", float((shares - home).mean()), "", _interval(shares - home))
    yield _figure("baskets", "baskets", len(baskets.hidden), "", None)


def _times(ours: Ours, baskets: HiddenProducts, ids: npt.NDArray[np.str_], rows: Row) -> Iterator[dict[str, Any]]:
    for placement in ours.settings.placements.named:
        requests = list(zip(_requests(placement, baskets, ids, None), baskets.customer_ids, strict=True))[:N_TIMED]
        milliseconds = list(_timed(ours, ((request, rows(customer)) for request, customer in requests)))
        for figure, share in (("p50", 0.5), ("p99", 0.99)):
            yield _figure(placement, f"one list, {figure}", float(np.quantile(milliseconds, share)), "ms", None)


def _timed(ours: Ours, asked: Iterable[tuple[RecommendationsRequest, dict[str, Any] | None]]) -> Iterator[float]:
    for request, row in asked:
        started = time.thread_time()
        ours.shown(request, row)
        yield 1e3 * (time.thread_time() - started)


def _interval(shares: npt.NDArray[np.float64]) -> Interval:
    return mean_interval(shares, n_resamples=2000, confidence=0.95, seed=0)


def _figure(name: str, figure: str, value: float, unit: str, interval: Interval | None) -> dict[str, Any]:
    return {"name": name, "figure": figure, "value": value, "unit": unit, "ratio_to": None, "ratio": None} | {
        "interval_95": interval
    }


def _say(step: str) -> None:
    print(step, file=sys.stderr)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
