"""The catalogue: which products enter, and where they are."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue, build_catalogue
from training.errors import CatalogueEmpty, CatalogueUnsorted

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)


def test_only_products_with_enough_buyers_before_the_cutoff_enter(
    purchases: pd.DataFrame, catalogue: Catalogue
) -> None:
    built = build_catalogue(purchases, CUTOFF, min_buyers=2)
    assert built.product_ids.tolist() == catalogue.product_ids.tolist()
    assert "caviar" in build_catalogue(purchases, CUTOFF, min_buyers=1).product_ids
    assert "caviar" in build_catalogue(purchases, datetime(2017, 4, 1, tzinfo=UTC), min_buyers=2).product_ids


def test_a_purchase_at_the_cutoff_does_not_count(purchases: pd.DataFrame) -> None:
    at_cutoff = purchases.assign(event_timestamp=pd.Timestamp(CUTOFF))
    with pytest.raises(CatalogueEmpty, match="no product has 1 buyers among the 0 purchase lines"):
        build_catalogue(at_cutoff, CUTOFF, min_buyers=1)


def test_positions_come_back_in_the_order_asked(catalogue: Catalogue) -> None:
    asked = ["milk", "caviar", "beer", "milk"]
    assert catalogue.index_of(asked).tolist() == [4, -1, 0, 4]
    assert catalogue.index_of(pd.Series(asked)).tolist() == [4, -1, 0, 4]
    assert catalogue.index_of(np.array(asked)).tolist() == [4, -1, 0, 4]
    assert catalogue.index_of([]).dtype == np.int64
    assert len(catalogue) == 5


@pytest.mark.parametrize("ids", [["b", "a"], ["a", "a"]])
def test_ids_out_of_order_are_refused(ids: list[str]) -> None:
    with pytest.raises(CatalogueUnsorted, match="position 1"):
        Catalogue(np.array(ids))
