"""The policy of one model: what decides, by which margin, and the digest that a report carries."""

import pytest

from configs.loading import load_settings
from fairness.errors import ModelNotAudited
from fairness.measures import Definition, Kind
from fairness.policy import Policy, policy_digest

SETTINGS = load_settings("test").fairness


def definition(measure: str, kind: Kind = "ratio") -> Definition:
    return Definition(
        surface="recommendations",
        measure=measure,
        title="",
        meaning="",
        unit="",
        ideal=1.0,
        kind=kind,
        source="",
    )


def test_a_registered_measure_decides_by_its_own_margin() -> None:
    policy = Policy(SETTINGS, "two-tower")
    assert policy.family("ndcg_at_10_all", "income") == "primary"
    assert policy.margin(definition("ndcg_at_10_all"), "income") == 0.75


def test_the_same_measure_by_another_attribute_only_explores() -> None:
    policy = Policy(SETTINGS, "two-tower")
    assert policy.family("ndcg_at_10_all", "income x age") == "exploratory"
    assert policy.margin(definition("ndcg_at_10_all"), "income x age") == SETTINGS.exploratory.ratio
    assert policy.margin(definition("spread", "difference"), "income") == SETTINGS.exploratory.difference


def test_each_model_has_its_own_family() -> None:
    assert Policy(SETTINGS, "demand").family("ndcg_at_10_all", "income") == "exploratory"
    assert Policy(SETTINGS, "demand").family("shelf_surcharge", "age") == "primary"


def test_a_model_without_a_family_is_not_audited() -> None:
    with pytest.raises(ModelNotAudited, match=r"'segments'.*demand, two-tower"):
        Policy(SETTINGS, "segments")


def test_any_change_of_the_policy_changes_its_digest() -> None:
    looser = SETTINGS.model_copy(update={"exploratory": SETTINGS.exploratory.model_copy(update={"ratio": 0.7})})
    assert policy_digest(looser) != policy_digest(SETTINGS)
    assert policy_digest(SETTINGS.model_copy()) == policy_digest(SETTINGS)


def test_who_makes_keys_is_no_part_of_the_policy() -> None:
    supplied = SETTINGS.release.model_copy(update={"create_missing_keys": False})
    assert policy_digest(SETTINGS.model_copy(update={"release": supplied})) == policy_digest(SETTINGS)
