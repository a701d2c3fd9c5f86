"""Privacy statements as records and in words."""

import json
import math

import pytest

from privacy.errors import StatementUnreadable
from privacy.statement import Assumption, Charge, Statement, in_words, no_promise, read_statement

WHOLE = Statement(
    setting="Central model.",
    mechanism="dp-sgd",
    epsilon=2.99,
    delta=1e-5,
    mu=0.7,
    curve=((2.99, 1e-5), (3.4, 1e-6)),
    accountant="PLD",
    sample_rate=0.1,
    noise_multiplier=4.7,
    max_grad_norm=1.0,
    steps=100,
    expected_batch_size=256,
    charges=(Charge(what="popularity", epsilon_alone=2.0),),
    assumptions=(Assumption(assumes="Poisson sampling.", met_by="it is enforced."),),
    covered=("the weights",),
    not_covered=("what the customer is shown",),
)

# From the contract of the files.
CONTRACT = {
    *("mechanism", "unit", "adjacency", "epsilon", "delta", "mu", "curve", "accountant", "sample_rate"),
    *("noise_multiplier", "max_grad_norm", "steps", "expected_batch_size", "charges", "covered", "not_covered"),
}


def test_it_is_read_as_it_was_written() -> None:
    assert read_statement(WHOLE.to_json()) == WHOLE
    assert read_statement(no_promise("Plain.").to_json()) == no_promise("Plain.")


def test_the_json_holds_the_fields_of_the_contract() -> None:
    written = json.loads(WHOLE.to_json())
    assert written.keys() >= CONTRACT
    assert written["curve"] == [[2.99, 1e-05], [3.4, 1e-06]]
    assert written["charges"] == [{"what": "popularity", "epsilon_alone": 2.0}]
    assert (written["unit"], written["adjacency"]) == ("customer", "add-or-remove-one-customer")


def test_the_words_hold_the_promise_its_figures_and_its_limits() -> None:
    words = in_words(WHOLE)
    for part in ("at most e^2.99", "probability 1e-05", "popularity: epsilon 2.000 by itself", "- the weights",
                 "- what the customer is shown", "Poisson sampling. Met: it is enforced."):  # fmt: skip
        assert part in words


def test_the_words_say_what_a_guesser_could_reach() -> None:
    words = in_words(WHOLE)
    factor = math.exp(2.99)
    assert f"right at most {(factor + 1e-5) / (factor + 1):.1%} of the time" in words  # 95.2%
    assert f"finds at most {factor / 1000 + 1e-5:.1%} of those" in words  # 2.0%
    assert "100 steps, each with every customer drawn with chance 0.1" in words
    assert "3.40 at 1e-06" in words


def test_no_guess_against_randomised_response_beats_the_bounds_in_words() -> None:
    """The mechanism that attains (epsilon, 0) reaches the first bound exactly and stays below the second."""
    epsilon = 1.2
    told_true = math.exp(epsilon) / (1 + math.exp(epsilon))
    small = WHOLE.model_copy(update={"epsilon": epsilon, "delta": 1e-12})
    assert f"right at most {told_true:.1%} of the time" in in_words(small)


@pytest.mark.parametrize(
    "wrong", [{"epsilon": None}, {"mu": None}, {"accountant": None}, {"mechanism": "none"}, {"delta": None}]
)
def test_a_promise_without_figures_and_figures_without_a_promise_are_refused(wrong: dict[str, object]) -> None:
    text = json.dumps({**json.loads(WHOLE.to_json()), **wrong})
    with pytest.raises(StatementUnreadable, match=r" (lacks|has) "):
        read_statement(text)


def test_a_model_without_a_promise_says_so_and_claims_nothing() -> None:
    words = in_words(no_promise("Trained as usual."))
    assert words.startswith("Trained as usual.")
    assert "Everything: without differential privacy nothing bounds" in words
    assert "There is no guarantee of differential privacy." in words
    assert "What protects people by other means:" in words
    assert "promise:" not in words
    assert "epsilon" not in words


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "Invalid JSON"),
        ("{}", "setting"),
        ('{"setting": "x", "mechanism": "magic", "not_covered": ["y"]}', "mechanism"),
        ('{"setting": "x", "mechanism": "none", "not_covered": []}', "not_covered"),
    ],
)
def test_what_is_no_statement_is_refused(text: str, named: str) -> None:
    with pytest.raises(StatementUnreadable, match=named):
        read_statement(text)
