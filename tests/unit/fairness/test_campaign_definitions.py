"""Names and plain words of the measures of campaigns."""

from fairness.campaign_definitions import FIXED, NO_SELECTION, definitions_of, slug


def test_kinds_become_ends_of_names() -> None:
    assert [slug(kind) for kind in ("Type A", "mail-order  (big)", "!!")] == ["type_a", "mail_order_big", "unnamed"]


def test_every_kind_has_a_rate_and_odds_beside_the_fixed_measures() -> None:
    names = [definition.measure for definition in definitions_of(["Type A", "Type B"])]
    assert names[:4] == [
        "selection_rate_type_a",
        "adjusted_odds_ratio_type_a",
        "selection_rate_type_b",
        "adjusted_odds_ratio_type_b",
    ]
    assert names[4:] == [definition.measure for definition in FIXED]
    assert len(set(names)) == len(names)


def test_without_kinds_the_selection_rate_is_still_defined() -> None:
    assert definitions_of([])[0] is NO_SELECTION


def test_four_fifths_is_said_to_be_an_analogy() -> None:
    rate = definitions_of(["Type A"])[0]
    assert "rule of employment law and is used by analogy" in rate.meaning
    assert "by analogy" in rate.source
    assert (rate.kind, rate.ideal, rate.more_is_better) == ("ratio", 1.0, True)
