"""The data report and its page."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from configs.settings import Settings
from features.data_report import DataReport, TableReport
from features.data_report_page import render
from features.ingest import ingest
from features.sources.files import FileSource

NOW = datetime(2025, 6, 5, 11, tzinfo=UTC)  # four days after the newest line
VOID = {"meta", "link", "br", "meter"}


def report_of(folder: Path, settings: Settings, now: datetime = NOW) -> DataReport:
    source = FileSource(folder, trading_time_zone="UTC")
    return ingest(source, settings.storage, settings.ingest, settings.privacy, now=now, progress=lambda _: None).report


def table_of(report: DataReport, table: str) -> TableReport:
    return next(part for part in report.tables if part.table == table)


def test_completeness_and_ranges_are_those_of_the_file(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "products.csv")
    columns = {column.name: column for column in table_of(report_of(shop, settings), "products").columns}
    assert columns["brand"].completeness == pytest.approx(9 / 12)
    assert (columns["list_price"].minimum, columns["list_price"].maximum) == (
        rows.list_price.min(),
        rows.list_price.max(),
    )
    assert columns["department"].minimum is None
    assert not columns["manufacturer_id"].supplied
    assert columns["manufacturer_id"].completeness == 0.0


@pytest.mark.parametrize(
    ("now", "stale"),
    [
        (NOW, False),
        (datetime(2025, 6, 8, 11, tzinfo=UTC), False),
        (datetime(2025, 6, 8, 12, tzinfo=UTC), True),
    ],
)
def test_freshness_is_measured_from_now(shop: Path, settings: Settings, now: datetime, stale: bool) -> None:
    report = report_of(shop, settings, now)
    lines = table_of(report, "transactions")
    assert lines.newest == datetime(2025, 6, 1, 11, tzinfo=UTC)
    assert lines.oldest == datetime(2025, 2, 3, 8, tzinfo=UTC)
    assert lines.stale == stale
    assert any(text.startswith("transactions: the newest row is of 2025-06-01") for text in report.warnings) == stale
    assert table_of(report, "products").age_days is None
    assert not table_of(report, "consents").stale  # consents do not go off


def test_repeated_lines_are_counted_and_kept(shop: Path, settings: Settings) -> None:
    text = (shop / "transactions.csv").read_text().splitlines()
    (shop / "transactions.csv").write_text("\n".join([*text, text[1], text[1], text[2]]) + "\n")
    lines = table_of(report_of(shop, settings), "transactions")
    assert (lines.n_repeated, lines.n_written) == (3, 356)


def test_unknown_references_are_counted(shop: Path, settings: Settings) -> None:
    with (shop / "promotions.csv").open("a") as file:
        file.write("ghost,corner,2025-02-03,,\nghost,elsewhere,2025-02-03,,\n")
    consents = pd.read_csv(shop / "consents.csv", dtype=str)
    consents[consents["customer_id"] != "ada"].to_csv(shop / "consents.csv", index=False)
    report = report_of(shop, settings)
    found = {(part.table, part.column): (part.n_rows, part.n_ids) for part in report.references}
    assert found["promotions", "product_id"] == (2, 1)
    assert found["promotions", "store_id"] == (1, 1)
    assert found["transactions", "product_id"] == (0, 0)
    n_lines_of_ada = (pd.read_csv(shop / "transactions.csv")["customer_id"] == "ada").sum()
    assert found["transactions", "customer_id"] == (n_lines_of_ada, 1)
    assert any("Without a consent on file nothing is granted" in text for text in report.warnings)


def test_times_without_a_zone_are_reported(shop: Path, settings: Settings) -> None:
    path = shop / "consents.csv"
    path.write_text(path.read_text().replace("2025-02-01T09:00:00Z", "2025-02-01T09:00:00"))
    report = report_of(shop, settings)
    assert table_of(report, "consents").n_times_without_zone == 24
    assert "consents: 24 times named no zone and were read as UTC." in report.warnings


class Outline(HTMLParser):
    """Checks that tags close in order and notes what the page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it asks for."""
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Compare with the tag opened last."""
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_self_contained_and_readable_by_machines(shop: Path, settings: Settings) -> None:
    with (shop / "transactions.csv").open("a") as file:
        file.write("ada,milk,corner,b9,2025-02-03T08:00:00Z,0,1,,,\n")
    report = report_of(shop, settings, datetime(2026, 1, 1, tzinfo=UTC))
    page = render(report)
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert ("html", "lang", "en") in outline.attributes
    targets = {value for _, name, value in outline.attributes if name == "id"}
    links = {value for _, name, value in outline.attributes if name in ("href", "src")}
    assert links == {"#tables", *(f"#{part.table}" for part in report.tables)}
    assert {link.removeprefix("#") for link in links if link} <= targets
    assert "http" not in page
    assert "<script" not in page
    assert page.count("<caption>") == page.count("<table>")
    for text in ("(stale)", "quantity is not above 0, or too large", "not supplied", report.snapshot_digest[:12]):
        assert text in page


def test_names_from_the_source_cannot_break_the_page(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "products.csv", dtype=str)
    rows.assign(**{"<script>alert(1)</script>": "x"}).to_csv(shop / "products.csv", index=False)
    page = render(report_of(shop, settings))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
