"""The model card says what was measured and what was not."""

from collections.abc import Callable

from training.evaluation_results import Evaluation
from training.manifest import ManifestFacts
from training.model_card import model_card


def test_the_card_holds_origin_privacy_figures_and_limits(
    facts_of: Callable[..., ManifestFacts], evaluation_of: Callable[..., Evaluation]
) -> None:
    facts, evaluation = facts_of(), evaluation_of(all_gain=0.1)
    card = model_card(name="two-tower", version="3", description="Recommends.", facts=facts, evaluation=evaluation)
    assert card.startswith("# two-tower, version 3\n\nRecommends.\n")
    for origin in (facts.data_snapshot_digest, facts.code_commit, facts.lock_digest, "made up for a test"):
        assert origin in card
    assert facts.privacy.statement in card
    assert "What protects people by other means:" in card
    assert "| two-tower | – | 0.3300 [0.2970, 0.3630] | – | – | 50 |" in card
    assert "2 of 50 judged customers had not agreed" in card
    assert "## Limits" in card
    assert "fairness report of this version" in card


def test_subsets_that_were_measured_are_listed(
    facts_of: Callable[..., ManifestFacts], evaluation_of: Callable[..., Evaluation]
) -> None:
    evaluation = evaluation_of()
    cold = evaluation.scores[0].model_copy(update={"subset": "cold", "value": 0.125, "n_customers": 4})
    evaluation = evaluation.model_copy(update={"scores": (*evaluation.scores, cold)})
    card = model_card(name="m", version="1", description="d", facts=facts_of(), evaluation=evaluation)
    assert "| all, cold | – | 0.1250 " in card
    assert "all, warm" not in card
