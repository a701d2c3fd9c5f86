"""Room for suppliers as served: the class of every product, the weights for each task, how much of them is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fairness.rerank import ClassWeights
from training.baselines import Task
from training.evaluation_results import TASKS

SUPPLIER_CLASS: Final = "supplier_class"
FRAME: Final = "exposure_weights"


@dataclass(frozen=True, eq=False)
class SupplierExposure:
    """Weights of the suppliers' classes; the same for everybody.

    Attributes:
        classes: (N,) class of each product's supplier.
        weights: Fitted for each task.
        strength: Share of the weights that lists are re-ranked with; 0 for none.
    """

    classes: npt.NDArray[np.str_]
    weights: Mapping[Task, ClassWeights]
    strength: float

    @classmethod
    def from_table(cls, table: pa.Table, classes: npt.NDArray[np.str_]) -> "SupplierExposure":
        """Read what `table` wrote."""
        rows = table.to_pylist()
        weights: dict[Task, ClassWeights] = {}
        for task in TASKS:
            mine = [row for row in rows if row["task"] == task]
            weights[task] = ClassWeights(
                log_weights=_column(mine, "log_weight"),
                demand=_column(mine, "demand_share"),
                before=_column(mine, "exposure_before"),
                after=_column(mine, "exposure_after"),
                met=all(row["met"] for row in mine),
            )
        return cls(classes, weights, max(row["strength"] for row in rows))

    def at(self, strength: float) -> "SupplierExposure":
        """Give the same weights used to another degree."""
        return replace(self, strength=strength)

    def factors(self, task: Task) -> npt.NDArray[np.float32]:
        """Give what each product's score is multiplied by: (N,) in (0, 1]."""
        return self.weights[task].factors(self.classes, self.strength)

    def figures(self) -> dict[str, float]:
        """Name each class's exposure over its demand, with re-ranking, on the lists that the weights were fitted on."""
        return {
            f"exposure_{name}_{task}": fitted.after[name] / demand
            for task, fitted in self.weights.items()
            for name, demand in fitted.demand.items()
            if demand > 0
        }

    def table(self) -> pa.Table:
        """Write the weights: a row per task and class."""
        return pa.Table.from_pylist(
            [
                {
                    "task": task,
                    SUPPLIER_CLASS: name,
                    "log_weight": log_weight,
                    "strength": self.strength,
                    "demand_share": fitted.demand[name],
                    "exposure_before": fitted.before[name],
                    "exposure_after": fitted.after[name],
                    "met": fitted.met,
                }
                for task, fitted in self.weights.items()
                for name, log_weight in fitted.log_weights.items()
            ]
        )


def _column(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, float]:
    return {row[SUPPLIER_CLASS]: row[column] for row in rows}
