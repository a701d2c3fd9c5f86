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
from training.histories import from_row
from training.two_tower.private_charge import ChargedRun
from training.two_tower.private_content import PublicContent, public_products
from training.two_tower.private_fit import FittedPrivately, PrivateFit
from training.two_tower.private_model import FrozenProducts, PrivateTowers
from training.two_tower.private_plan import PrivatePlan

COUNTS = Gaussian(noise_multiplier=2.0)
TRAINING = DpPlan(sample_rate=0.5, expected_batch_size=24, steps=4, noise_multiplier=5.0, max_grad_norm=1.0, delta=1e-5)
TRAINED = PrivatePlan(COUNTS, TRAINING)
COUNTED = PrivatePlan(COUNTS, None)


def fit(town: Any, house: Any, folder: Path, plan: PrivatePlan = TRAINED, **changes: Any) -> FittedPrivately:
    settings = town.settings
    small: PrivateTrainingSettings = settings.two_tower.private.model_copy(
        update={
            "content_dim": 6,
            "popularity_days": 140,
            "popularity_half_life_days": 140,
            "max_products_per_customer": 30,
            "max_count_norm": 6.0,
            "min_count_noises": 1.0,
            **changes,
        }
    )
    ledger = open_ledger(house.storage, settings.privacy.budget.model_copy(update={"cap_epsilon": 20.0}))
    return PrivateFit(
        data=town.data,
        content=PublicContent.of(public_products(town.sources.lake), small.content_dim),
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
    assert isinstance(fitted.scorer.model, PrivateTowers)
    row = town.rows(town.data.customer_ids[:1])[0]
    none = np.empty(0, dtype=np.int64)
    novel = fitted.scorer.rank(row, basket_idx=none, allowed=None, task="novel", k=20).product_idx
    assert (np.diff(fitted.popularity.counts[novel]) <= 1e-9).all()  # one list for all, without what one has
    assert fitted.scorer.model.mix(from_row(row, fitted.scorer.catalogue)).tolist() == [[1.0, 0.0]]
    assert not fitted.scorer.model.adapter.weight.any()
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


def test_what_the_noise_blew_up_is_used_in_part_alone(town: Any, settings: Any, tmp_path: Path) -> None:
    whole = fit(town, settings, tmp_path / "a", adapter_share=1.0).scorer.model.state_dict()["adapter.weight"]
    part = fit(town, settings, tmp_path / "b", adapter_share=0.25).scorer.model.state_dict()["adapter.weight"]
    assert whole.any()
    np.testing.assert_allclose(part.numpy(), whole.numpy() / 4, rtol=1e-6)


def test_a_group_is_rarer_the_less_popular_its_products_are(town: Any, settings: Any, tmp_path: Path) -> None:
    fitted = fit(town, settings, tmp_path / "a", COUNTED, affinity_products=4.0)
    frozen, counts = fitted.scorer.model.products, fitted.popularity.counts
    assert isinstance(frozen, FrozenProducts)
    for group in (0, 3, len(frozen.rarity) - 1):
        members = (frozen.groups == group).any(dim=1).numpy()
        expected = counts.sum() / (4.0 * counts[members].sum())
        assert frozen.rarity[group].item() == pytest.approx(expected, rel=1e-5)


def test_without_training_nothing_is_spent_on_first_purchases(town: Any, settings: Any, tmp_path: Path) -> None:
    alone = fit(town, settings, tmp_path / "a", COUNTED, max_count_norm=3.0).popularity
    beside = fit(town, settings, tmp_path / "b", max_count_norm=3.0).popularity
    assert alone.first.tolist() == alone.counts.tolist()
    assert beside.first.tolist() != beside.counts.tolist()
    kept = [np.split(np.load(tmp_path / name / "released_counts.npz")["values"], 2) for name in ("a", "b")]
    assert kept[0][0].sum() > kept[1][0].sum()  # the whole of everybody's say goes to recent purchases
