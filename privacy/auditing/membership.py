"""How well an attacker tells members of a training from others: area under the ROC curve, and hits at few false alarms.

An area of 0.5 and as many hits as false alarms say that this attack learnt nothing; a better attack might. So these
figures bound nothing: they compare models, and groups of people, under one attack. Those of real customers are exact,
so they are for the audit role alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from scipy.stats import beta, norm, rankdata

MIN_MEMBERS: Final = 30  # of a group, on either side; smaller groups are left out
FALSE_ALARMS: Final = 0.001  # share of non-members taken for members

Scores = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


class Attack(BaseModel):
    """One attack on one model, for all customers or those of one group.

    Attributes:
        group: Name; `everyone` for all.
        n_members: Customers trained on.
        n_others: Customers left out.
        auc: Chance that a member scores higher than another customer; 0.5 learns nothing, 1 tells everybody.
        auc_interval: 95% interval of that.
        hits: Share of the members found at `FALSE_ALARMS`; that share itself learns nothing.
        hits_interval: 95% interval of that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    n_members: int
    n_others: int
    auc: float
    auc_interval: tuple[float, float]
    hits: float
    hits_interval: tuple[float, float]


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve with its 95% interval."""

    value: float
    low: float
    high: float


def attacks_by_group(scores: Scores, members: Marks, groups: Mapping[str, Marks]) -> tuple[Attack, ...]:
    """Judge one attack for everyone and for each group that is large enough.

    The threshold is one for all groups: an attacker who does not know the groups has no other.

    Args:
        scores: (N,) higher for customers who look like members.
        members: (N,) who was trained on.
        groups: By name, (N,) who belongs to it.

    Returns:
        Everyone first; nothing where there are too few members or others altogether.
    """
    if min(members.sum(), (~members).sum()) < MIN_MEMBERS:
        return ()
    threshold = threshold_at(scores[~members], FALSE_ALARMS)
    everyone = {"everyone": np.ones(len(scores), dtype=bool), **groups}
    enough = {
        name: inside
        for name, inside in everyone.items()
        if min((members & inside).sum(), (~members & inside).sum()) >= MIN_MEMBERS
    }
    return tuple(_attack(name, scores[of], members[of], threshold) for name, of in enough.items())


def area_under_curve(member_scores: Scores, other_scores: Scores) -> Area:
    """Compare two sets of scores; ties count half.

    Returns:
        In [0, 1], with a 95% interval by DeLong's variance on the logit scale.

    Source: DeLong, DeLong, Clarke-Pearson (1988); Sun and Xu (2014) for the ranks.
    """
    m, n = len(member_scores), len(other_scores)
    both = rankdata(np.concatenate([member_scores, other_scores]))
    over_others = (both[:m] - rankdata(member_scores)) / n  # (m,) share of others below each member
    under_members = 1 - (both[m:] - rankdata(other_scores)) / m  # (n,)
    value = float(over_others.mean())
    variance = float(over_others.var(ddof=1) / m + under_members.var(ddof=1) / n)
    edge = 1 / (2 * m * n)
    inner = min(max(value, edge), 1 - edge)
    reach = float(norm.ppf(0.975)) * math.sqrt(variance) / (inner * (1 - inner))
    at = math.log(inner / (1 - inner))
    return Area(value, 1 / (1 + math.exp(-(at - reach))), 1 / (1 + math.exp(-(at + reach))))


def threshold_at(other_scores: Scores, share: float) -> float:
    """Find the score that at most a share of the others exceeds.

    >>> threshold_at(np.arange(1000.0), 0.001)
    998.0
    """
    allowed = int(len(other_scores) * share)
    return float(np.sort(other_scores)[len(other_scores) - 1 - allowed])


def share_interval(n_hits: int, n: int, *, confidence: float) -> tuple[float, float]:
    """Bound a share from both sides, exactly.

    Source: Clopper and Pearson (1934).

    >>> tuple(round(end, 4) for end in share_interval(0, 100, confidence=0.95))
    (0.0, 0.0362)
    """
    tail = (1 - confidence) / 2
    low = 0.0 if n_hits == 0 else float(beta.ppf(tail, n_hits, n - n_hits + 1))
    high = 1.0 if n_hits == n else float(beta.ppf(1 - tail, n_hits + 1, n - n_hits))
    return low, high


def _attack(group: str, scores: Scores, members: Marks, threshold: float) -> Attack:
    area = area_under_curve(scores[members], scores[~members])
    n_members, n_hits = int(members.sum()), int((scores[members] > threshold).sum())
    return Attack(
        group=group,
        n_members=n_members,
        n_others=int((~members).sum()),
        auc=area.value,
        auc_interval=(area.low, area.high),
        hits=n_hits / n_members,
        hits_interval=share_interval(n_hits, n_members, confidence=0.95),
    )
