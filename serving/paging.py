"""Lists in pages, by an opaque cursor that names the last entry shown."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from serving.errors import FieldError, FieldsInvalid

Entry = TypeVar("Entry")


def page_of(
    entries: Sequence[Entry],
    id_of: Callable[[Entry], str],
    *,
    limit: int,
    cursor: str | None,
    wanted: Callable[[Entry], bool] = lambda _: True,
) -> tuple[Sequence[Entry], str | None]:
    """Cut one page out of a list.

    Args:
        entries: The whole list, in its order.
        id_of: Gives the id of an entry; ids are unique.
        limit: Most entries on this page.
        cursor: Where the page before ended; None begins. It stays good if that entry is no longer wanted.
        wanted: Which entries to show; all by default.

    Returns:
        The page, and the cursor of the next one, None after the last.

    Raises:
        FieldsInvalid: If the cursor is none of ours, or its entry is gone.

    >>> page_of(["c", "b", "a"], str, limit=2, cursor=None)
    (['c', 'b'], 'Yg==')
    >>> page_of(["d", "c", "b", "a"], str, limit=2, cursor="Yg==")
    (['a'], None)
    """
    start = 0 if cursor is None else _position([id_of(entry) for entry in entries], cursor) + 1
    rest = [entry for entry in entries[start:] if wanted(entry)]
    shown = rest[:limit]
    return shown, base64.urlsafe_b64encode(id_of(shown[-1]).encode()).decode() if len(rest) > limit else None


def _position(ids: list[str], cursor: str) -> int:
    try:
        return ids.index(base64.b64decode(cursor, altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError):  # not base64, not text, or not in the list
        message = "This cursor is not one of ours, or its entry is gone. Begin again without a cursor."
        fault = FieldError(field="cursor", code="UNKNOWN_CURSOR", message=message)
        raise FieldsInvalid(errors=[fault]) from None
