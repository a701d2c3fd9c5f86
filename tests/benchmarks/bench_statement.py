"""Measure what the privacy statement adds to an answer; by hand: `python tests/benchmarks/bench_statement.py ROOT`.

ROOT is a storage root on which `fairshelf demo` ran, for instance `var`. Loads its champion as the server does and
answers the same requests with and without the statement in the `model` block, in turn, so that both see the same
machine. Prints JSON rows as `fairshelf bench --json` does: the work of one answer without the network, with a 95%
interval of the difference by resampling pairs. Decisions are recorded under ROOT.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.loading import load_settings
from serving.assembly import assemble
from serving.champion import Champion
from serving.exchange import as_json
from serving.recommend import Recommender
from serving.schemas_recommend import RecommendationsRequest

N_PAIRS: Final = 4000
N_WARM: Final = 200
N_CUSTOMERS: Final = 400  # the demonstration numbers its customers from 1
N_DRAWS: Final = 2000
ADDED: Final = ("statement", "statement_digest")


def main() -> None:
    """Answer in pairs and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="storage root of a finished demonstration")
    settings = load_settings("dev", [f"storage.root={parser.parse_args().root.resolve()}"])
    services = assemble(settings)
    services.bundles.refresh()
    stated = services.bundles.champion()
    bare = replace(stated, card={**stated.card, "privacy": _bare(stated)})
    seconds = np.empty((N_WARM + N_PAIRS, 2))
    sizes = [0, 0]
    for pair in range(len(seconds)):
        request = RecommendationsRequest(customer_id=str(pair % N_CUSTOMERS + 1), limit=10)
        for place in (0, 1) if pair % 2 else (1, 0):
            seconds[pair, place], sizes[place] = _answer(services.recommender, request, (stated, bare)[place])
    services.decisions.close()
    _report(seconds[N_WARM:] * 1e3, sizes)


def _bare(champion: Champion) -> dict[str, object]:
    return {name: value for name, value in champion.card["privacy"].items() if name not in ADDED}


def _answer(recommender: Recommender, request: RecommendationsRequest, champion: Champion) -> tuple[float, int]:
    started = time.perf_counter()
    reply = as_json(recommender.recommend(request, champion))
    return time.perf_counter() - started, len(reply.body)


def _report(milliseconds: npt.NDArray[np.float64], sizes: list[int]) -> None:
    rng = np.random.default_rng(0)
    differences = milliseconds[:, 0] - milliseconds[:, 1]
    drawn = np.median(rng.choice(differences, (N_DRAWS, differences.size)), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    figures = {
        "with the statement, p50": float(np.median(milliseconds[:, 0])),
        "without, p50": float(np.median(milliseconds[:, 1])),
        "difference, p50": float(np.median(differences)),
    }
    rows = [
        {"name": "one answer", "figure": figure, "value": round(value, 5), "unit": "ms", "ratio_to": None}
        | {"ratio": None, "interval_95": [round(low, 5), round(high, 5)] if figure.startswith("difference") else None}
        for figure, value in figures.items()
    ]
    added = {"figure": "bytes added", "value": sizes[0] - sizes[1], "unit": "bytes"}
    rows.append({"name": "one answer", **added, "ratio_to": None, "ratio": None, "interval_95": None})
    json.dump({"rows": rows}, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
