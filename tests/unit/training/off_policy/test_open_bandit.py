"""The Open Bandit sample: the figure its authors print, and the question that it cannot answer."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from configs.loading import load_settings
from training.off_policy.errors import OpenBanditMissing
from training.off_policy.open_bandit import (
    OpenBanditCheck,
    bandit_rows,
    check,
    priors_of,
    sample_in,
    thompson_probabilities,
)


@pytest.fixture(scope="module")
def found() -> OpenBanditCheck:
    """The whole check; two seconds."""
    return check(load_settings("test", ["evaluation.policy.n_bootstrap=100"]).evaluation.policy)


def test_inverse_propensities_give_the_published_figure(found: OpenBanditCheck) -> None:
    assert found.ratio == pytest.approx(1.198126, abs=1e-6)  # README of obp 0.4.1: 1.198126...
    assert found.agrees
    assert found.evaluation.of("logged").value == pytest.approx(0.0038)  # 38 clicks in 10,000 places
    assert found.evaluation.n_rows == 10_000


def test_the_other_estimators_and_the_truth_lie_within_the_interval(found: OpenBanditCheck) -> None:
    spread = found.evaluation.of("ips").ratio_interval
    assert spread is not None
    low, high = spread
    truth = 42 / 38  # clicks of 10,000 places that Thompson sampling did fill
    for value in (truth, found.evaluation.of("snips").ratio, found.evaluation.of("doubly_robust").ratio):
        assert value is not None
        assert low < value < high
    assert any("effective purchases" in note for note in found.evaluation.notes)


def test_the_reverse_question_gets_no_number(found: OpenBanditCheck) -> None:
    assert found.reverse_refused
    assert "effective sample of 2.1 of 10000" in found.reverse


def test_the_simulated_probabilities_are_those_of_the_integral() -> None:
    root = sample_in(None)
    alpha, beta = priors_of(root, "women")
    low, high = stats.beta.ppf(1e-9, alpha, beta).min(), stats.beta.ppf(1 - 1e-9, alpha, beta).max()
    at = np.linspace(low, high, 2001)
    below, density = stats.beta.cdf(at[:, None], alpha, beta), stats.beta.pdf(at[:, None], alpha, beta)
    exact = np.zeros((len(alpha), 3))
    for product in range(len(alpha)):
        n_above = np.zeros((len(at), 3))  # probability that 0, 1, 2 others are above
        n_above[:, 0] = 1
        for other in set(range(len(alpha))) - {product}:
            more = n_above[:, :-1] * (1 - below[:, [other]])
            n_above *= below[:, [other]]
            n_above[:, 1:] += more
        exact[product] = np.trapezoid(n_above * density[:, [product]], at, axis=0)
    simulated = thompson_probabilities(root, "women")
    assert exact.sum(axis=0) == pytest.approx([1, 1, 1], abs=1e-3)
    assert np.abs(simulated - exact).max() < 5 * np.sqrt(0.25 / 100_000)


def test_a_log_holds_what_the_file_holds() -> None:
    target = np.full((80, 3), 1 / 80)
    rows = bandit_rows(sample_in(None), logged_by="random", campaign="all", target=target)
    assert (len(rows), rows.reward.sum(), set(rows.slot.tolist())) == (10_000, 38, {0, 1, 2})
    assert rows.p_target() == pytest.approx(rows.p_logged)


def test_a_sample_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpenBanditMissing, match=r"prior_bts\.yaml is missing\. Install obp"):
        sample_in(tmp_path)
