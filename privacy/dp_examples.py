"""What a private training knows of each customer: one example, of one shape for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from privacy.errors import DpExamplesUneven
from privacy.randomness import Randomness

TARGETS: Final = "targets"
TARGET_WEIGHTS: Final = "target_weights"

CustomerExample = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Customers:
    """All that is learned from, one row per customer: a customer is one example, however much was bought.

    A row must be made from that customer's records and from public or released data alone. Rows are as wide for one
    customer as for another, which is what bounds the number of pairs of each.

    Attributes:
        fields: (N, ...) tensors by name, the same N for all.

    Raises:
        DpExamplesUneven: If the tensors disagree on N, or there are none.
    """

    fields: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.fields.items()}
        if len(set(lengths.values())) != 1:
            raise DpExamplesUneven(problem="every field needs a row per customer", found=str(sorted(lengths)))

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def take(self, rows: Tensor) -> "Customers":
        """Pick customers by position."""
        return Customers({name: values[rows] for name, values in self.fields.items()})

    def double(self) -> "Customers":
        """Give the same with every float as float64."""
        return Customers({n: v.double() if v.is_floating_point() else v for n, v in self.fields.items()})


def as_customers(examples: Sequence[CustomerExample]) -> Customers:
    """Stack examples of one customer each.

    Raises:
        DpExamplesUneven: If there are none, or two differ in their fields or shapes.
    """
    shapes = {tuple(sorted((name, tuple(values.shape)) for name, values in one.items())) for one in examples}
    if len(shapes) != 1:
        raise DpExamplesUneven(problem="all examples need the same fields of the same shapes", found=f"{len(shapes)}")
    return Customers({name: torch.stack([one[name] for one in examples]) for name in examples[0]})


def bounded_targets(
    owners: Tensor, products: Tensor, *, n_customers: int, max_products: int, randomness: Randomness
) -> dict[str, Tensor]:
    """Lay out what each customer bought as rows of at most so many products; which, is left to chance.

    The choice for one customer depends on nobody else's records.

    Args:
        owners: (T,) which customer bought, 0 to `n_customers` - 1.
        products: (T,) what; a pair that comes twice counts once.
        n_customers: N.
        max_products: Most products a customer may teach with; a whole number from 1.
        randomness: Chooses where there are more.

    Returns:
        `TARGETS`, (N, M) int64 with 0 where there are fewer, and `TARGET_WEIGHTS`, (N, M) float64, which sum to 1 for
        each customer with any product and are 0 for the others.
    """
    pairs = torch.unique(torch.stack([owners, products]), dim=1)  # sorted by customer
    keys = torch.from_numpy(randomness.uniform(pairs.shape[1]))
    order = torch.argsort(keys)
    pairs = pairs[:, order[torch.argsort(pairs[0, order], stable=True)]]  # by customer, by chance within
    counts = torch.bincount(pairs[0], minlength=n_customers)
    places = torch.arange(pairs.shape[1]) - (torch.cumsum(counts, 0) - counts)[pairs[0]]
    kept = places < max_products
    rows, columns = pairs[0, kept], places[kept]
    targets = torch.zeros(n_customers, max_products, dtype=torch.int64)
    weights = torch.zeros(n_customers, max_products, dtype=torch.float64)
    targets[rows, columns] = pairs[1, kept]
    weights[rows, columns] = 1.0 / counts.clamp(1, max_products)[rows].double()
    return {TARGETS: targets, TARGET_WEIGHTS: weights}
