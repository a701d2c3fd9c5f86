"""A twin of a private version of the made-up town, and attacks on the town's people."""

from typing import Any

import numpy as np
import pytest

from privacy.auditing.errors import NothingPromised
from privacy.auditing.record import COUNT_TESTS, TRAINING_TESTS
from privacy.dp_plan import DpPlan
from privacy.events import Gaussian
from privacy.ledger import open_ledger
from privacy.randomness import SeededRandomness
from training.two_tower.private_charge import ChargedRun
from training.two_tower.private_content import PublicContent, public_products
from training.two_tower.private_fit import PrivateFit
from training.two_tower.private_membership import attack_counts, attack_training, basket_groups, member_ids
from training.two_tower.private_plan import PrivatePlan
from training.two_tower.private_twin import PrivateVersion, audit_counts, audit_training

TRAINING = DpPlan(sample_rate=0.5, expected_batch_size=24, steps=8, noise_multiplier=4.0, max_grad_norm=0.5, delta=1e-5)
PLAN = PrivatePlan(Gaussian(noise_multiplier=2.0), TRAINING)
SMALL = {
    "content_dim": 6,
    "popularity_days": 140,
    "popularity_half_life_days": 140,
    "max_products_per_customer": 30,
    "max_count_norm": 1.4,
    "min_count_noises": 1.0,
    "n_taught": 24,
}


@pytest.fixture(scope="module")
def version(town: Any, tmp_path_factory: pytest.TempPathFactory) -> PrivateVersion:
    """A private version of the town."""
    folder = tmp_path_factory.mktemp("version")
    two_tower = town.settings.two_tower
    two_tower = two_tower.model_copy(update={"private": two_tower.private.model_copy(update=SMALL)})
    budget = town.settings.privacy.budget.model_copy(update={"cap_epsilon": 20.0})
    ledger = open_ledger(town.settings.storage.model_copy(update={"root": folder / "var"}), budget)
    fitted = PrivateFit(
        data=town.data,
        content=PublicContent.of(public_products(town.sources.lake), 6),
        features=town.settings.features,
        settings=two_tower,
        plan=PLAN,
        run=ChargedRun.open(ledger, PLAN, folder / "run", run="r", lineage="shop", resume=False),
        progress=lambda _: None,
        randomness=SeededRandomness(3),
    ).fit()
    return PrivateVersion(fitted.scorer, PLAN, two_tower, town.sources.train_until)


def test_the_twin_starts_where_a_training_starts(version: PrivateVersion) -> None:
    assert version.towers().adapter.weight.flatten().tolist() == [0.0] * version.towers().adapter.weight.shape[1]
    popularity = version.popularity()
    released = np.exp(version.towers().products.signals[:, 0].numpy())
    assert set(popularity.taught) == set(np.argsort(-released, kind="stable")[:24])


def test_the_counts_of_made_up_people_pass(version: PrivateVersion) -> None:
    found = audit_counts(version, n_canaries=100, error=1e-3, randomness=SeededRandomness(1))
    assert tuple(one.test for one in found) == COUNT_TESTS
    assert all(one.passed for one in found)
    assert found[-1].value == pytest.approx(1.0, rel=1e-6), "a greedy customer is clipped to the norm"


def test_a_twin_goes_through_the_production_loader_and_passes(version: PrivateVersion, town: Any) -> None:
    found = audit_training(version, town.settings, n_canaries=80, error=1e-3, randomness=SeededRandomness(1))
    assert {one.test for one in found} == set(TRAINING_TESTS)
    assert [one.reason for one in found if not one.passed] == []
    by_test = {one.test: one for one in found}
    assert by_test["loader"].value == 0.0
    assert 0.9 < by_test["sensitivity"].value <= 1 + 1e-5, "canaries push as hard as anybody may"


def test_where_nothing_is_trained_nothing_is_found(version: PrivateVersion, town: Any) -> None:
    counted = PrivateVersion(version.scorer, PrivatePlan(PLAN.counts, None), version.settings, version.until)
    assert audit_training(counted, town.settings, n_canaries=80, error=1e-3) == ()


def test_a_version_of_other_towers_is_refused(version: PrivateVersion, scorer: Any) -> None:
    with pytest.raises(NothingPromised):
        PrivateVersion(scorer, PLAN, version.settings, version.until).towers()


def test_attacks_on_exact_counts_find_members_and_noise_hides_them(
    version: PrivateVersion, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privacy.auditing.membership.MIN_MEMBERS", 20)  # the town has 46 people
    quiet, loud = (
        attack_counts(with_noise(version, noise), town.sources, {}, SeededRandomness(2)) for noise in (1, 1e4)
    )
    (_, exact), (private, _) = quiet, loud
    assert (private.private, exact.private) == (True, False)
    assert exact.attacks[0].auc > 0.9
    assert 0.2 < private.attacks[0].auc < 0.8


def test_attacks_on_trainings_are_made_with_noise_and_without(
    version: PrivateVersion, town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privacy.auditing.membership.MIN_MEMBERS", 20)
    everyone = {"all": np.ones(len(member_ids(town.sources)), dtype=bool)}
    found = attack_training(version, town.sources, town.settings, everyone, SeededRandomness(2))
    assert [(one.release, one.private) for one in found] == [("training", True), ("training", False)]
    for one in found:
        assert [attack.group for attack in one.attacks] == ["everyone", "all"]
        assert one.attacks[0].auc == one.attacks[1].auc
        assert (one.attacks[0].n_members, one.attacks[0].n_others) == (23, 23)


def with_noise(version: PrivateVersion, noise: float) -> PrivateVersion:
    """The same with other noise on the counts."""
    plan = PrivatePlan(Gaussian(noise_multiplier=noise), PLAN.training)
    return PrivateVersion(version.scorer, plan, version.settings, version.until)


def test_thirds_by_baskets_part_everybody(town: Any) -> None:
    groups = basket_groups(town.sources)
    assert np.sum(list(groups.values()), axis=0).tolist() == [1] * len(member_ids(town.sources))
    assert all(12 <= inside.sum() <= 18 for inside in groups.values())
