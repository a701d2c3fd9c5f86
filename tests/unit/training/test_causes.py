"""Named causes: by hand, against a slow twin, and true of trees that were really grown."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from training.causes import NO_CAUSE, Cause, Causes

NAMES = ("habit", "due", "taste", "noise")
SAID = (Cause("HABIT", {"habit": 0.0}), Cause("DUE", {"due": 0.0}), Cause("TASTE", {"taste": 0.0}))


def linear(features: Any, _product: Any) -> Any:
    return features @ np.array([2.0, 1.0, 1.0, 5.0])


def test_the_strongest_cause_by_hand() -> None:
    features = np.array([[3, 1, 0, 0], [0, 0, 2, 0.2], [0, 0, 0, 0.4], [0.1, 0, 0, 0]], dtype=np.float32)
    scores = linear(features, None)  # 7, 3, 2, .2
    found = Causes(SAID, NAMES).of(linear, features, scores, scores)
    # without habit the first scores 1: below 3 and 2; without taste the second scores 1: below 2;
    # the third owes everything to noise; the last would score 0 and still be last
    assert found.cause.tolist() == [0, 2, NO_CAUSE, NO_CAUSE]
    assert found.places_lost.tolist() == [2, 1, 0, 0]


def test_a_cause_that_lowers_the_score_but_not_the_place_is_not_named() -> None:
    features = np.array([[9, 0, 0, 0], [0, 0, 1, 0]], dtype=np.float32)
    scores = linear(features, None)
    found = Causes((Cause("SOME", {"habit": 5.0}),), NAMES).of(linear, features, scores, scores)
    assert found.cause.tolist() == [NO_CAUSE, NO_CAUSE]


def test_the_last_of_a_list_can_fall_behind_what_is_not_shown() -> None:
    features = np.array([[9, 0, 0, 0], [4, 0, 0, 0]], dtype=np.float32)
    scores = linear(features, None)
    rivals = np.concatenate([scores, [1.0, 0.5]])
    found = Causes(SAID, NAMES).of(linear, features, scores, rivals)
    assert found.cause.tolist() == [0, 0]
    assert found.places_lost.tolist() == [3, 2]


@pytest.fixture(scope="module")
def trees() -> tuple[lightgbm.Booster, np.ndarray]:
    """Trees that learnt to go by habit and by what is due, and a list they ordered."""
    generator = np.random.default_rng(1)
    features = generator.gamma(1, 1, (4000, 4)).astype(np.float32)
    label = generator.random(4000) < 1 / (1 + np.exp(3 - 1.5 * features[:, 0] - features[:, 1]))
    parameters = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "verbosity": -1, "seed": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(features, label), num_boost_round=40), features[:300]


def test_taking_a_named_cause_away_lowers_the_place_and_no_other_cause_costs_more(
    trees: tuple[lightgbm.Booster, np.ndarray],
) -> None:
    booster, features = trees

    def judge(rows: Any, _product: Any) -> Any:
        return booster.predict(rows, num_threads=1)

    scores = judge(features, None)
    shown = np.argsort(-scores)[:20]
    causes = Causes(SAID, NAMES)
    found = causes.of(judge, features[shown], scores[shown], scores)
    for at, product in enumerate(shown):
        worth = []
        for cause in SAID:
            changed = features.copy()
            for name, value in cause.absent.items():
                changed[product, NAMES.index(name)] = value
            again = judge(changed, None)  # the slow way: the whole list is judged once more
            places = [int((values > values[product]).sum()) for values in (scores, again)]
            worth.append((scores[product] - again[product] if places[1] > places[0] else -np.inf, places))
        best = max(range(3), key=lambda number: worth[number][0])
        if worth[best][0] == -np.inf:
            assert found.cause[at] == NO_CAUSE
            continue
        assert found.cause[at] == best
        assert found.places_lost[at] == worth[best][1][1] - worth[best][1][0] > 0
    assert set(found.cause.tolist()) <= {0, 1, NO_CAUSE}  # taste never mattered
    assert {0, 1} <= set(found.cause.tolist())


def test_nothing_shown_needs_no_cause_and_unknown_features_are_refused() -> None:
    none = np.empty((0, 4), dtype=np.float32)
    assert len(Causes(SAID, NAMES).of(linear, none, np.empty(0), np.empty(0)).cause) == 0
    with pytest.raises(KeyError, match="colour"):
        Causes((Cause("ODD", {"colour": 0.0}),), NAMES)
