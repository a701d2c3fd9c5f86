"""A log of shown products, with what a policy to be judged would have done in their place."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.off_policy.errors import LoggedRowsMalformed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WHOLE = 1 + 1e-6  # a sum of probabilities may be this large


@dataclass(frozen=True, eq=False)
class Choices:
    """Everything that the judged policy might show, row by row of the log.

    Attributes:
        row: (m,) row of the log.
        action: (m,) code of a product.
        p: (m,) probability that the policy shows it there.
    """

    row: Ints
    action: Ints
    p: Floats


@dataclass(frozen=True, eq=False)
class LoggedRows:
    """One row per product shown in a place of a list.

    Attributes:
        customer: (n,) code of whose list it was, from 0; all rows of a customer are resampled together.
        action: (n,) code of the product shown, from 0.
        slot: (n,) code of the place, from 0.
        reward: (n,) what followed, such as 1 for a purchase.
        p_logged: (n,) probability with which it was shown there; above 0.
        choices: What the judged policy would do in the same places.
        supported: (n,) share of that which could have been shown on record.
    """

    customer: Ints
    action: Ints
    slot: Ints
    reward: Floats
    p_logged: Floats
    choices: Choices
    supported: Floats

    def __len__(self) -> int:
        return len(self.action)

    def p_target(self) -> Floats:
        """Give the (n,) probabilities with which the judged policy shows what was shown."""
        same = self.choices.action == self.action[self.choices.row]
        p = np.bincount(self.choices.row[same], weights=self.choices.p[same], minlength=len(self))
        return p.astype(np.float64)

    def require_sound(self) -> None:
        """Refuse a log that cannot be weighed.

        Raises:
            LoggedRowsMalformed: If it is empty, a probability is out of range, or a reward is not finite.
        """
        if not len(self):
            raise LoggedRowsMalformed(problem="there are none")
        bad = ~((self.p_logged > 0) & (self.p_logged <= _WHOLE))
        if bad.any():
            raise LoggedRowsMalformed(
                problem=f"{int(bad.sum())} of {len(self)} propensities are not above 0 and at most 1"
            )
        total = np.bincount(self.choices.row, weights=self.choices.p, minlength=len(self))
        if (self.choices.p < 0).any() or (total > _WHOLE).any():
            raise LoggedRowsMalformed(problem="the judged policy's probabilities of a place are below 0 or exceed 1")
        if not np.isfinite(self.reward).all():
            raise LoggedRowsMalformed(problem=f"{int((~np.isfinite(self.reward)).sum())} rewards are not finite")
