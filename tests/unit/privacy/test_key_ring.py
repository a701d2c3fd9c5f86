"""The record of key versions."""

from pathlib import Path

import pytest

from privacy.errors import KeyRingDamaged, RotationUnfinished
from privacy.key_ring import RING, first_ring, read_ring, require_settled, stamp, write_ring


def test_it_is_read_as_it_was_written_and_absent_before(tmp_path: Path) -> None:
    assert read_ring(tmp_path) is None
    assert stamp(tmp_path) == (0, 0)
    ring = first_ring(3).model_copy(update={"purposes": {"export": 2}, "done": ("vault",)})
    write_ring(tmp_path, ring)
    assert read_ring(tmp_path) == ring
    assert [path.name for path in tmp_path.iterdir()] == [RING]


def test_each_writing_is_noticed(tmp_path: Path) -> None:
    write_ring(tmp_path, first_ring(1))
    before = stamp(tmp_path)
    write_ring(tmp_path, first_ring(1))
    assert stamp(tmp_path) != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"first": 1}', '{"current": "x"}', "\xff"])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / RING).write_text(text, encoding="latin-1")
    with pytest.raises(KeyRingDamaged, match=RING):
        read_ring(tmp_path)


def test_work_that_joins_stores_waits_for_a_rotation(tmp_path: Path) -> None:
    require_settled(tmp_path)
    write_ring(tmp_path, first_ring(1))
    require_settled(tmp_path)
    write_ring(tmp_path, first_ring(1).model_copy(update={"moving_to": 2}))
    with pytest.raises(RotationUnfinished, match="version 2"):
        require_settled(tmp_path)
