"""The loss against a slow softmax, and the order of the examples."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from configs.loading import load_settings
from configs.settings import GroupReweightingSettings, TwoTowerSettings
from training.errors import TooFewExamples
from training.histories import Histories
from training.two_tower.module import (
    TRAIN_LOSS,
    VALIDATION_LOSS,
    TwoTowerModule,
    batches,
    require_examples,
    training_rows,
)
from training.two_tower.reweighting import customer_weights
from training.two_tower.scorer import Scorer
from training.two_tower.snapshots import Snapshot
from training.two_tower.towers import TwoTower

MakeHistories = Callable[..., Histories]
Example = tuple[int, int]


def two_tower(**changes: object) -> TwoTowerSettings:
    return load_settings("test").two_tower.model_copy(update={"history_dropout": 0.0, **changes})


def snapshot_of(scorer: Scorer, histories: Histories, later: Sequence[Iterable[int]]) -> Snapshot:
    """What each customer buys later, by position."""
    shape = (len(histories), len(scorer.catalogue))
    seen = (np.ones(len(histories.product_idx), dtype=bool), histories.product_idx, histories.offsets)
    targets = np.zeros(shape, dtype=bool)
    for customer, products in enumerate(later):
        targets[customer, list(products)] = True
    bought = sparse.csr_array(seen, shape=shape)
    moment = datetime(2025, 5, 1, tzinfo=UTC)
    return Snapshot(moment, histories, scorer.numeric.numpy().copy(), bought, sparse.csr_array(targets))


@pytest.fixture
def snapshot(scorer: Scorer, histories_of: MakeHistories) -> Snapshot:
    """Four examples: rows 0, 2, 5 and 6."""
    histories = histories_of(
        ["milk", "beer"], ["tea"], ["eggs", "bread", "chips"], ["jam"], None, ["salt"], ["beer", "tea"]
    )
    later = [{5, 2, 3}, {7}, {0, 6, 7, 1}, set(), {1, 2}, {4}, {0, 1}]  # row 1 buys again only, row 4 has no past
    return snapshot_of(scorer, histories, later)


@pytest.fixture
def logged() -> dict[str, float]:
    """What the module's steps logged."""
    return {}


def towers_of(scorer: Scorer) -> TwoTower:
    assert isinstance(scorer.model, TwoTower)
    return scorer.model


@pytest.fixture
def module(
    scorer: Scorer, snapshot: Snapshot, logged: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> TwoTowerModule:
    module = TwoTowerModule(towers_of(scorer), [snapshot], snapshot, scorer.content, two_tower()).eval()
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value.item()}))
    return module


def slow_loss(scorer: Scorer, snapshot: Snapshot, rows: Sequence[int]) -> float:
    """Average over first purchases the surprise of each under the softmax over what the customer never bought."""
    losses = []
    with torch.no_grad():
        for row in rows:
            history = snapshot.histories.take(np.array([row]))
            query = scorer.model.queries(scorer.history_vectors, history)[0]
            scores = [float(query @ scorer.product_vectors[:, product]) for product in range(len(scorer.catalogue))]
            bought = set(history.product_idx.tolist())
            partition = sum(np.exp(score) for product, score in enumerate(scores) if product not in bought)
            later = set(snapshot.targets[[row]].nonzero()[1].tolist()) - bought
            losses += [-np.log(np.exp(scores[product]) / partition) for product in later]
    return float(np.mean(losses))


@pytest.mark.parametrize("rows", [[0], [2], [0, 2], [6, 0, 5, 2]])
def test_the_loss_equals_a_slow_softmax_over_what_was_never_bought(
    module: TwoTowerModule, logged: dict[str, float], scorer: Scorer, snapshot: Snapshot, rows: list[int]
) -> None:
    expected = slow_loss(scorer, snapshot, rows)
    loss = module.training_step((0, np.array(rows)))
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    module.validation_step((0, np.array(rows)))
    assert logged == pytest.approx({TRAIN_LOSS: expected, VALIDATION_LOSS: expected}, rel=1e-5)


def test_purchases_count_by_their_customer_s_group_in_training_and_alike_in_validation(
    scorer: Scorer, snapshot: Snapshot, logged: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = np.array(["s1", "s2", "s3", "s3", "s3", "s2", "s3"])
    snapshot = dataclasses.replace(snapshot, histories=dataclasses.replace(snapshot.histories, stores=stores))
    settings = two_tower(group_reweighting=GroupReweightingSettings(by="store", strength=1.0))
    module = TwoTowerModule(towers_of(scorer), [snapshot], snapshot, scorer.content, settings).eval()
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value.item()}))
    n_first = {0: 2, 2: 3, 5: 1, 6: 1}
    by_store = {"s1": 2, "s2": 1, "s3": 3 + 1 + 2}  # row 4 has no past, but two first purchases
    rows = [0, 2, 5, 6]
    losses = {row: slow_loss(scorer, snapshot, [row]) for row in rows}
    weights = customer_weights([snapshot], settings.group_reweighting)[0]
    assert float(weights[0] / weights[2]) == pytest.approx(by_store["s3"] / by_store["s1"], rel=1e-5)
    expected = sum(weights[row] * n_first[row] * losses[row] for row in rows) / sum(n_first.values())
    assert module.training_step((0, np.array(rows))).item() == pytest.approx(float(expected), rel=1e-5)
    module.validation_step((0, np.array(rows)))
    assert logged[VALIDATION_LOSS] == pytest.approx(slow_loss(scorer, snapshot, rows), rel=1e-5)


def test_what_a_customer_bought_gets_no_gradient_through_the_partition(module: TwoTowerModule) -> None:
    torch.autograd.backward(module.training_step((0, np.array([0]))))
    gradient = module.model.products.bias.weight.grad
    assert gradient is not None
    assert (gradient[[5, 0]] == 0).all()  # milk and beer, which he bought
    assert (gradient[[2, 3]] < 0).all()  # what he will buy is pulled up
    assert (gradient[[1, 4, 6, 7]] > 0).all()  # everything else is pushed down
    assert gradient.sum() == pytest.approx(0, abs=1e-6)


def test_hidden_products_are_still_kept_out_of_the_softmax(
    scorer: Scorer, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = TwoTowerModule(
        towers_of(scorer), [snapshot], snapshot, scorer.content, two_tower(history_dropout=1.0)
    ).eval()
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(torch, "rand", torch.zeros)  # every share is 0 and every draw reaches it: all stay visible
    visible = module.training_step((0, np.array([0])))
    monkeypatch.setattr(torch, "rand", lambda n: torch.full((n,), 0.6))  # every share is 1.2: all hidden
    hidden = module.training_step((0, np.array([0])))
    assert visible.item() == pytest.approx(slow_loss(scorer, snapshot, [0]), rel=1e-5)
    assert hidden.item() != pytest.approx(visible.item(), rel=1e-3)
    torch.autograd.backward(hidden)
    gradient = towers_of(scorer).products.bias.weight.grad
    assert gradient is not None
    assert (gradient[[5, 0]] == 0).all()


def test_the_hidden_share_is_the_setting_on_average(
    scorer: Scorer, histories_of: MakeHistories, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = snapshot_of(scorer, histories_of(*[["milk", "beer", "eggs", "tea"]] * 3000), [{1}] * 3000)
    module = TwoTowerModule(towers_of(scorer), [many], many, scorer.content, two_tower(history_dropout=0.3)).eval()
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    seen: list[Any] = []
    queries = scorer.model.queries

    def watch(vectors: torch.Tensor, histories: Histories, keep: torch.Tensor) -> torch.Tensor:
        seen.append(keep)
        return queries(vectors, histories, keep)

    monkeypatch.setattr(scorer.model, "queries", watch)
    torch.manual_seed(0)
    module.training_step((0, np.arange(3000)))
    hidden = 1 - seen[0].float().view(3000, 4)
    assert float(hidden.mean()) == pytest.approx(0.3, abs=0.01)
    assert float(hidden.mean(1).var()) > 0.3 * 0.7 / 4 * 1.3  # shares differ by customer


def test_examples_have_a_history_and_a_first_purchase(snapshot: Snapshot) -> None:
    assert training_rows(snapshot).tolist() == [0, 2, 5, 6]


def epoch(loader: Any, number: int) -> list[tuple[int, list[int]]]:
    loader.batch_sampler.set_epoch(number)
    return [(snapshot, rows.tolist()) for snapshot, rows in loader]


def examples(order: Sequence[tuple[int, Sequence[int]]]) -> list[Example]:
    return sorted((snapshot, row) for snapshot, rows in order for row in rows)


@pytest.fixture
def two_snapshots(scorer: Scorer, histories_of: MakeHistories) -> list[Snapshot]:
    """24 and 12 examples among 40 customers each."""
    histories = histories_of(*[["milk"]] * 40)
    firsts = ([{1} if i % 7 < 4 else set() for i in range(40)], [{2} if i % 10 < 3 else {5} for i in range(40)])
    return [snapshot_of(scorer, histories, later) for later in firsts]


def test_every_example_comes_once_an_epoch_in_batches_of_one_snapshot(two_snapshots: list[Snapshot]) -> None:
    expected = [(number, row) for number, part in enumerate(two_snapshots) for row in training_rows(part).tolist()]
    assert [len(training_rows(part)) for part in two_snapshots] == [24, 12]
    loader = batches(two_snapshots, two_tower(batch_size=5))
    for number in range(3):
        order = epoch(loader, number)
        assert examples(order) == expected
        assert len(order) == len(loader) == 5 + 3
        assert sorted(len(rows) for _, rows in order) == [2, 4, 5, 5, 5, 5, 5, 5]


def test_the_order_depends_on_seed_and_epoch_alone(two_snapshots: list[Snapshot]) -> None:
    loader = batches(two_snapshots, two_tower(batch_size=5, seed=1))
    first, second = epoch(loader, 0), epoch(loader, 1)
    assert first != second
    again = batches(two_snapshots, two_tower(batch_size=5, seed=1))
    torch.manual_seed(99)
    assert (epoch(again, 1), epoch(again, 0)) == (second, first)
    assert epoch(batches(two_snapshots, two_tower(batch_size=5, seed=2)), 0) != first


def test_loading_leaves_the_generator_that_dropout_draws_from_alone(two_snapshots: list[Snapshot]) -> None:
    loader = batches(two_snapshots, two_tower(batch_size=5))
    before = torch.random.get_rng_state()
    epoch(loader, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_snapshots_without_an_example_are_refused_with_the_next_step(
    snapshot: Snapshot, scorer: Scorer, histories_of: MakeHistories
) -> None:
    nothing_new = snapshot_of(scorer, histories_of(["milk"], None), [{5}, {1}])
    require_examples("training", [nothing_new, snapshot], two_tower())
    with pytest.raises(TooFewExamples, match=r"in 1 validation snapshots nobody .* within 14 days.*target_days"):
        require_examples("validation", [nothing_new], two_tower())
    with pytest.raises(TooFewExamples, match="0 training snapshots"):
        require_examples("training", [], two_tower())
