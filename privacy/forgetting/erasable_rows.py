"""Erasable stores of the privacy package: tables of the state database, and the identity vault."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from privacy.forgetting.modes import Mode
from privacy.forgetting.subjects import Subject, pseudonyms_of
from privacy.vault import IdentityVault

CONSENT_TABLE: Final = "consent_records"
CONSENT_COLUMN: Final = "customer_id"

_AT_ONCE: Final = 500  # names per statement


@dataclass(frozen=True)
class StateRows:
    """Rows of one table of the state database, found by the pseudonym in one of its columns.

    Args:
        engine: The state database.
        name: What receipts call the store.
        table: The table; one that nobody made yet holds nothing.
        column: Where the pseudonym stands.
        words: What happens to the rows, in words.
    """

    engine: sa.Engine
    name: str
    table: str
    column: str
    words: str

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return self.words

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give the person's rows."""
        table = self._reflected()
        if table is None:
            return []
        asked = sa.select(table).where(table.c[self.column].in_(subject.pseudonyms))
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(asked).mappings()]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the rows of each person."""
        table, places = self._reflected(), pseudonyms_of(subjects)
        if table is None:
            return [0] * len(subjects)
        column, counts = table.c[self.column], Counter[int]()
        with self.engine.connect() as connection:
            for part in parts(places):
                asked = sa.select(column, sa.func.count()).where(column.in_(part)).group_by(column)
                for pseudonym, number in connection.execute(asked):
                    counts[places[pseudonym]] += number
        return [counts[place] for place in range(len(subjects))]

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows, all in one transaction."""
        table = self._reflected()
        if table is None:
            return
        with self.engine.begin() as connection:
            for part in parts(pseudonyms_of(subjects)):
                connection.execute(sa.delete(table).where(table.c[self.column].in_(part)))

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows: without their person they are of no use."""
        self.erase(subjects)

    def _reflected(self) -> sa.Table | None:
        if not sa.inspect(self.engine).has_table(self.table):
            return None
        return sa.Table(self.table, sa.MetaData(), autoload_with=self.engine)


def consent_rows(engine: sa.Engine) -> StateRows:
    """Give the consent ledger as a store."""
    words = "every decision is removed; absent means not granted, so nothing is allowed from then on"
    return StateRows(engine, "consents", CONSENT_TABLE, CONSENT_COLUMN, words)


class VaultRows:
    """The links between the shop's ids and pseudonyms.

    Args:
        vault: The identity vault.
    """

    name = "vault"

    def __init__(self, vault: IdentityVault) -> None:
        self._vault = vault

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return "the link between the shop's id and its pseudonyms is removed"

    def find(self, subject: Subject) -> list[Mapping[str, Any]]:
        """Give the pseudonyms on file."""
        return [{"pseudonym": pseudonym} for _, pseudonym in self._vault.links([subject.source_id])]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the links of each person."""
        counts = Counter(source_id for source_id, _ in self._vault.links([subject.source_id for subject in subjects]))
        return [counts[subject.source_id] for subject in subjects]

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the links."""
        self._vault.erase([subject.source_id for subject in subjects])

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove the links."""
        self.erase(subjects)


def parts(names: Iterable[str]) -> Iterator[list[str]]:
    """Cut names into lists that one statement takes."""
    listed = list(names)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
