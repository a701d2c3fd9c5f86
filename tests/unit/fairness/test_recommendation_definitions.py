"""What the report says of each measure before any figure."""

from collections import Counter

import pytest

from configs.loading import load_settings
from fairness.measures import Definition
from fairness.recommendation_definitions import DEFINITIONS, SUPPLIER_CLASS


def test_names_are_used_once() -> None:
    assert max(Counter(definition.measure for definition in DEFINITIONS).values()) == 1


def test_every_registered_measure_of_the_recommender_is_defined() -> None:
    registered = {entry.measure for entry in load_settings("test", []).fairness.primary.two_tower}
    assert registered <= {definition.measure for definition in DEFINITIONS}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.measure)
def test_a_contrast_that_harms_nobody_is_what_its_kind_says(definition: Definition) -> None:
    ideal = 0.0 if definition.kind == "difference" and definition.reference == "groups" else 1.0
    assert definition.ideal == ideal
    assert definition.surface == "recommendations"
    assert definition.title
    assert definition.meaning.endswith(".")
    assert definition.source


def test_only_too_little_room_is_harm_to_small_manufacturers() -> None:
    sides = {d.measure: (d.reference, d.side) for d in DEFINITIONS if "exposure" in d.measure}
    assert sides == {
        "small_supplier_exposure_all": ("ideal", "low"),
        "small_supplier_exposure_novel": ("ideal", "low"),
        "private_label_exposure_all": ("ideal", "both"),
        "private_label_exposure_novel": ("ideal", "both"),
    }
    registered = load_settings("test", []).fairness.primary.two_tower
    assert {entry.attribute for entry in registered if entry.measure in sides} == {SUPPLIER_CLASS}
