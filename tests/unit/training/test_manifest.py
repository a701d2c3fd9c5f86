"""The manifest's privacy statement: empty promises as before, full ones with every figure of the contract."""

import json
from collections.abc import Callable

from privacy.accounting import epsilon
from privacy.events import Gaussian, GaussianPoisson
from privacy.stating import Release, TrainingFacts, make_statement
from training.manifest import ManifestFacts, PrivacyStatement

CONTRACT = {
    "mechanism", "unit", "adjacency", "epsilon", "delta", "mu", "curve", "accountant", "sample_rate",
    "noise_multiplier", "max_grad_norm", "steps", "expected_batch_size", "charges", "covered", "not_covered",
}  # fmt: skip


def test_no_promise_is_written_as_before_there_were_promises() -> None:
    written = json.loads(PrivacyStatement().model_dump_json())
    assert set(written) == {"mechanism", "epsilon", "delta", "unit", "statement"}
    assert PrivacyStatement.model_validate(written) == PrivacyStatement()


def test_a_promise_has_every_figure_of_the_contract_and_comes_back(facts_of: Callable[..., ManifestFacts]) -> None:
    counts = Gaussian(noise_multiplier=6.0)
    steps = GaussianPoisson(noise_multiplier=8.0, sample_rate=0.05, steps=10)
    made = make_statement(
        [Release("counts", (counts,)), Release("training", (steps,))],
        delta=1e-5,
        training=TrainingFacts(
            sample_rate=0.05, noise_multiplier=8.0, max_grad_norm=1.0, steps=10, expected_batch_size=64
        ),
        spent=None,
    )
    promised = PrivacyStatement.of(made)
    written = json.loads(promised.model_dump_json())
    assert set(written) >= CONTRACT
    assert written["epsilon"] == epsilon((counts, steps), 1e-5)
    assert [charge["what"] for charge in written["charges"]] == ["counts", "training"]
    assert all(len(point) == 2 for point in written["curve"])
    assert PrivacyStatement.model_validate(written) == promised
    assert "The promise" in promised.statement
    facts = facts_of().model_copy(update={"privacy": promised})
    assert ManifestFacts.model_validate_json(facts.model_dump_json()) == facts
