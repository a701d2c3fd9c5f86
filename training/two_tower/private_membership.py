"""Who was trained on: attacks on a pair of trainings on a random half of the real customers, with and without privacy.

The version itself learnt from everybody, so that nobody is left to compare with; both trainings here are made for the
attack, looked at, and thrown away. Their exact figures are for the audit role, like those of the fairness audit: they
are not part of the version, not released, and not charged.
"""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict

from configs.settings import Settings
from features.columns import BASKET_ID, CUSTOMER_ID
from privacy.auditing.alignment import losses_of
from privacy.auditing.coins import halves
from privacy.auditing.count_trial import Entries, clipped_rows
from privacy.auditing.membership import Attack, attacks_by_group
from privacy.dp import train_private
from privacy.dp_gradients import double_precision
from privacy.dp_twin import train_openly
from privacy.randomness import Randomness, SystemRandomness
from training.two_tower.fit import snapshot_times
from training.two_tower.private_examples import counted_entries
from training.two_tower.private_training import MICROBATCH, trainee
from training.two_tower.private_twin import PrivateVersion
from training.two_tower.sources import Sources

BASKETS: Final = ("few baskets", "some baskets", "many baskets")  # thirds of the customers

_TINY: Final = 1e-30

Marks = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


class AttackedRelease(BaseModel):
    """Attacks on one release, for everyone and by group.

    Attributes:
        release: Counts or weights.
        private: Whether with the version's noise, or the same without any noise and clipping.
        attacks: For everyone first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: Literal["counts", "training"]
    private: bool
    attacks: tuple[Attack, ...]


def basket_groups(sources: Sources) -> dict[str, Marks]:
    """Part the customers into thirds by how often they came; by name, in the order of `member_ids`."""
    visits = sources.training_purchases.groupby(CUSTOMER_ID)[BASKET_ID].nunique().reindex(member_ids(sources))
    thirds = pd.qcut(visits.rank(method="first"), len(BASKETS), labels=False).to_numpy()
    return {name: thirds == place for place, name in enumerate(BASKETS)}


def member_ids(sources: Sources) -> list[str]:
    """List the customers a version is trained on, in the order of its examples."""
    return sorted(sources.training_purchases[CUSTOMER_ID].unique())


def attack_counts(
    version: PrivateVersion, sources: Sources, groups: Mapping[str, Marks], randomness: Randomness | None = None
) -> tuple[AttackedRelease, ...]:
    """Ask of each customer whether counts of half of them lean towards what he bought.

    Args:
        version: Whose noise and bounds.
        sources: Of the version.
        groups: By name, in the order of `member_ids`.
        randomness: None is the operating system's. Anything else is for tests.

    Source: Homer et al. (2008); Dwork et al. (2015), "Robust traceability from trace amounts".
    """
    private, stream = version.private, randomness or SystemRandomness()
    ids, catalogue = member_ids(sources), version.scorer.catalogue
    owners, columns, values = counted_entries(sources.training_purchases, catalogue, ids, version.until, private)
    everyone = Entries(owners, columns, values, len(ids))
    n_columns, norm = 2 * len(catalogue), private.max_count_norm
    members = halves(len(ids), randomness)
    rows = clipped_rows(everyone, n_columns=n_columns, max_norm=norm)
    sums, expected = rows[np.flatnonzero(members)].sum(axis=0), 0.5 * rows.sum(axis=0)
    lengths = np.sqrt(np.maximum(np.asarray(rows.multiply(rows).sum(axis=1)).ravel(), _TINY))
    noisy = sums + version.plan.counts.noise_multiplier * stream.gaussian(n_columns)
    return tuple(
        AttackedRelease(
            release="counts",
            private=is_private,
            attacks=attacks_by_group(rows @ (seen - expected) / lengths, members, groups),
        )
        for is_private, seen in ((True, noisy), (False, sums))
    )


def attack_training(
    version: PrivateVersion,
    sources: Sources,
    settings: Settings,
    groups: Mapping[str, Marks],
    randomness: Randomness | None = None,
) -> tuple[AttackedRelease, ...]:
    """Ask of each customer how much a training on half of them lowered his loss.

    Args:
        version: Whose plan; nothing is attacked where it trains nothing.
        sources: Of the version.
        settings: All sections.
        groups: By name, in the order of `member_ids`.
        randomness: None is the operating system's. Anything else is for tests.

    Source: Yeom et al. (2018); Watson et al. (2022) for taking the loss before training off.
    """
    plan, popularity, towers = version.plan.training, version.popularity(), version.towers()
    if plan is None:
        return ()
    moments = snapshot_times(version.until, settings.features, version.settings)[1 : version.private.n_moments + 1]
    customers = version.customers(sources, member_ids(sources), moments)
    members = halves(len(customers), randomness)
    half = customers.take(torch.from_numpy(np.flatnonzero(members)))
    attacked = []
    for is_private in (True, False):
        model, loss = trainee(towers, popularity)
        before = losses_of(model, customers, loss)
        if is_private:
            train_private(
                model,
                half,
                loss,
                plan,
                make_optimizer=version.optimizer,
                microbatch_size=MICROBATCH,
                randomness=randomness,
            )
        else:
            stream = randomness or SystemRandomness()
            with double_precision(model):  # as the private one is trained
                train_openly(model, half.double(), loss, plan, make_optimizer=version.optimizer, randomness=stream)
        scores: Scores = before - losses_of(model, customers, loss)
        attacks = attacks_by_group(scores, members, groups)
        attacked.append(AttackedRelease(release="training", private=is_private, attacks=attacks))
    return tuple(attacked)
