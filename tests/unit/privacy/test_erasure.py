"""The run: one protocol for all stores, each step noted, nothing lost by a kill, nothing left unsaid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.erasure import Erasures, House
from privacy.forgetting.erasure_book import ErasureBook
from privacy.forgetting.errors import ErasureIncomplete, ErasureKeyReused
from privacy.forgetting.modes import ANONYMISE, ERASE, Mode
from privacy.forgetting.receipts import ModelPlan, ReceiptDesk
from privacy.forgetting.subjects import Subject
from privacy.forgetting.tombstones import Tombstones

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = ModelPlan(name="m", version="1", champion=True, trained_at=NOW, retrain_by=NOW, plan="again")


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Shelf:
    """A store in memory; `dies` ends the process after its work, `leaks` gives a row back."""

    name: str
    rows: dict[str, int]
    dies: bool = False
    leaks: bool = False
    calls: list[str] = field(default_factory=list)

    def action(self, mode: Mode) -> str:
        """Say what happens."""
        return f"{mode} in {self.name}"

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give a row with the number."""
        return [{"n": self.rows.get(subject.source_id, 0)}]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count rows."""
        return [self.rows.get(subject.source_id, 0) for subject in subjects]

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove rows, and die or leak where told."""
        self.calls.append("erase")
        for subject in subjects:
            self.rows.pop(subject.source_id, None)
            if self.leaks:
                self.rows[subject.source_id] = 1
        if self.dies:
            self.dies = False
            raise Killed

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove rows."""
        self.erase(subjects)
        self.calls[-1] = "anonymise"


class Blind(Shelf):
    """A store that nobody here can look into."""

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """See nothing."""
        return [None] * len(subjects)


@dataclass
class Late(Shelf):
    """A store during whose first work a row arrives in another."""

    behind: Shelf | None = None

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove rows, and let one arrive elsewhere."""
        super().erase(subjects)
        if self.behind is not None and len(self.calls) == 1:
            self.behind.rows["anna"] = 5


@dataclass
class Weights:
    """Models that know everybody."""

    def snapshots(self) -> list[str]:
        """Name one lake."""
        return ["d1"]

    def plans(self, erased_at: datetime, stale: Sequence[str]) -> list[ModelPlan]:
        """Give one plan."""
        assert (erased_at, list(stale)) == (NOW, ["d1"])
        return [PLAN]


class Plain:
    """Names that are easy to read."""

    def subject(self, source_id: str, stand_in: str | None = None) -> Subject:
        """Make a name."""
        return Subject(source_id, (f"c1_{source_id}",), stand_in or "n0_")


@pytest.fixture
def shelves() -> list[Shelf]:
    return [Shelf("a", {"anna": 2, "bert": 1}), Blind("b", {}), Shelf("c", {"anna": 1})]


@pytest.fixture
def opened(tmp_path: Path, shelves: list[Shelf]) -> Callable[[], Erasures]:
    """Opens the same erasure as another process would."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    compacted: list[int] = []

    def make() -> Erasures:
        house = House(tuple(shelves), Weights(), Plain(), lambda: compacted.append(1), tmp_path / ".lock")
        return Erasures(
            book=ErasureBook(engine),
            tombstones=Tombstones(engine, bytes(32)),
            house=house,
            desk=ReceiptDesk(tmp_path / "keys", create=True),
            now=lambda: NOW,
        )

    return make


def found(erasures: Erasures, erasure_id: str) -> dict[str, tuple[int | None, int | None]]:
    receipt = erasures.book.get(erasure_id).receipt
    assert receipt is not None
    return {row.store: (row.found, row.left) for row in receipt.stores}


def test_each_person_gets_a_receipt_of_their_own(opened: Callable[[], Erasures]) -> None:
    erasures = opened()
    ids = [erasures.request(one, "erase", by="x") for one in ("anna", "bert", "nobody")]
    assert erasures.run() == ids
    assert found(erasures, ids[0]) == {"a": (2, 0), "b": (None, None), "c": (1, 0)}
    assert found(erasures, ids[1]) == {"a": (1, 0), "b": (None, None), "c": (0, 0)}
    receipts = [erasures.book.get(one).receipt for one in ids]
    assert [len(one.models) for one in receipts if one] == [1, 1, 0], "nobody's data is in no model"
    assert erasures.tombstones.of_sources(["anna", "nobody", "carl"]) == {"anna": "erase", "nobody": "erase"}
    assert erasures.run() == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_kill_at_any_store_is_made_good_and_loses_no_count(
    opened: Callable[[], Erasures], shelves: list[Shelf], place: int
) -> None:
    erasure_id = opened().request("anna", "erase", by="x")
    shelves[place].dies = True
    with pytest.raises(Killed):
        opened().run()
    assert opened().tombstones.of_sources(["anna"]), "what arrives between is refused already"
    assert opened().run() == [erasure_id]
    assert found(opened(), erasure_id) == {"a": (2, 0), "b": (None, None), "c": (1, 0)}
    assert [len(shelf.calls) for shelf in shelves] == [2 if at == place else 1 for at in range(3)]


def test_what_a_store_keeps_is_never_called_erased(opened: Callable[[], Erasures], shelves: list[Shelf]) -> None:
    erasure_id = opened().request("anna", "erase", by="x")
    shelves[2].leaks = True
    with pytest.raises(ErasureIncomplete, match=r"c still holds 1 row"):
        opened().run()
    assert opened().book.get(erasure_id).receipt is None
    shelves[2].leaks = False
    assert opened().run() == [erasure_id]


def test_what_arrives_while_the_run_goes_on_is_swept_up(opened: Callable[[], Erasures], shelves: list[Shelf]) -> None:
    erasure_id = opened().request("anna", "erase", by="x")
    shelves.append(Late("d", {}, behind=shelves[0]))
    assert opened().run() == [erasure_id]
    assert "anna" not in shelves[0].rows


def test_each_mode_goes_its_own_way(opened: Callable[[], Erasures], shelves: list[Shelf]) -> None:
    erasures = opened()
    erased, hidden = erasures.request("anna", "erase", by="x"), erasures.request("bert", "anonymise", by="x")
    assert erasures.run() == [erased, hidden]
    assert shelves[0].calls == ["erase", "anonymise"]
    assert erasures.tombstones.of_sources(["anna", "bert"]) == {"anna": "erase", "bert": "anonymise"}
    receipt = erasures.book.get(hidden).receipt
    assert receipt is not None
    assert receipt.stores[0].action == "anonymise in a"


def test_an_idempotency_key_names_no_id(opened: Callable[[], Erasures], tmp_path: Path) -> None:
    erasures = opened()
    first = erasures.request("anna", "erase", by="x", key="key-of-anna")
    assert erasures.request("anna", "erase", by="x", key="key-of-anna") == first
    assert erasures.request("anna", "erase", by="y", key="key-of-anna") != first, "another caller's key is another key"
    others: tuple[tuple[str, Mode], ...] = (("bert", ERASE), ("anna", ANONYMISE))
    for source_id, mode in others:
        with pytest.raises(ErasureKeyReused):
            erasures.request(source_id, mode, by="x", key="key-of-anna")
    assert b"key-of-anna" not in (tmp_path / "state.db").read_bytes()
