"""Lists in pages: nothing twice, nothing left out, and no cursor but ours."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import FieldsInvalid
from serving.paging import page_of


def all_pages(ids: list[str], limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor: str | None = None
    while True:
        shown, cursor = page_of(ids, str, limit=limit, cursor=cursor)
        pages.append(list(shown))
        if cursor is None:
            return pages


@given(
    st.lists(st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()), unique=True, max_size=30),
    st.integers(1, 10),
)
def test_pages_make_up_the_list(ids: list[str], limit: int) -> None:
    pages = all_pages(ids, limit)
    assert [one for page in pages for one in page] == ids
    assert all(len(page) == limit for page in pages[:-1])
    assert len(pages) == max(1, -(-len(ids) // limit))


def test_a_cursor_stays_good_when_its_entry_is_no_longer_wanted() -> None:
    _, cursor = page_of(["d", "c", "b", "a"], str, limit=2, cursor=None)
    shown, after = page_of(["d", "c", "b", "a"], str, limit=2, cursor=cursor, wanted=lambda one: one == "a")
    assert (list(shown), after) == (["a"], None)


@pytest.mark.parametrize("cursor", ["", "A", "AAAA", "Zm9v", "%%%", "/w==", "ä", base64.b64encode(b"gone").decode()])
def test_foreign_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(FieldsInvalid) as refused:
        page_of(["b", "a"], str, limit=1, cursor=cursor)
    assert [(fault.field, fault.code) for fault in refused.value.errors] == [("cursor", "UNKNOWN_CURSOR")]
