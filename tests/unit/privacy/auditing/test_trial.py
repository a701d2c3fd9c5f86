"""What a trial says and leaves alone; the engine's faults are in `test_probe`."""

import re
from typing import Any

import torch

from privacy.auditing.probe import probe
from privacy.auditing.trial import try_guessing, try_sampling
from privacy.dp import train_private
from privacy.dp_plan import DpPlan
from privacy.randomness import SeededRandomness


def test_the_model_is_left_as_it_was(plan: DpPlan) -> None:
    trial = probe(plan, 100, error=0.01, randomness=SeededRandomness(1))
    before = trial.model.state_dict()["scores"].clone()
    try_sampling(trial, "engine")
    assert torch.equal(trial.model.state_dict()["scores"], before)


def test_canaries_that_share_directions_are_not_put_to_the_gaussian_test(plan: DpPlan, by_test: Any) -> None:
    trial = probe(plan, 100, error=0.01, randomness=SeededRandomness(1))
    found = by_test(try_guessing(trial, "training", apart=False))
    assert set(found) == {"one-run, all sums seen", "one-run, weights alone"}
    assert {one.release for one in found.values()} == {"training"}
    assert all(re.fullmatch(r"\d+ of \d+ guesses were right", one.said) for one in found.values())


def test_only_canaries_whose_coin_says_so_are_trained_on(plan: DpPlan) -> None:
    trained: list[int] = []

    def listening(model: Any, customers: Any, *rest: Any, **options: Any) -> object:
        trained.append(len(customers))
        return train_private(model, customers, *rest, **options)

    trial = probe(plan, 100, error=0.01, train=listening, randomness=SeededRandomness(1))
    try_guessing(trial, "engine", apart=False)
    assert 30 < trained[0] - len(trial.others) < 70
