"""Data time against wall-clock time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from features.build_record import BuildRecord, write_record
from features.clock import Clock

DATA_ENDS = datetime(2018, 1, 1, tzinfo=UTC)
FILLED = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def test_replay_goes_on_from_the_end_of_the_data(tmp_path: Path) -> None:
    write_record(tmp_path, BuildRecord(as_of=DATA_ENDS, materialised_at=FILLED))
    clock = Clock("replay", tmp_path)
    assert clock.to_data_time(FILLED) == DATA_ENDS
    assert clock.to_data_time(FILLED + timedelta(hours=3)) == DATA_ENDS + timedelta(hours=3)
    assert abs(clock.now() - (DATA_ENDS + (datetime.now(UTC) - FILLED))) < timedelta(seconds=5)


def test_wall_leaves_time_as_it_is(tmp_path: Path) -> None:
    write_record(tmp_path, BuildRecord(as_of=DATA_ENDS, materialised_at=FILLED))
    clock = Clock("wall", tmp_path)
    assert clock.to_data_time(FILLED) == FILLED
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_replay_without_anything_materialised_leaves_time_as_it_is(tmp_path: Path) -> None:
    assert Clock("replay", tmp_path / "nothing").to_data_time(FILLED) == FILLED
    write_record(tmp_path, BuildRecord(inputs={"lake_snapshot": "ab"}))
    assert Clock("replay", tmp_path).to_data_time(FILLED) == FILLED


def test_a_snapshot_materialised_meanwhile_is_noticed(tmp_path: Path) -> None:
    clock = Clock("replay", tmp_path)
    assert clock.to_data_time(FILLED) == FILLED
    write_record(tmp_path, BuildRecord(as_of=DATA_ENDS, materialised_at=FILLED))
    assert clock.to_data_time(FILLED) == DATA_ENDS
    write_record(tmp_path, BuildRecord(as_of=DATA_ENDS + timedelta(days=14), materialised_at=FILLED))
    assert clock.to_data_time(FILLED) == DATA_ENDS + timedelta(days=14)


def test_data_time_turns_back_into_wall_clock_time(tmp_path: Path) -> None:
    write_record(tmp_path, BuildRecord(as_of=DATA_ENDS, materialised_at=FILLED))
    replay, wall = Clock("replay", tmp_path), Clock("wall", tmp_path)
    assert replay.to_wall_time(DATA_ENDS) == FILLED
    assert replay.to_wall_time(DATA_ENDS - timedelta(days=7)) == FILLED - timedelta(days=7)
    assert wall.to_wall_time(DATA_ENDS) == DATA_ENDS
    assert Clock("replay", tmp_path / "nothing").to_wall_time(DATA_ENDS) == DATA_ENDS
    for moment in (FILLED, DATA_ENDS, FILLED + timedelta(hours=5)):
        assert replay.to_wall_time(replay.to_data_time(moment)) == moment
