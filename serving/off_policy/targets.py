"""Policies to be judged, and a log in the form that the estimators read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from serving.off_policy.errors import TargetListsBroken
from serving.off_policy.records import ShownList
from training.off_policy.rows import Choices, LoggedRows

Places = Sequence[Mapping[str, float]]  # by place, what the policy shows there with which probability

_COLUMNS: Final = ("customer_id", "rank", "product_id")


def as_ranked(lists: Sequence[ShownList]) -> list[Places]:
    """Take the policy that draws nothing: what the model put there, always."""
    return [[{product_id: 1.0} for product_id in shown.as_ranked()] for shown in lists]


def from_file(path: Path, lists: Sequence[ShownList], task: str) -> tuple[list[ShownList], list[Places]]:
    """Take the lists of another policy from a file.

    Args:
        path: Parquet or CSV with customer_id (pseudonyms), rank and product_id; propensity where lists are drawn; of a
            file with a column task, the rows of `task`.
        lists: As shown.
        task: `all` or `novel`.

    Returns:
        The shown lists of people in the file, and what the policy would have shown in their places.

    Raises:
        TargetListsBroken: If the file cannot be read or says nothing about anybody who was shown a list.
    """
    rows = _read(path)
    if "task" in rows:
        rows = rows[rows["task"] == task]
    chances = rows["propensity"] if "propensity" in rows else np.ones(len(rows))
    places: dict[str, dict[int, dict[str, float]]] = {}
    listed = zip(rows["customer_id"], rows["rank"], rows["product_id"], chances, strict=True)
    for customer_id, rank, product_id, chance in listed:
        places.setdefault(str(customer_id), {}).setdefault(int(rank), {})[str(product_id)] = float(chance)
    known = [shown for shown in lists if shown.customer_id in places]
    if not known:
        raise TargetListsBroken(path=path, problem=f"none of its {len(places)} customers was shown a list on record")
    return known, [
        [places[shown.customer_id].get(rank, {}) for rank in range(1, len(shown.product_ids) + 1)] for shown in known
    ]


def rows_of(lists: Sequence[ShownList], bought: Sequence[Sequence[bool]], policy: Sequence[Places]) -> LoggedRows:
    """Write a log with a policy's choices beside it.

    Args:
        lists: As shown.
        bought: Of each list, whether each product was bought.
        policy: Of each list, what the policy would do in each place.
    """
    customers, actions = _Codes(), _Codes()
    logged: list[tuple[int, int, int, float, float, float]] = []
    choices: list[tuple[int, int, float]] = []
    for shown, flags, places in zip(lists, bought, policy, strict=True):
        customer, possible = customers.of(shown.customer_id), shown.possible()
        for slot, product_id in enumerate(shown.product_ids):
            choices += [(len(logged), actions.of(other), p) for other, p in places[slot].items()]
            within = sum(p for other, p in places[slot].items() if possible[slot].get(other, 0.0) > 0)
            total = sum(places[slot].values())
            supported = within / total if total > 0 else 0.0
            reward, propensity = float(flags[slot]), shown.propensities[slot]
            logged.append((customer, actions.of(product_id), slot, reward, propensity, supported))
    columns = [np.array(column) for column in zip(*logged, strict=True)] or [np.empty(0)] * 6
    chosen = [np.array(column) for column in zip(*choices, strict=True)] or [np.empty(0, dtype=np.int64)] * 3
    return LoggedRows(
        customer=columns[0],
        action=columns[1],
        slot=columns[2],
        reward=columns[3],
        p_logged=columns[4],
        choices=Choices(chosen[0], chosen[1], chosen[2].astype(np.float64)),
        supported=columns[5],
    )


class _Codes:
    """Numbers for names, in the order they come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))


def _read(path: Path) -> pd.DataFrame:
    try:
        rows: Any = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"product_id": str})
    except (OSError, ValueError) as failure:
        raise TargetListsBroken(path=path, problem=str(failure).splitlines()[0]) from None
    missing = [column for column in _COLUMNS if column not in rows]
    if missing:
        raise TargetListsBroken(path=path, problem=f"no column {', '.join(missing)}")
    kept: pd.DataFrame = rows
    return kept
