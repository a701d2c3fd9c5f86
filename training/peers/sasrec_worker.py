"""Fit RecTools' SASRec and write everyone's lists; run by the interpreter of another environment.

It must import nothing of this project: the other environment does not hold it. RecTools is imported by name at run
time, because it cannot be installed beside the rest.
"""

import importlib
import json
import resource
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

LINES: Final = "lines.npz"
WISHES: Final = "wishes.json"
LISTS: Final = "lists.npz"
FACTS: Final = "facts.json"

_KILOBYTES_IN_GB: Final = 1e6


def main(folder: Path) -> None:
    """Read the request that lies in a folder, and lay the answer beside it."""
    wishes = json.loads((folder / WISHES).read_text(encoding="utf-8"))
    with np.load(folder / LINES) as lines:
        customer, product, days_ago = lines["customer"], lines["product"], lines["days_ago"]
        trainable = lines["trainable"]
    everyone = _dataset(customer, product, days_ago)
    taught = trainable[customer]
    model = _model(wishes)
    model.fit(_dataset(customer[taught], product[taught], days_ago[taught]))
    lists = {
        task: _lists(model, everyone, len(trainable), wishes["k"], novel=task == "novel") for task in ("all", "novel")
    }
    np.savez(folder / LISTS, all=lists["all"], novel=lists["novel"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES_IN_GB
    (folder / FACTS).write_text(json.dumps({"peak_memory_gb": peak}), encoding="utf-8")


def _dataset(customer: npt.NDArray[np.int64], product: npt.NDArray[np.int64], days_ago: npt.NDArray[np.float64]) -> Any:
    pandas = importlib.import_module("pandas")
    dataset = importlib.import_module("rectools.dataset").Dataset
    moments = pandas.Timestamp("2000-01-01") - pandas.to_timedelta(days_ago, unit="D")  # only the order counts
    lines = {"user_id": customer, "item_id": product, "weight": 1.0, "datetime": moments}
    return dataset.construct(pandas.DataFrame(lines))


def _model(wishes: dict[str, Any]) -> Any:
    importlib.import_module("pytorch_lightning").seed_everything(wishes["seed"], workers=True, verbose=False)
    return importlib.import_module("rectools.models").SASRecModel(
        n_factors=wishes["n_factors"],
        n_blocks=wishes["n_blocks"],
        session_max_len=wishes["history_length"],
        epochs=wishes["n_epochs"],
        loss="sampled_softmax",
        n_negatives=wishes["n_negatives"],
        verbose=0,
        deterministic=True,
    )


def _lists(model: Any, dataset: Any, n_customers: int, k: int, *, novel: bool) -> npt.NDArray[np.int64]:
    """Ask for (C, k) positions, -1 where there is none."""
    users = np.unique(dataset.interactions.df["user_id"].to_numpy())
    asked = dataset.user_id_map.convert_to_external(users)
    found = model.recommend(users=asked, dataset=dataset, k=k, filter_viewed=novel, on_unsupported_targets="ignore")
    lists = np.full((n_customers, k), -1, dtype=np.int64)
    lists[found["user_id"].to_numpy(), found["rank"].to_numpy() - 1] = found["item_id"].to_numpy()
    return lists


if __name__ == "__main__":
    main(Path(sys.argv[1]))
