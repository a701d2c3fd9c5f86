"""The privacy statement that every bundle holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from privacy.errors import StatementUnreadable
from privacy.statement import STATEMENT_FILE, Statement, no_promise, read_statement
from training.artifact import Bundle, bundle_directory, write_bundle
from training.manifest import ManifestFacts, PrivacyStatement
from training.statements import statement_of, with_statement

MakeFacts = Callable[..., ManifestFacts]
PROMISE = Statement(
    setting="Central model.",
    mechanism="dp-counts",
    epsilon=1.5,
    delta=1e-5,
    mu=0.4,
    curve=((1.5, 1e-5),),
    accountant="PLD",
    not_covered=("what the customer is shown",),
)
CLAIM = PrivacyStatement.of(PROMISE)


def written(tmp_path: Path, facts: ManifestFacts, texts: dict[str, str]) -> Bundle:
    directory = bundle_directory(tmp_path, "m", "1")
    return write_bundle(directory, name="m", version="1", facts=facts, tensors={}, arrays={}, frames={}, texts=texts)


def test_a_version_without_a_promise_holds_a_statement_that_says_so(tmp_path: Path, facts_of: MakeFacts) -> None:
    bundle = written(tmp_path, facts_of(), {"note.md": "x"})
    opened = Bundle.open(bundle.directory)
    assert opened.statement() == read_statement(opened.text(STATEMENT_FILE)) == no_promise(CLAIM_OF_NONE.statement)
    assert opened.text("note.md") == "x"


CLAIM_OF_NONE = PrivacyStatement()


def test_a_promise_comes_with_its_own_statement_or_nothing_is_written(tmp_path: Path, facts_of: MakeFacts) -> None:
    facts = facts_of().model_copy(update={"privacy": CLAIM})
    for texts in ({}, {STATEMENT_FILE: no_promise("x").to_json()}, {STATEMENT_FILE: "{}"}):
        with pytest.raises(StatementUnreadable):
            written(tmp_path, facts, texts)
    assert not list(tmp_path.iterdir())
    assert written(tmp_path, facts, {STATEMENT_FILE: PROMISE.to_json()}).statement() == PROMISE


@pytest.mark.parametrize("other", [{"epsilon": 1.4}, {"delta": 1e-6}, {"mechanism": "dp-sgd"}, {"epsilon": 1.5000001}])
def test_every_figure_of_the_promise_must_agree(other: dict[str, object]) -> None:
    assert statement_of(CLAIM, PROMISE.to_json()) == PROMISE
    with pytest.raises(StatementUnreadable, match="something else"):
        statement_of(CLAIM, PROMISE.model_copy(update=other).to_json())


def test_a_bundle_from_before_there_were_statements_promises_nothing() -> None:
    assert statement_of(CLAIM_OF_NONE, None).mechanism == "none"
    with pytest.raises(StatementUnreadable, match="dp-counts, but the bundle holds none"):
        statement_of(CLAIM, None)
    with pytest.raises(StatementUnreadable, match="something else"):
        statement_of(CLAIM_OF_NONE, PROMISE.to_json())


def test_other_texts_stay_as_they_are() -> None:
    assert with_statement({"a": "b"}, CLAIM_OF_NONE).keys() == {"a", STATEMENT_FILE}
