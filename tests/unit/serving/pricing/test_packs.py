"""How much is in a pack, and which packs are one line: worked by hand."""

import numpy as np
import pytest

from serving.pricing.packs import amount_in, families

Row = tuple[str, str, str, str, float]  # maker, brand, type, size, price

SMALL: Row = ("m1", "OWN", "RICE", "12 OZ", 1.00)
LARGE: Row = ("m1", "OWN", "RICE", "24 OZ", 1.70)


def found(*rows: Row) -> list[str]:
    """Families of products."""
    names = ("manufacturer_id", "brand", "product_type", "package_size")
    attributes = {name: np.array([row[place] for row in rows], dtype=object) for place, name in enumerate(names)}
    keys, _ = families(attributes, np.array([row[4] for row in rows], dtype=float))
    return [str(key) for key in keys]


@pytest.mark.parametrize(
    ("text", "dimension", "amount"),
    [
        ("12 OZ", "oz", 12.0),
        ("12OZ", "oz", 12.0),
        ("  16.5  oz ", "oz", 16.5),
        (".5 LB", "oz", 8.0),
        ("1 LB", "oz", 16.0),
        ("6/12 OZ", "oz", 72.0),
        ("8PK 12 OZ", "oz", 96.0),
        ("12 FL OZ", "oz", 12.0),
        ("1 GAL", "oz", 128.0),
        ("2 QT", "oz", 64.0),
        ("6 CT", "piece", 6.0),
        ("2 DZ", "piece", 24.0),
        ("40 SQ FT", "square foot", 40.0),
        ("32 LOADS", "load", 32.0),
    ],
)
def test_sizes_are_read(text: str, dimension: str, amount: float) -> None:
    said = amount_in(text)
    assert said is not None
    assert said[0] == dimension
    assert said[1] == pytest.approx(amount)


@pytest.mark.parametrize("text", ["", "LARGE", "12", "0 OZ", "12 PARSECS", "OZ", "ABOUT 12 OZ"])
def test_sizes_that_say_nothing_are_none(text: str) -> None:
    assert amount_in(text) is None


def test_two_sizes_of_one_line_are_a_family() -> None:
    assert found(SMALL, LARGE) == ["m1/OWN/RICE/oz"] * 2
    assert found(LARGE, SMALL) == ["m1/OWN/RICE/oz"] * 2


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (("m2", "OWN", "RICE", "24 OZ", 1.70), "another maker"),
        (("m1", "NATIONAL", "RICE", "24 OZ", 1.70), "another brand"),
        (("m1", "OWN", "PASTA", "24 OZ", 1.70), "another type"),
        (("m1", "OWN", "RICE", "24 CT", 1.70), "pieces are no ounces"),
        (("m1", "OWN", "RICE", "FAMILY", 1.70), "a size that says nothing"),
        (("m1", "OWN", "RICE", "24 OZ", float("nan")), "no price"),
        (("m1", "OWN", "RICE", "24 OZ", 0.99), "larger and cheaper"),
        (("m1", "OWN", "RICE", "24 OZ", 2.01), "larger and dearer for its content"),
        (("m1", "OWN", "RICE", "12 OZ", 1.01), "as large and not as dear"),
    ],
)
def test_what_is_no_family(other: Row, why: str) -> None:
    assert found(SMALL, other) == ["", ""], why


@pytest.mark.parametrize("price", [1.00, 2.00])
def test_the_edges_of_a_family(price: float) -> None:
    """As dear as the smaller pack, or exactly twice: still told by size."""
    assert found(SMALL, ("m1", "OWN", "RICE", "24 OZ", price))[0] != ""


def test_packs_alike_in_all_are_a_family() -> None:
    assert found(SMALL, SMALL, LARGE)[0] != ""


def test_without_a_maker_or_a_type_nobody_can_tell() -> None:
    assert found(("", "OWN", "RICE", "12 OZ", 1.0), ("", "OWN", "RICE", "24 OZ", 1.7)) == ["", ""]
    assert found(("m1", "OWN", "", "12 OZ", 1.0), ("m1", "OWN", "", "24 OZ", 1.7)) == ["", ""]


def test_one_that_does_not_fit_breaks_its_own_family_alone() -> None:
    odd: Row = ("m1", "OWN", "RICE", "48 OZ", 0.50)
    beans: tuple[Row, Row] = (("m1", "OWN", "BEANS", "12 OZ", 1.0), ("m1", "OWN", "BEANS", "1 LB", 1.1))
    assert found(SMALL, beans[0], LARGE, odd, beans[1]) == ["", "m1/OWN/BEANS/oz", "", "", "m1/OWN/BEANS/oz"]


def test_one_without_a_price_leaves_the_others() -> None:
    unknown: Row = ("m1", "OWN", "RICE", "48 OZ", float("nan"))
    assert found(SMALL, unknown, LARGE) == ["m1/OWN/RICE/oz", "", "m1/OWN/RICE/oz"]


def test_no_products_no_families() -> None:
    assert found() == []


def test_amounts_are_given_where_they_can_be_told() -> None:
    attributes = {name: np.array(["", ""], dtype=object) for name in ("manufacturer_id", "brand", "product_type")}
    attributes["package_size"] = np.array(["1 LB", "BIG"], dtype=object)
    _, amount = families(attributes, np.array([1.0, 1.0]))
    np.testing.assert_array_equal(amount, [16.0, np.nan])
