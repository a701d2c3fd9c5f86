"""Re-ranking for suppliers, for any candidates: the same ones, no class out of its own order, nothing raised."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.loading import load_settings
from fairness.rerank import ClassWeights, fit_weights
from fairness.suppliers import SUPPLIER_CLASSES

SUPPLIERS = load_settings("test").fairness.suppliers
EVEN = dict.fromkeys(SUPPLIER_CLASSES, 1 / 3)

candidates = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 1, width=32), st.sampled_from(SUPPLIER_CLASSES)), max_size=40
)
log_weights = st.fixed_dictionaries({name: st.floats(-5, 0) for name in SUPPLIER_CLASSES})


@given(candidates, log_weights, st.floats(0, 1))
def test_it_is_a_permutation_that_keeps_the_order_within_each_class(
    drawn: list[tuple[int, float, str]], weights: dict[str, float], strength: float
) -> None:
    scores, classes = np.array([score for _, score, _ in drawn]), np.array([name for *_, name in drawn], dtype=str)
    rescored = ClassWeights(weights, EVEN, EVEN, EVEN, met=True).apply(scores, classes, strength)
    assert ((rescored >= 0) & (rescored <= scores)).all()
    before, after = np.lexsort((-scores,)), np.lexsort((-scores, -rescored))
    assert sorted(after) == sorted(before)
    for name in SUPPLIER_CLASSES:
        assert [i for i in after if classes[i] == name] == [i for i in before if classes[i] == name]


shares = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)


@given(candidates, shares)
@settings(deadline=None, max_examples=40)
def test_fitting_ends_with_finite_weights_and_shares_that_add_up(
    drawn: list[tuple[int, float, str]], parts: list[float]
) -> None:
    customers = np.array([customer for customer, _, _ in drawn], dtype=np.int64)
    scores, classes = np.array([score for _, score, _ in drawn]), np.array([name for *_, name in drawn], dtype=str)
    demand = {name: part / sum(parts) for name, part in zip(SUPPLIER_CLASSES, parts, strict=True)}
    fitted = fit_weights(customers, scores, classes, demand, SUPPLIERS)
    values = np.array(list(fitted.log_weights.values()))
    assert np.isfinite(values).all()
    assert values.max() == 0
    shown = sum(fitted.after.values())
    assert shown == 0 or abs(shown - 1) < 1e-9
    assert all(0 <= share <= 1 + 1e-9 for share in fitted.after.values())
