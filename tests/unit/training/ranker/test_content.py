"""Codes of four products."""

import numpy as np
import pyarrow as pa

from training.ranker.content import GROUPS, LINE, MAKER, TYPE, read_content


def test_codes_tell_apart_what_differs() -> None:
    rows = {
        "product_type": ["ale", "ale", "bun", None],
        "category": ["drink", "drink", "bakery", None],
        "manufacturer_id": ["1", "2", "1", "1"],
        "department": ["food"] * 4,
        "brand": ["Private", "National", "National", None],
    }
    content = read_content(pa.table(rows), private_brand="Private")
    assert set(content.codes) == set(GROUPS)
    np.testing.assert_array_equal(content.codes[TYPE], [1, 1, 2, 0])
    assert len(set(content.codes[LINE])) == 4
    assert content.n_codes(MAKER) == 2
    np.testing.assert_array_equal(content.private_label, [1, 0, 0, 0])
