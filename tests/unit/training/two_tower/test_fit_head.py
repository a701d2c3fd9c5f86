"""The repeat head learns who buys again, and says how likely."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from configs.settings import GroupReweightingSettings, HeadSettings
from training.two_tower.fit import Fitted, snapshot_times
from training.two_tower.fit_head import fit_head
from training.two_tower.repeat_head import PAIR_FEATURES, RepeatHead
from training.two_tower.scorer import Scorer
from training.two_tower.snapshots import Snapshot, load_snapshots

SETTINGS = HeadSettings(hidden_dim=8, n_windows=1, n_epochs=4, batch_size=128, learning_rate=0.01)
EVEN = GroupReweightingSettings(by="none", strength=1.0)


@pytest.fixture(scope="module")
def week(town: Any, fitted: Fitted) -> Snapshot:
    """The last week before the cut-off."""
    moments = snapshot_times(town.data.train_until, town.settings.features, town.settings.two_tower)
    ids, purchases = town.data.customer_ids, town.data.purchases
    options = {"target_days": 7, "popularity_days": 14}
    return load_snapshots(town.data.store, purchases, fitted.scorer.catalogue, ids, moments[1:2], **options)[0]


@pytest.fixture
def unfitted(fitted: Fitted) -> Scorer:
    """The fitted towers with a new head."""
    torch.manual_seed(1)
    old = fitted.scorer
    return Scorer(
        copy.deepcopy(old.model),
        RepeatHead(8),
        old.catalogue,
        content=old.content,
        numeric=old.numeric.numpy(),
        products=old.products,
        together=old.companions,
    )


def weights(scorer: Scorer) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in scorer.head.state_dict().items()}


def test_chances_fit_what_was_bought(unfitted: Scorer, week: Snapshot) -> None:
    loss = fit_head(unfitted, [week], SETTINGS, seed=5, reweighting=EVEN)
    pairs = unfitted.score(week.histories, task="all")
    active = np.asarray(week.targets.sum(axis=1)) > 0
    counted = active[pairs.customer]
    chances = pairs.scores[counted].astype(float)
    assert isinstance(unfitted.head, RepeatHead)
    known = unfitted.head.scale.mean[PAIR_FEATURES.index("known")]
    assert known.item() == pytest.approx(pairs.bought[counted].mean(), rel=1e-5)  # scaled by these very pairs
    outcomes = week.targets.toarray()[pairs.customer[counted], pairs.product_idx[counted]]
    share = outcomes.mean()
    assert loss < 0.9 * -(share * np.log(share) + (1 - share) * np.log(1 - share))  # better than the share alone
    assert chances.mean() == pytest.approx(share, rel=0.15)
    assert chances[outcomes].mean() > 2 * chances[~outcomes].mean()
    assert ((chances > 0) & (chances < 1)).all()


def test_the_seed_decides_and_the_towers_stay(unfitted: Scorer, week: Snapshot) -> None:
    start, towers = weights(unfitted), copy.deepcopy(unfitted.model.state_dict())
    fitted_once = []
    for seed in (5, 5, 6):
        unfitted.head.load_state_dict(start)
        fit_head(unfitted, [week], SETTINGS, seed=seed, reweighting=EVEN)
        assert not unfitted.head.training
        fitted_once.append(weights(unfitted))
    assert all(torch.equal(fitted_once[0][name], fitted_once[1][name]) for name in start)
    assert any(not torch.equal(fitted_once[0][name], fitted_once[2][name]) for name in start)
    assert all(torch.equal(values, towers[name]) for name, values in unfitted.model.state_dict().items())


def test_a_window_in_which_nobody_bought_teaches_nothing(unfitted: Scorer, week: Snapshot) -> None:
    idle = dataclasses.replace(week, targets=sparse.csr_array(week.targets.shape))
    start = weights(unfitted)
    alone = fit_head(unfitted, [week], SETTINGS, seed=5, reweighting=EVEN)
    unfitted.head.load_state_dict(start)
    assert fit_head(unfitted, [idle, week], SETTINGS, seed=5, reweighting=EVEN) == alone
