"""A private fit on the made-up town: only releases cross customers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.settings import PrivateTrainingSettings
from privacy.dp_plan import DpPlan
from privacy.events import Gaussian
from privacy.ledger import open_ledger
from privacy.randomness import SeededRandomness
from training.errors import PrivateVocabularyEmpty
from training.two_tower.private_charge import ChargedRun
from training.two_tower.private_content import public_products
from training.two_tower.private_fit import FittedPrivately, PrivateFit
from training.two_tower.private_plan import PrivatePlan

COUNTS = Gaussian(noise_multiplier=2.0)
TRAINING = DpPlan(sample_rate=0.5, expected_batch_size=24, steps=4, noise_multiplier=5.0, max_grad_norm=1.0, delta=1e-5)
TRAINED = PrivatePlan(COUNTS, TRAINING)
COUNTED = PrivatePlan(COUNTS, None)


def fit(town: Any, house: Any, folder: Path, plan: PrivatePlan = TRAINED, **changes: Any) -> FittedPrivately:
    settings = town.settings
    small: PrivateTrainingSettings = settings.two_tower.private.model_copy(
        update={
            "adapter_dim": 6,
            "count_days": 140,
            "max_products_per_customer": 30,
            "min_count_noises": 1.0,
            **changes,
        }
    )
    ledger = open_ledger(house.storage, settings.privacy.budget.model_copy(update={"cap_epsilon": 20.0}))
    return PrivateFit(
        data=town.data,
        products=public_products(town.sources.lake),
        features=settings.features,
        settings=settings.two_tower.model_copy(update={"private": small}),
        plan=plan,
        run=ChargedRun.open(ledger, plan, folder, run="r", lineage="shop", resume=False),
        progress=lambda _: None,
        randomness=SeededRandomness(3),
    ).fit()


def test_one_seed_one_model(town: Any, settings: Any, tmp_path: Path) -> None:
    ours, theirs = (fit(town, settings, tmp_path / name) for name in ("a", "b"))
    for name, values in ours.scorer.model.state_dict().items():
        assert values.numpy().tobytes() == theirs.scorer.model.state_dict()[name].numpy().tobytes()
    assert (ours.steps_done, ours.secure) == (4, False)


def test_without_training_the_release_ranks_new_products(town: Any, settings: Any, tmp_path: Path) -> None:
    fitted = fit(town, settings, tmp_path / "a", COUNTED)
    assert fitted.steps_done == 0
    row = town.rows(town.data.customer_ids[:1])[0]
    none = np.empty(0, dtype=np.int64)
    novel = fitted.scorer.rank(row, basket_idx=none, allowed=None, task="novel", k=20).product_idx
    counts = fitted.popularity.counts
    assert (np.diff(counts[novel]) <= 1e-9).all()
    assert set(novel.tolist()).isdisjoint(fitted.scorer.catalogue.index_of(row["product_ids"]).tolist())


def test_only_the_release_tells_two_houses_apart_where_nothing_is_trained(
    town: Any, settings: Any, tmp_path: Path
) -> None:
    fitted = fit(town, settings, tmp_path / "a", COUNTED)
    kept = np.load(tmp_path / "a" / "released_counts.npz")
    again = fit(town, settings, tmp_path / "b", COUNTED)
    assert kept["values"].tobytes() == np.load(tmp_path / "b" / "released_counts.npz")["values"].tobytes()
    assert fitted.popularity.counts.tobytes() == again.popularity.counts.tobytes()


def test_noise_over_everything_is_said(town: Any, settings: Any, tmp_path: Path) -> None:
    with pytest.raises(PrivateVocabularyEmpty):
        fit(town, settings, tmp_path / "a", min_count_noises=10.0)
