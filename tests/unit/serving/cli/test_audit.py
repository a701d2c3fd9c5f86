"""`fairshelf audit`: verdict, files and exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.ingest import ingest_files
from privacy.audit_log import AuditLog

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def known(chain: Any, tmp_path: Path) -> Any:
    """The chain with a demographics table: everybody's income, nobody's age."""
    made = chain.copied_to(tmp_path / "house")
    people = pd.read_csv(made.source / "transactions.csv")["customer_id"].unique()
    levels = ["Under 15K" if place % 2 else "75-99K" for place in range(len(people))]
    pd.DataFrame({"customer_id": people, "income": levels}).to_csv(made.source / "demographics.csv", index=False)
    storage, ingest, privacy = made.settings.storage, made.settings.ingest, made.settings.privacy
    ingest_files(made.source, storage, ingest, privacy, lambda _: None)
    return made


def report_in(house: Any) -> dict[str, Any]:
    """The newest report; the first is the one that the made-up champion was cleared by."""
    reports = [json.loads(path.read_text()) for path in folder_of(house).glob("fr_*/report.json")]
    newest: dict[str, Any] = max(reports, key=lambda report: str(report["created_at"]))
    return newest


def folder_of(house: Any) -> Path:
    reports: Path = house.settings.storage.reports
    return reports / "fairness"


def test_without_demographics_nothing_passes(call: Call, house: Any) -> None:
    code, printed = call("audit", "demand")
    assert code == 3
    assert "no sealed demographics" in printed
    assert "the verdict is INSUFFICIENT" in printed
    report = report_in(house)
    assert report["verdict"] == "INSUFFICIENT"
    invariants = {one["measure"]: one["verdict"] for one in report["measures"] if one["family"] == "invariant"}
    assert invariants == {
        "suggested_price_permutation": "PASS",
        "sensitive_columns_in_features": "PASS",
        "audited_bundle": "PASS",
    }
    undecided = [one for one in report["measures"] if one["family"] == "primary"]
    assert {one["verdict"] for one in undecided} == {"INSUFFICIENT"}
    assert all(one["note"] for one in undecided)


def test_with_demographics_the_opening_is_logged_and_the_pages_are_there(call: Call, known: Any) -> None:
    call("audit", "demand@1")
    report = report_in(known)
    by_income = [one for one in report["measures"] if one["attribute"] == "income" and one["surface"] == "prices"]
    assert {group["group"] for one in by_income for group in one["groups"]} >= {"under 35K", "75K and over"}
    page = folder_of(known) / report["report_id"] / "report.html"
    assert report["report_id"] in page.read_text()
    notice = page.with_name("notice.html").read_text()
    assert "at epsilon 0.10 for each attribute" in notice
    assert f"{report['data']['n_customers']:,}, of whom" not in notice
    charges = json.loads(call("privacy", "budget", "--json")[1])["charges"]
    assert [one["what"] for one in charges] == ["customers by group, for the notice of an audit"]
    (entry,) = AuditLog(known.settings.storage.demographics_log).entries()
    assert (entry.actor, entry.action) == ("ethics", "demographics read")
    assert (known.settings.storage.bundles / "demand" / "1" / "audit" / "signature.json").exists()


def test_promotion_finds_the_audit_and_is_refused_by_it(call: Call, house: Any) -> None:
    code, printed = call("promote", "demand")
    assert code == 3
    assert "not promoted" in printed
    assert "audit" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audit", "demand@9"), "9"),
        (("audit", "nothing"), "nothing"),
        (("audit", "demand", "--live"), "decisions of the champion"),
    ],
)
def test_what_cannot_be_audited_says_why(call: Call, house: Any, arguments: tuple[str, ...], said: str) -> None:
    code, printed = call(*arguments)
    assert code == 2
    assert said in printed
