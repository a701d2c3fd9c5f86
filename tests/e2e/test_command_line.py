"""Bad input on the command line: a clear message with the next step, the right exit code, never a stack trace."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from serving.cli.app import app, run

Call = Callable[..., tuple[int, str]]

TRANSACTIONS = "customer_id,product_id,store_id,basket_id,event_timestamp,quantity,paid_amount\n"
CONSENT = ("--customer-id", "1", "--purpose", "marketing", "--grant", "--version", "1")
ROW = "ada,bread,corner,b1,2025-02-03T08:00:00Z,1,3.20\n"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in a storage of its own; gives exit code and everything printed."""
    monkeypatch.setenv("FAIRSHELF_STORAGE__ROOT", str(tmp_path / "var"))
    monkeypatch.setenv("FAIRSHELF_PROFILE", "test")

    def command(*arguments: str) -> tuple[int, str]:
        code = run(lambda: app(list(arguments), standalone_mode=True))
        captured = capsys.readouterr()
        printed = captured.out + captured.err
        assert "Traceback" not in printed
        return code, " ".join(printed.split())

    return command


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def test_a_missing_column_is_named(call: Call, source: Path) -> None:
    (source / "transactions.csv").write_text("customer_id,product_id\nada,bread\n")
    code, printed = call("ingest", "files", str(source))
    assert code == 2
    assert "basket_id" in printed
    assert "transactions" in printed


def test_a_parquet_file_cut_short_is_named(call: Call, source: Path) -> None:
    (source / "transactions.parquet").write_bytes(b"PAR1 and then nothing")
    code, printed = call("ingest", "files", str(source))
    assert code == 2
    assert "transactions.parquet" in printed


def test_too_many_bad_rows_leave_no_lake(call: Call, source: Path, tmp_path: Path) -> None:
    (source / "transactions.csv").write_text(TRANSACTIONS + ROW + ROW.replace(",1,", ",0,"))
    code, printed = call("ingest", "files", str(source))
    assert code == 2
    assert "50" in printed
    assert not (tmp_path / "var" / "lake").exists()


def test_a_missing_folder(call: Call, tmp_path: Path) -> None:
    code, printed = call("ingest", "files", str(tmp_path / "nowhere"))
    assert code == 2
    assert "nowhere" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "two-tower"),
        ("evaluate", "recommender", "--out", "x"),
        ("features", "build"),
        ("features", "materialize"),
    ],
)
def test_no_lake_yet_says_to_ingest(call: Call, arguments: tuple[str, ...]) -> None:
    code, printed = call(*arguments)
    assert code == 2
    assert "fairshelf ingest" in printed


def test_a_lake_of_another_version(call: Call, source: Path, tmp_path: Path) -> None:
    (source / "transactions.csv").write_text(TRANSACTIONS + ROW)
    assert call("ingest", "files", str(source))[0] == 0
    manifest = tmp_path / "var" / "lake" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 99'))
    code, printed = call("features", "build")
    assert code == 2
    assert "format 99" in printed
    assert "Ingest the source again" in printed


def test_no_champion_yet(call: Call, tmp_path: Path) -> None:
    code, printed = call("recommend", "--out", str(tmp_path / "lists.parquet"))
    assert code == 2
    assert "fairshelf train two-tower" in printed
    code, printed = call("doctor")
    assert code == 2
    assert "missing" in printed


def test_a_full_disk_is_refused_before_the_work(call: Call, source: Path) -> None:
    (source / "transactions.csv").write_text(TRANSACTIONS + ROW)
    code, printed = call("ingest", "files", str(source), "--set", "storage.min_free_gb=1000")
    assert code == 2
    assert "storage.min_free_gb" in printed


def test_a_port_in_use(call: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, printed = call("serve", "--port", str(port))
    assert code == 2
    assert str(port) in printed


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("doctor", "--profile", "prodd"), "prodd"),
        (("doctor", "--set", "serving.prot=1"), "serving.prot"),
        (("doctor", "--set", "nonsense"), "nonsense"),
        (("evaluate", "recommender", "--out", "x", "--train-until", "2017-02-30"), "2017-02-30"),
        (("evaluate", "recommender", "--out", "x", "--test-weeks", "0"), "--test-weeks"),
        (("promote", "three-tower"), "three-tower"),
        (("privacy", "consent", "--customer-id", "1", "--purpose", "spam", "--grant", "--version", "1"), "spam"),
        (("privacy", "consent", "--customer-id", "", "--purpose", "marketing", "--grant", "--version", "1"), "128"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_usage_errors_name_what_is_wrong(call: Call, arguments: tuple[str, ...], named: str) -> None:
    code, printed = call(*arguments)
    assert code == 2
    assert named in printed


def test_a_bug_is_not_hidden() -> None:
    """Only what nobody foresaw keeps its stack trace."""
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_disk_that_fills_up_under_a_database_is_told_in_words(
    wrapped: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def write() -> None:
        if wrapped:
            engine = sa.create_engine("sqlite://")
            with engine.begin() as connection:
                connection.execute(sa.text("CREATE TABLE t (x)"))
                connection.execute(sa.text("PRAGMA max_page_count = 1"))
                connection.execute(sa.text("INSERT INTO t VALUES (zeroblob(1000000))"))
        else:
            database = sqlite3.connect(":memory:")
            database.execute("CREATE TABLE t (x)")
            database.execute("PRAGMA max_page_count = 1")
            database.execute("INSERT INTO t VALUES (zeroblob(1000000))")

    assert run(write) == 2
    assert "Free some space" in capsys.readouterr().err


def test_a_damaged_database_is_told_in_words(call: Call, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "state.db").write_bytes(b"this is no database " * 500)
    consent = ("privacy", "consent", "--customer-id", "1", "--purpose", "marketing", "--grant", "--version", "1")
    code, printed = call(*consent)
    assert code == 2
    assert "backup" in printed


def test_a_sql_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(sqlite3.OperationalError):
        run(lambda: sqlite3.connect(":memory:").execute("SELECT nonsense"))


def test_help_loads_no_heavy_library() -> None:
    code = "import sys; import serving.cli.app; print({'torch', 'mlflow', 'feast', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("arguments", [("serve",), ("privacy", "consent", *CONSENT)])
def test_a_state_file_that_is_no_database_is_named(call: Call, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "state.db").write_bytes(b"no database " * 500)
    code, printed = call(*arguments)
    assert code == 2
    assert "not a database" in printed
    assert "backup" in printed
    assert "not a database" in call("doctor")[1]
