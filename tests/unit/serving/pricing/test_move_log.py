"""The log of moves shows when somebody edited it."""

import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa

from serving.pricing.errors import MoveLogBroken
from serving.pricing.tables import APPEND_ONLY


@pytest.fixture
def moved(counter: Any) -> Any:
    """A log of six entries, open to whoever may drop a trigger."""
    for _ in range(2):
        made = counter.suggestion()
        counter.move(made, "approve")
        counter.move(made, "publish")
        counter.clock.pass_(hours=1)
    assert count(counter) == 7, "the second publication superseded the first"
    with counter.engine.begin() as connection:
        for name in ("update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER price_moves_no_{name}"))
    counter.pricing.review.verify()
    return counter


def count(counter: Any) -> int:
    with counter.engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM price_moves")).scalar_one())


def run(counter: Any, *statements: str) -> None:
    with counter.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("entry", range(1, 8))
def test_a_changed_entry_is_found(moved: Any, entry: int) -> None:
    run(moved, f"UPDATE price_moves SET entry = replace(entry, '\"anna\"', '\"bert\"') WHERE sequence = {entry}")  # noqa: S608
    with pytest.raises(MoveLogBroken, match=f"entry {entry} is not what was written"):
        moved.pricing.review.verify()


def test_a_changed_entry_with_its_own_digest_mended_is_found(moved: Any) -> None:
    with moved.engine.begin() as connection:
        text = connection.exec_driver_sql("SELECT entry FROM price_moves WHERE sequence = 3").scalar_one()
        forged = json.dumps({**json.loads(text), "actor": "bert"}, sort_keys=True)
        digest = hashlib.sha256(forged.encode()).hexdigest()
        connection.exec_driver_sql("UPDATE price_moves SET entry = ?, digest = ? WHERE sequence = 3", (forged, digest))
    with pytest.raises(MoveLogBroken, match="entry 4 does not follow"):
        moved.pricing.review.verify()


@pytest.mark.parametrize("entry", range(1, 8))
def test_a_removed_entry_is_found(moved: Any, entry: int) -> None:
    run(moved, f"DELETE FROM price_moves WHERE sequence = {entry}")  # noqa: S608
    with pytest.raises(MoveLogBroken, match="is missing" if entry < 7 else "is not the last"):
        moved.pricing.review.verify()


def test_a_last_entry_removed_together_with_the_head_is_found(moved: Any) -> None:
    run(
        moved,
        "DELETE FROM price_moves WHERE sequence = 7",
        "UPDATE price_move_heads SET n_moves = 6, digest = (SELECT digest FROM price_moves WHERE sequence = 6)",
    )
    with pytest.raises(MoveLogBroken, match="another state than it is in"):
        moved.pricing.review.verify()


def test_a_removed_entry_whose_gap_was_closed_is_found(moved: Any) -> None:
    run(moved, "DELETE FROM price_moves WHERE sequence = 2", "UPDATE price_moves SET sequence = 2 WHERE sequence = 3")
    with pytest.raises(MoveLogBroken, match="entry 2 does not follow"):
        moved.pricing.review.verify()


def test_reordered_entries_are_found(moved: Any) -> None:
    run(
        moved,
        "UPDATE price_moves SET sequence = 99 WHERE sequence = 1",
        "UPDATE price_moves SET sequence = 1 WHERE sequence = 4",
        "UPDATE price_moves SET sequence = 4 WHERE sequence = 99",
    )
    with pytest.raises(MoveLogBroken, match="entry 1 does not follow"):
        moved.pricing.review.verify()


def test_an_added_entry_is_found(moved: Any) -> None:
    run(moved, "INSERT INTO price_moves SELECT 8, suggestion_id, entry, digest FROM price_moves WHERE sequence = 7")
    with pytest.raises(MoveLogBroken, match="entry 8 does not follow"):
        moved.pricing.review.verify()


def test_the_digest_of_the_last_entry_is_given(counter: Any) -> None:
    before = counter.pricing.review.verify()
    counter.suggestion()
    after = counter.pricing.review.verify()
    assert before == "0" * 64
    assert len(after) == 64
    assert after != before
    assert counter.pricing.review.verify() == after


@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
@pytest.mark.parametrize("statement", ["UPDATE {table} SET recorded_us = 1", "DELETE FROM {table}"])
def test_the_database_itself_refuses_to_change_or_remove(counter: Any, table: str, statement: str) -> None:
    old = counter.published()
    new = counter.suggestion()
    counter.move(new, "approve", replaces=[old])
    counter.move(new, "publish")
    wanted = statement.format(table=table)
    if table == "price_moves":
        wanted = wanted.replace("recorded_us = 1", "entry = ''")
    with pytest.raises(sa.exc.IntegrityError, match="only ever added to"):
        run(counter, wanted)
