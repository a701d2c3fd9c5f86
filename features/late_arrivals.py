"""What an ingest does with rows about people who were erased: a source may go on holding them."""

import secrets
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from features.columns import BASKET_ID, CUSTOMER_ID, TRANSACTIONS
from privacy.forgetting.modes import ANONYMISE, Mode
from privacy.forgetting.subjects import new_stand_in


class Tombs(Protocol):
    """Tells who was erased."""

    def of_sources(self, source_ids: Collection[str]) -> Mapping[str, Mode]:
        """Tell which of these people were erased, and how."""


class NobodyErased:
    """An installation in which nobody was ever erased."""

    def of_sources(self, source_ids: Collection[str]) -> Mapping[str, Mode]:  # noqa: ARG002 - whoever is asked about
        """Tell that nobody was."""
        return {}


NOBODY: Final = NobodyErased()


class LateArrivals:
    """Leaves erased people's rows out of one ingest.

    Of those who were anonymised the purchases stay, under a random id and random basket ids that are new with every
    ingest: neither two ingests nor the shop's id lead from one to the other.

    Args:
        tombs: Who was erased.
    """

    def __init__(self, tombs: Tombs) -> None:
        self._tombs = tombs
        self._modes: dict[str, Mode | None] = {}
        self._people: dict[str, str] = {}
        self._baskets: dict[str, str] = {}
        self.stand_ins: set[str] = set()
        self.n_left_out = 0

    def without_erased(self, rows: pa.Table, table: str) -> pa.Table:
        """Give the rows that may go on, in their order.

        Args:
            rows: Rows with the source's own ids; those without customers stay as they are.
            table: Their contract's name; of refused rows, anything but `transactions`.
        """
        if CUSTOMER_ID not in rows.schema.names:
            return rows
        ids = rows.column(CUSTOMER_ID).cast(pa.string())
        erased = self._erased(ids)
        if not erased:
            return rows
        kept = {one for one, mode in erased.items() if mode == ANONYMISE and table == TRANSACTIONS}
        gone = pc.is_in(ids, value_set=pa.array(sorted(erased.keys() - kept), pa.string()))
        self.n_left_out += pc.sum(gone).as_py() or 0
        stays = rows.filter(pc.invert(gone))
        return self._unlinked(stays, kept) if kept else stays

    def _erased(self, ids: pa.ChunkedArray) -> dict[str, Mode]:
        distinct = [one for one in ids.unique().to_pylist() if one is not None]
        new = [one for one in distinct if one not in self._modes]
        found = self._tombs.of_sources(new)
        self._modes.update((one, found.get(one)) for one in new)
        return {one: mode for one in distinct if (mode := self._modes[one]) is not None}

    def _unlinked(self, rows: pa.Table, people: Collection[str]) -> pa.Table:
        customers, baskets = rows.column(CUSTOMER_ID).to_pylist(), rows.column(BASKET_ID).to_pylist()
        theirs = [one in people for one in customers]
        for place, is_theirs in enumerate(theirs):
            if is_theirs:
                customers[place] = self._stand_in(customers[place])
                baskets[place] = self._baskets.setdefault(baskets[place], f"n0_{secrets.token_hex(16)}")
        for column, values in ((CUSTOMER_ID, customers), (BASKET_ID, baskets)):
            place = rows.schema.get_field_index(column)
            rows = rows.set_column(place, column, pa.array(values, pa.string()))
        return rows

    def _stand_in(self, source_id: str) -> str:
        if source_id not in self._people:
            self._people[source_id] = new_stand_in()
            self.stand_ins.add(self._people[source_id])
        return self._people[source_id]
