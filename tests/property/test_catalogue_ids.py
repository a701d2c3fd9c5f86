"""Ids and dense positions are two names of one product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.catalogue import Catalogue
from training.errors import CatalogueUnsorted

# numpy's text ends at a null character, and a lone surrogate is no text.
ids = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
id_sets = st.sets(ids, min_size=1, max_size=30)


@given(id_sets)
def test_ids_come_back_from_their_positions(known: set[str]) -> None:
    catalogue = Catalogue(np.array(sorted(known)))
    assert len(catalogue) == len(known)
    positions = catalogue.index_of(catalogue.product_ids)
    assert positions.tolist() == list(range(len(known)))
    assert catalogue.product_ids[catalogue.index_of(sorted(known, reverse=True))].tolist() == sorted(known)[::-1]


@given(known=id_sets, asked=st.lists(ids, max_size=30))
def test_an_id_has_its_position_or_none(known: set[str], asked: list[str]) -> None:
    catalogue = Catalogue(np.array(sorted(known)))
    listed = sorted(known)
    assert catalogue.index_of(asked).tolist() == [listed.index(one) if one in known else -1 for one in asked]


@given(st.lists(ids, min_size=2, max_size=10))
def test_only_strictly_ascending_ids_make_a_catalogue(given_ids: list[str]) -> None:
    if given_ids == sorted(set(given_ids)):
        assert len(Catalogue(np.array(given_ids))) == len(given_ids)
    else:
        with pytest.raises(CatalogueUnsorted):
            Catalogue(np.array(given_ids))
