"""Who is small: against counting by hand, and whatever the order of the products."""

import numpy as np
import pytest

from configs.fairness import SupplierSettings
from configs.loading import load_settings
from fairness.errors import SuppliersMalformed
from fairness.suppliers import LARGE, PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES, supplier_classes

SETTINGS = load_settings("test").fairness.suppliers

# manufacturer, brand, sales: branded totals are A 50, B 30, C 12, D 5, E 3, 100 in all
SHELF = [
    ("C", "National", 12),
    ("A", "National", 40),
    ("A", "National", 10),
    ("A", "Private", 500),
    ("E", "National", 3),
    ("D", "National", 5),
    ("B", "National", 30),
    ("B", "Private", 7),
]


def classes_of(settings: SupplierSettings = SETTINGS, shelf: list[tuple[str, str, int]] = SHELF) -> list[str]:
    makers, brands, sales = zip(*shelf, strict=True)
    return [str(name) for name in supplier_classes(np.array(brands), np.array(makers), np.array(sales), settings)]


def with_share(small_share: float) -> SupplierSettings:
    return SETTINGS.model_copy(update={"small_share": small_share})


def test_the_largest_that_make_four_fifths_of_branded_sales_are_not_small() -> None:
    found = dict(zip((maker + brand for maker, brand, _ in SHELF), classes_of(), strict=True))
    assert found == {
        "ANational": LARGE,
        "APrivate": PRIVATE_LABEL,
        "BNational": LARGE,  # A and B make exactly 80 of 100
        "BPrivate": PRIVATE_LABEL,
        "CNational": SMALL,
        "DNational": SMALL,
        "ENational": SMALL,
    }


@pytest.mark.parametrize("small_share", [0.0, 0.03, 0.1, 0.2, 0.21, 0.5, 1.0])
def test_the_small_make_at_most_their_share_and_one_more_would_make_more(small_share: float) -> None:
    found = classes_of(with_share(small_share))
    totals: dict[str, int] = {}
    small = set()
    for (maker, brand, sales), name in zip(SHELF, found, strict=True):
        if brand != "Private":
            totals[maker] = totals.get(maker, 0) + sales
        if name == SMALL:
            small.add(maker)
    sold = sum(totals[maker] for maker in small)
    assert sold <= small_share * 100 + 1e-9
    others = [totals[maker] for maker in totals if maker not in small]
    if others:
        assert sold + min(others) > small_share * 100
        assert min(others) >= max((totals[maker] for maker in small), default=0)


def test_ties_go_by_id_whatever_the_order_of_the_products() -> None:
    shelf = [("b", "N", 5), ("a", "N", 5), ("c", "N", 5), ("d", "N", 5)]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        shuffled = [shelf[i] for i in order]
        found = classes_of(with_share(0.5), shuffled)
        assert {maker for (maker, _, _), name in zip(shuffled, found, strict=True) if name == SMALL} == {"c", "d"}


def test_a_manufacturer_who_sold_nothing_is_small_and_products_without_one_stand_together() -> None:
    assert classes_of(SETTINGS, [("", "N", 5), ("", "N", 6), ("new", "N", 0)]) == [LARGE, LARGE, SMALL]
    assert classes_of(SETTINGS, [("x", "N", 0), ("y", "Private", 9)]) == [SMALL, PRIVATE_LABEL]


def test_an_empty_shelf_has_no_classes() -> None:
    nothing = np.array([], dtype=str)
    assert len(supplier_classes(nothing, nothing, np.array([]), SETTINGS)) == 0
    assert set(classes_of()) <= set(SUPPLIER_CLASSES)


@pytest.mark.parametrize("sales", [[1.0, np.nan], [1.0, -1.0], [np.inf, 1.0]])
def test_sales_that_are_no_sales_are_refused(sales: list[float]) -> None:
    with pytest.raises(SuppliersMalformed, match="1 of 2 sales are negative or not finite"):
        supplier_classes(np.array(["N", "N"]), np.array(["a", "b"]), np.array(sales), SETTINGS)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(SuppliersMalformed, match="2 brands, 1 manufacturers and 2 sales"):
        supplier_classes(np.array(["N", "N"]), np.array(["a"]), np.array([1, 2]), SETTINGS)
