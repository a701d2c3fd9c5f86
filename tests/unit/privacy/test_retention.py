"""One rule per store."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from privacy.retention import Expired, OldFiles, Rule, retain

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DATA = datetime(2018, 1, 2, tzinfo=UTC)


class Store:
    """Notes what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[datetime, bool]] = []

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Note the moment."""
        self.asked.append((before, dry_run))
        return 3


def test_each_store_is_judged_by_its_own_clock() -> None:
    sales, answers = Store("sales"), Store("answers")
    said: list[str] = []
    done = retain(
        [Rule(sales, 10, "data"), Rule(answers, 400, "wall")], wall=NOW, data=DATA, dry_run=True, progress=said.append
    )
    assert sales.asked == [(DATA - timedelta(days=10), True)]
    assert answers.asked == [(NOW - timedelta(days=400), True)]
    assert done == [
        Expired("sales", 10, DATA - timedelta(days=10), 3),
        Expired("answers", 400, NOW - timedelta(days=400), 3),
    ]
    assert len(said) == 2


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_old_files_go_with_the_folders_they_leave_empty(tmp_path: Path) -> None:
    for name, days in (("a/b/old.bin", 31), ("a/young.bin", 29), ("c/old.bin", 31), ("old.bin", 31)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        written = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (written, written))
    store = OldFiles("files", tmp_path)
    before = files(tmp_path)
    assert store.expire(NOW - timedelta(days=30), dry_run=True) == 3
    assert files(tmp_path) == before
    assert store.expire(NOW - timedelta(days=30), dry_run=False) == 3
    assert files(tmp_path) == {"a", "a/young.bin"}
    assert store.expire(NOW - timedelta(days=30), dry_run=False) == 0


def test_only_files_with_the_given_endings_are_concerned(tmp_path: Path) -> None:
    for name in ("lists.parquet", "report.json", "lists.csv"):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    assert OldFiles("lists", tmp_path, suffixes=(".parquet", ".csv")).expire(NOW, dry_run=False) == 2
    assert files(tmp_path) == {"report.json"}


def test_a_folder_that_is_not_there_has_no_old_files(tmp_path: Path) -> None:
    assert OldFiles("none", tmp_path / "no").expire(NOW, dry_run=False) == 0
