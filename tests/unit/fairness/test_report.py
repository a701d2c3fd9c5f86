"""The report: its bytes, its digest, what it refuses to say."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from fairness.errors import ReportCorrupt
from fairness.measures import GroupResult, Measure
from fairness.report import Report, canonical_bytes, compare, digest, read_report

Maker = Callable[..., Report]


def replaced(report: Report, key: str, **update: object) -> tuple[Measure, ...]:
    return tuple(part.model_copy(update=update) if part.key == key else part for part in report.measures)


def test_canonical_bytes_are_sorted_compact_utf8_and_stable(report_maker: Maker) -> None:
    report = report_maker(provenance="Zoë's data")
    content = canonical_bytes(report)
    loaded = json.loads(content)
    assert content == json.dumps(loaded, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert content == canonical_bytes(Report.model_validate(report.model_dump()))
    assert "Zoë".encode() in content


def test_report_holds_every_field_of_the_contract(made_report: Report) -> None:
    content = json.loads(canonical_bytes(made_report))
    assert {"report_id", "created_at", "model", "policy_digest", "data", "verdict", "measures"} <= content.keys()
    assert content["model"].keys() == {"name", "version", "bundle_digest"}
    expected = {"snapshot_digest", "window_start", "window_end", "n_customers", "n_unknown"}
    assert content["data"].keys() == expected
    judged = next(measure for measure in content["measures"] if measure["contrast"])
    assert {"surface", "measure", "attribute", "family", "unit", "ideal", "margin", "verdict", "note"} <= judged.keys()
    assert {"group", "n", "events", "value", "interval_95", "suppressed"} <= judged["groups"][0].keys()
    assert {"kind", "worst_group", "best_group", "value", "interval_95", "p_value", "p_adjusted"} <= judged[
        "contrast"
    ].keys()


def test_reading_gives_the_report_back(made_report: Report) -> None:
    assert read_report(canonical_bytes(made_report), "r.json") == made_report


def test_times_are_utc_whatever_zone_they_came_in(report_maker: Maker) -> None:
    moment = datetime(2026, 3, 2, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    report = report_maker(now=moment)
    assert json.loads(canonical_bytes(report))["created_at"] == "2026-03-02T09:30:00Z"
    assert report.created_at.tzinfo is UTC


def test_a_time_without_zone_is_refused(report_maker: Maker) -> None:
    with pytest.raises(ValidationError, match="created_at"):
        report_maker(now=datetime(2026, 3, 2))


def test_every_edit_changes_the_digest(made_report: Report) -> None:
    content = canonical_bytes(made_report)
    edits = [(b'"verdict":"PASS"', b'"verdict":"FAIL"'), (b'"version":"12"', b'"version":"13"'), (b"0.75", b"0.76")]
    digests = {digest(content), *(digest(content.replace(*edit, 1)) for edit in edits), digest(content + b" ")}
    assert len(digests) == len([edit for edit in edits if edit[0] in content]) + 2


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda content: content[:200], "Invalid JSON"),
        (lambda content: content.replace(b'"kind":"release"', b'"kind":"lease"'), "kind"),
        (lambda content: content.replace(b',"version":"12"', b""), "version"),
        (lambda content: content + b"\n", "canonical form"),
        (lambda content: content.replace(b'"waived":[]', b'"waived":[],"extra":1'), "extra"),
        (lambda content: content.replace(b'"n_customers":1973', b'"n_customers":NaN'), "n_customers|JSON"),
        (lambda _: b"\xff\xfe", "JSON"),
    ],
)
def test_a_damaged_report_is_refused_by_file_and_fault(
    made_report: Report, damage: Callable[[bytes], bytes], fault: str
) -> None:
    with pytest.raises(ReportCorrupt, match=fault) as refused:
        read_report(damage(canonical_bytes(made_report)), "var/reports/fr_1.json")
    assert "var/reports/fr_1.json" in str(refused.value)


def test_infinite_figures_are_refused(report_maker: Maker) -> None:
    content = canonical_bytes(report_maker()).replace(b'"ndcg_change":-0.012', b'"ndcg_change":1e999')
    with pytest.raises(ReportCorrupt, match="ndcg_change"):
        read_report(content, "r.json")


def test_a_pass_that_the_measures_do_not_bear_out_is_refused(report_maker: Maker) -> None:
    report = report_maker()
    for key in ("ndcg_at_10_all by income", "audited_this_bundle"):
        for verdict in ("FAIL", "INSUFFICIENT"):
            with pytest.raises(ValidationError, match=key):
                report_maker(measures=replaced(report, key, verdict=verdict))


def test_a_waiver_bears_out_a_deciding_measure_but_no_hard_rule(report_maker: Maker) -> None:
    report = report_maker()
    key = "ndcg_at_10_all by income"
    assert report_maker(measures=replaced(report, key, verdict="FAIL"), waived=(key,)).waived == (key,)
    rule = "audited_this_bundle"
    with pytest.raises(ValidationError, match=rule):
        report_maker(measures=replaced(report, rule, verdict="FAIL"), waived=(rule,))


def test_a_pass_without_a_deciding_measure_is_refused(report_maker: Maker) -> None:
    looked_at = [measure for measure in report_maker().measures if measure.family == "exploratory"]
    with pytest.raises(ValidationError, match="not borne out"):
        report_maker(measures=looked_at)


def test_two_measures_of_one_key_are_refused(report_maker: Maker) -> None:
    measures = report_maker().measures
    with pytest.raises(ValidationError, match="more than once"):
        report_maker(measures=[*measures, measures[3]])


def test_figures_of_a_suppressed_group_are_refused(report_maker: Maker) -> None:
    leak = GroupResult(group="small", n=None, events=None, value=0.4, interval_95=None, suppressed=True)
    report = report_maker()
    with pytest.raises(ValidationError, match="too small to be shown"):
        report_maker(measures=replaced(report, "discount_depth by age", groups=(leak,)))


def test_reasons_are_given_unless_it_passed(report_maker: Maker) -> None:
    report = report_maker()
    key = "ndcg_at_10_all by age"
    failed = report_maker(verdict="FAIL", measures=replaced(report, key, verdict="FAIL"))
    assert report.reasons == ()
    assert len(failed.reasons) == 1
    assert failed.reasons[0].startswith("Quality of the list by age (ndcg_at_10_all by age): In the group")


def test_ids_differ_and_definitions_are_those_of_measures_judged(report_maker: Maker) -> None:
    first = report_maker()
    second = report_maker(measures=[measure for measure in first.measures if measure.surface != "prices"])
    assert first.report_id != second.report_id
    assert {entry.measure for entry in first.method} - {entry.measure for entry in second.method} == {
        "discount_depth",
        "paid_over_shelf",
    }


def test_changes_name_what_turned_moved_came_and_went(report_maker: Maker) -> None:
    before = report_maker()
    turned, moved, went = (before.measures[place] for place in (5, 6, 7))
    assert moved.contrast is not None
    assert moved.contrast.value is not None
    contrast = moved.contrast.model_copy(update={"value": moved.contrast.value / 2})
    came = turned.model_copy(update={"measure": "brand_new"})
    swapped = {
        turned.key: turned.model_copy(
            update={"verdict": "INSUFFICIENT" if turned.verdict != "INSUFFICIENT" else "PASS"}
        ),
        moved.key: moved.model_copy(update={"contrast": contrast}),
    }
    now = [swapped.get(part.key, part) for part in before.measures if part.key != went.key] + [came]
    changes = {(change.measure, change.attribute): change for change in compare(before, now)}
    assert set(changes) == {(part.measure, part.attribute) for part in (turned, moved, came, went)}
    assert changes[(moved.measure, moved.attribute)].after_value == moved.contrast.value / 2
    assert changes[(came.measure, came.attribute)].before_verdict is None
    assert changes[(went.measure, went.attribute)].after_verdict is None


def test_the_first_report_has_no_changes(made_report: Report) -> None:
    assert compare(None, made_report.measures) == ()
    assert compare(made_report, made_report.measures) == ()
