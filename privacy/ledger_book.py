"""The rows of the privacy budget's ledger: append-only, chained, and readable without an accountant.

Whatever a row costs was worked out by whoever wrote it and stands in the row, so that a server can show the budget.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa

from configs.privacy import BudgetSettings
from configs.settings import StorageSettings
from privacy.errors import LedgerBroken, PrivacyParameterInvalid
from privacy.events import Event, from_json
from privacy.state import open_state

UNIT: Final = "customer"
GENESIS: Final = "0" * 64
WITNESS: Final = "privacy_ledger.head"  # beside the database: how many rows were written, and the digest of the last

Kind = Literal["reserve", "access", "commit", "release", "surplus"]
State = Literal["reserved", "accessed", "committed", "released"]
Clock = Callable[[], datetime]

CHARGING: Final[tuple[Kind, ...]] = (
    "reserve",
    "surplus",
)  # kinds of rows that cost, each in the window it was written in

_METADATA: Final = sa.MetaData()
_ROWS: Final = sa.Table(
    "privacy_ledger",
    _METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("reservation", sa.String(64), nullable=False),
    sa.Column("run", sa.String(128), nullable=False),
    sa.Column("what", sa.String(128), nullable=False),
    sa.Column("lineage", sa.String(128), nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
    sa.Column("window_start_us", sa.BigInteger, nullable=False),
    sa.Column("window_days", sa.Integer, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Column("epsilon_alone", sa.Float, nullable=False),
    sa.Column("epsilon_window", sa.Float, nullable=False),  # all of the window composed, this row included
    sa.Column("epsilon_lifetime", sa.Float, nullable=False),  # all of the lineage composed
    sa.Column("delta", sa.Float, nullable=False),
    sa.Column("cap_epsilon", sa.Float, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False, unique=True),  # no two rows follow the same one
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One line of the ledger; `digest` is the SHA-256 of all the rest, `previous` that of the line before."""

    sequence: int
    at_us: int
    kind: Kind
    reservation: str
    run: str
    what: str
    lineage: str
    unit: str
    window_start_us: int
    window_days: int
    events: str
    epsilon_alone: float
    epsilon_window: float
    epsilon_lifetime: float
    delta: float
    cap_epsilon: float
    previous: str
    digest: str = ""

    @property
    def at(self) -> datetime:
        """When it was written."""
        return moment(self.at_us)

    @property
    def charges(self) -> tuple[Event, ...]:
        """The releases it is about."""
        return from_json(self.events)

    def sealed(self) -> str:
        """Work out the digest of everything else in the row."""
        content = {name: value for name, value in asdict(self).items() if name != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_NAMES: Final = tuple(field.name for field in fields(Row))


class LedgerBook:
    """Reads rows and appends them; never changes or removes one.

    The chain shows an edited, removed or reordered row. The witness file shows that last rows were cut off, or that the
    database was replaced by an older copy; keep it with care, and ship it elsewhere if whoever can write the database
    must not be able to write both.

    Args:
        engine: The database, from `privacy.state`.
        witness: The witness file; made with the first opening of an empty ledger.
    """

    def __init__(self, engine: sa.Engine, witness: Path) -> None:
        self._engine = engine
        self._witness = witness
        _METADATA.create_all(engine)
        with _locked(witness):
            if not witness.exists() and not self._stored():
                _write_witness(witness, 0, GENESIS)

    def rows(self) -> tuple[Row, ...]:
        """Read every row, oldest first, and check the chain.

        Raises:
            LedgerBroken: If the ledger is not as it was written; names the first row that shows it.
        """
        n_written, head = self._read_witness()  # before the rows, which only grow
        found = self._stored()
        previous = GENESIS
        for number, row in enumerate(found, start=1):
            if row.sequence != number or row.previous != previous:
                raise LedgerBroken(row=number, problem="does not follow from the row before it")
            if row.digest != row.sealed():
                raise LedgerBroken(row=number, problem="was changed")
            _check_events(row)
            previous = row.digest
        if len(found) < n_written:
            raise LedgerBroken(row=len(found), problem=f"is the last, but {n_written} were written")
        if n_written and found[n_written - 1].digest != head:
            raise LedgerBroken(row=n_written, problem="is not what was written")
        return found

    def append(self, row: Row) -> bool:
        """Add a row unless another one came first; when this returns, the row is on disk.

        Args:
            row: With `sequence` and `previous` for its place in the chain; its digest is filled in.

        Returns:
            False if the place was taken meanwhile, so that the caller must look again and decide anew.
        """
        values = {**asdict(row), "digest": row.sealed()}
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":  # take the lock before looking, not at the first write
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            last = connection.execute(sa.select(_ROWS.c.digest).order_by(_ROWS.c.sequence.desc()).limit(1)).scalar()
            if (last or GENESIS) != row.previous:
                connection.rollback()
                return False
            try:
                connection.execute(_ROWS.insert(), values)
                connection.commit()
            except sa.exc.IntegrityError:  # a database without that lock: the chain has one row per place
                connection.rollback()
                return False
        self._note(row.sequence, str(values["digest"]))
        return True

    def _stored(self) -> tuple[Row, ...]:
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(_ROWS).order_by(_ROWS.c.sequence)).all()
        return tuple(Row(**{name: getattr(row, name) for name in _NAMES}) for row in found)

    def _note(self, n_rows: int, digest: str) -> None:
        """Write the witness; one that is further already stays."""
        with _locked(self._witness):
            if self._read_witness()[0] < n_rows:
                _write_witness(self._witness, n_rows, digest)

    def _read_witness(self) -> tuple[int, str]:
        try:
            count, digest = self._witness.read_text(encoding="ascii").split()
            return int(count), digest
        except FileNotFoundError:
            raise LedgerBroken(row=0, problem=f"has lost its witness file {self._witness.name}") from None
        except ValueError:
            raise LedgerBroken(
                row=0, problem=f"has a witness file that is no count and digest: {self._witness.name}"
            ) from None


def open_book(storage: StorageSettings) -> LedgerBook:
    """Open the ledger of this house, made on first use."""
    return LedgerBook(open_state(storage.state_db), storage.state_db.with_name(WITNESS))


@dataclass(frozen=True)
class Window:
    """A stretch of time with a budget of its own; budget left over is not carried on.

    Windows follow each other, so releases at the end of one and at the start of the next may together cost up to twice
    the cap; what all windows cost together is told beside.
    """

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Tell whether a moment lies in it."""
        return self.start <= at < self.end


def window_of(at: datetime, settings: BudgetSettings) -> Window:
    """Give the window in which a moment lies.

    >>> tight = BudgetSettings(cap_epsilon=1, delta=1e-5, window_days=7, clock_tolerance_s=0)
    >>> window_of(datetime(1970, 1, 9, tzinfo=UTC), tight).start
    datetime.datetime(1970, 1, 8, 0, 0, tzinfo=datetime.timezone.utc)
    """
    length = timedelta(days=settings.window_days)
    start = _EPOCH + (at - _EPOCH) // length * length
    return Window(start, start + length)


def states(rows: Sequence[Row]) -> dict[str, State]:
    """Tell in which state each reservation is."""
    moves: dict[str, State] = {
        "reserve": "reserved",
        "access": "accessed",
        "commit": "committed",
        "release": "released",
    }
    return {row.reservation: moves[row.kind] for row in rows if row.kind in moves}


def charged(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give the rows that cost: what was reserved and not given back, and what was released beyond it."""
    now = states(rows)
    return tuple(
        row for row in rows if row.kind == "surplus" or (row.kind == "reserve" and now[row.reservation] != "released")
    )


def microseconds(at: datetime) -> int:
    """Count microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at_us: int) -> datetime:
    """Turn microseconds since 1970 back into a time."""
    return _EPOCH + timedelta(microseconds=at_us)


def _check_events(row: Row) -> None:
    try:
        row.charges  # noqa: B018 - reading them is the check
    except (ValueError, PrivacyParameterInvalid):
        raise LedgerBroken(row=row.sequence, problem="holds releases that nobody can read") from None


@contextmanager
def _locked(witness: Path) -> Iterator[None]:
    witness.parent.mkdir(parents=True, exist_ok=True)
    lock = witness.with_name(f".{witness.name}.lock")
    with os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_witness(witness: Path, n_rows: int, digest: str) -> None:
    draft = witness.with_name(f".{witness.name}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(f"{n_rows} {digest}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(witness)
