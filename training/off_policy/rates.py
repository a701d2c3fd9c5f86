"""What a product brings in a place, foretold from other customers: the model inside the doubly robust estimate."""

import numpy as np

from training.off_policy.rows import Floats, Ints, LoggedRows


class Rates:
    """Mean reward of a place times the ratio of a product to what its places let expect, both drawn to the average.

    Args:
        rows: The log; `kept` of it is learnt from.
        kept: (n,) rows to learn from.
        prior_events: How many events' worth of average every place and product is given.
    """

    def __init__(self, rows: LoggedRows, kept: np.ndarray, prior_events: float) -> None:
        slot, action, reward = rows.slot[kept], rows.action[kept], rows.reward[kept]
        n_actions = 1 + max(int(rows.action.max()), int(rows.choices.action.max(initial=0)))
        mean = float(reward.mean()) if len(reward) else 0.0
        n_slots = int(rows.slot.max()) + 1
        shown = np.bincount(slot, minlength=n_slots)
        earned = np.bincount(slot, weights=reward, minlength=n_slots)
        self._of_slot = mean * (earned + prior_events) / (shown * mean + prior_events)  # (S,)
        expected = np.bincount(action, weights=self._of_slot[slot], minlength=n_actions)
        brought = np.bincount(action, weights=reward, minlength=n_actions)
        self._of_action = (brought + prior_events) / (expected + prior_events)  # (A,)

    def of(self, action: Ints, slot: Ints) -> Floats:
        """Foretell the mean reward of products in places."""
        foretold: Floats = self._of_slot[slot] * self._of_action[action]
        return foretold


def foretold(rows: LoggedRows, *, prior_events: float, n_folds: int, seed: int) -> tuple[Floats, Floats]:
    """Foretell every row from customers other than its own.

    Args:
        rows: The log.
        prior_events: See `Rates`.
        n_folds: Parts of the customers; each is foretold from the others.
        seed: Of the partition.

    Returns:
        (n,) of what was shown, and (n,) of what the judged policy would show, averaged over its choices.

    Source: Chernozhukov et al. (2018), section 3, cross-fitting.
    """
    _, customer = np.unique(rows.customer, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(int(customer.max()) + 1) % n_folds
    fold = folds[customer]
    of_shown = np.zeros(len(rows))
    choice_slot, choice_fold = rows.slot[rows.choices.row], fold[rows.choices.row]
    values = np.zeros(len(rows.choices.row))
    for part in range(n_folds):
        here, there = fold == part, choice_fold == part
        if not here.any():
            continue
        rates = Rates(rows, ~here, prior_events)
        of_shown[here] = rates.of(rows.action[here], rows.slot[here])
        values[there] = rates.of(rows.choices.action[there], choice_slot[there])
    of_choices = np.bincount(rows.choices.row, weights=rows.choices.p * values, minlength=len(rows))
    return of_shown, of_choices.astype(np.float64)
