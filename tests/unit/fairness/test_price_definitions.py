"""The words and names of what is measured about prices."""

from configs.loading import load_settings
from fairness.price_definitions import DEFINITIONS, part_name


def test_names_are_distinct_and_every_registered_price_measure_is_there() -> None:
    names = [definition.measure for definition in DEFINITIONS]
    assert len(set(names)) == len(names)
    for entry in load_settings("test").fairness.primary.demand:
        assert entry.measure in names


def test_every_measure_says_what_it_means_in_whole_sentences() -> None:
    for definition in DEFINITIONS:
        assert definition.surface == "prices"
        assert definition.meaning.endswith(".")
        assert definition.meaning[0].isupper()
        assert 20 < len(definition.meaning) < 400
        assert definition.title
        assert definition.source


def test_parts_of_a_figure_are_named_after_it() -> None:
    assert part_name("paid_over_shelf", "week") == "paid_over_shelf_mix_week"
    assert part_name("discount_depth", "rest") == "discount_depth_rest"
