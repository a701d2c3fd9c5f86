"""Statements made from releases."""

from datetime import UTC, datetime

import pytest

from privacy.accounting import curve, epsilon, epsilon_prv, mu
from privacy.errors import PrivacyParameterInvalid
from privacy.events import DiscreteLaplace, Gaussian, GaussianPoisson
from privacy.ledger import Spent
from privacy.ledger_book import Window
from privacy.statement import in_words, read_statement
from privacy.stating import Release, TrainingFacts, make_statement

DELTA = 1e-5
STEPS = GaussianPoisson(noise_multiplier=6.0, sample_rate=0.1, steps=100)
COUNTS = Gaussian(noise_multiplier=4.0)
RELEASES = (Release("popularity", (COUNTS,)), Release("training", (STEPS,)))
FACTS = TrainingFacts(sample_rate=0.1, noise_multiplier=6.0, max_grad_norm=1.0, steps=100, expected_batch_size=256)
SPENT = Spent(
    lineage="a shop",
    unit="customer",
    window=Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)),
    epsilon=4.2,
    delta=DELTA,
    cap_epsilon=8.0,
    remaining=3.8,
    sum_of_epsilons=6.0,
    lifetime_epsilon=5.5,
    events=(STEPS, COUNTS),
)


def test_the_whole_is_composed_from_every_release() -> None:
    made = make_statement(RELEASES, delta=DELTA, training=FACTS, spent=SPENT)
    both = (COUNTS, STEPS)
    assert made.epsilon == epsilon(both, DELTA)
    assert made.mu == mu(both)
    assert made.curve == curve(both)
    assert [(one.what, one.epsilon_alone) for one in made.charges] == [
        ("popularity", epsilon([COUNTS], DELTA)),
        ("training", epsilon([STEPS], DELTA)),
    ]
    assert sum(one.epsilon_alone for one in made.charges) > made.epsilon
    prv, rdp = made.cross_checks
    assert prv.epsilon == pytest.approx(epsilon_prv(both, DELTA))
    assert abs(prv.epsilon / made.epsilon - 1) < 0.02
    assert rdp.epsilon > made.epsilon
    assert made.composed_total is not None
    assert (made.composed_total.epsilon, made.composed_total.lifetime_epsilon) == (4.2, 5.5)
    assert read_statement(made.to_json()) == made


def test_counts_alone_claim_no_training() -> None:
    made = make_statement(RELEASES[:1], delta=DELTA, training=None, spent=None)
    assert (made.mechanism, made.steps, made.noise_multiplier, made.composed_total) == ("dp-counts", None, None, None)
    assert not any("Poisson" in one.met_by for one in made.assumptions)
    assert any("Poisson" in one.met_by for one in make_statement(
        RELEASES, delta=DELTA, training=FACTS, spent=None).assumptions)  # fmt: skip


def test_noise_that_a_check_does_not_know_leaves_the_check_out() -> None:
    made = make_statement([Release("size", (DiscreteLaplace(scale=10.0),))], delta=DELTA, training=None, spent=None)
    assert made.cross_checks == ()
    assert made.epsilon == pytest.approx(0.1, abs=1e-3)


def test_the_words_tell_who_is_trusted_and_what_everything_cost() -> None:
    words = in_words(make_statement(RELEASES, delta=DELTA, training=FACTS, spent=SPENT))
    assert "Central model" in words
    assert "epsilon 4.200 of 8.00; ever: 5.500" in words
    assert "segment exports" in words


def test_a_delta_out_of_range_is_refused() -> None:
    with pytest.raises(PrivacyParameterInvalid, match="delta is 0"):
        make_statement(RELEASES, delta=0.0, training=FACTS, spent=None)
