"""The one-page notice."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fairness.measures import UNKNOWN, GroupResult, Measure
from fairness.notice import Sizes, render_notice
from fairness.report import Report

Maker = Callable[..., Report]
SIZES = Sizes(
    {"income": {"under 35K": 205, "35-74K": 340, "75K and over": 251, UNKNOWN: 1_180}, "age": {"19-34": 150}},
    half_width_95=30,
    epsilon=0.1,
)


@pytest.fixture
def crossed(report_maker: Maker) -> Report:
    """A report that also looks at a deciding measure by a pair of attributes, one cell of it hidden."""
    report = report_maker()
    measure = next(part for part in report.measures if part.key == "ndcg_at_10_all by income")
    hidden = [
        GroupResult(group=name, n=None, events=None, value=None, interval_95=None, suppressed=True)
        for name in ("under 35K x 19-34", "35-74K x 19-34")
    ]
    shown = [group.model_copy(update={"group": f"{group.group} x 55 and over"}) for group in measure.groups]
    pair = measure.model_copy(
        update={"attribute": "income x age", "family": "exploratory", "groups": (*hidden, *shown)}
    )
    return report_maker(measures=[*report.measures, pair])


def rows(html: str) -> dict[str, list[str]]:
    """Cells by group."""
    found = re.findall(r'<tr><th scope="row">([^<]*)</th>(.*?)</tr>', html, re.DOTALL)
    return {group: re.findall(r">([^<>]*)</td>", cells) for group, cells in reversed(found)}


def known_values(measure: Measure) -> dict[str, float]:
    return {part.group: part.value for part in measure.groups if part.value is not None and part.group != UNKNOWN}


def test_ratios_are_those_of_the_figures(crossed: Report) -> None:
    measure = next(part for part in crossed.measures if part.key == "ndcg_at_10_all by income")
    values = known_values(measure)
    best = max(values.values())
    table = rows(render_notice(crossed))
    assert {name: table[name][2] for name in values} == {name: f"{value / best:.2f}" for name, value in values.items()}
    assert table["under 35K"][:2] == ["–", f"{values['under 35K']:.3f}"]


def test_less_is_better_turns_the_ratio_round(report_maker: Maker) -> None:
    report = report_maker()
    measures = [
        part.model_copy(update={"family": "primary", "verdict": "PASS"}) if part.measure == "paid_over_shelf" else part
        for part in report.measures
    ]
    measure = next(part for part in measures if part.key == "paid_over_shelf by age")
    values = known_values(measure)
    html = render_notice(report_maker(measures=measures))
    table = rows(html[html.index("What is paid of the shelf price by age") :])
    assert {name: table[name][2] for name in values} == {
        name: f"{min(values.values()) / value:.2f}" for name, value in values.items()
    }


def test_unknowns_are_counted_and_in_no_ratio(crossed: Report) -> None:
    html = render_notice(crossed, sizes=SIZES)
    assert "not known: about 1,180" in html
    assert UNKNOWN not in rows(html)


def test_numbers_of_customers_are_the_released_ones(crossed: Report) -> None:
    html = render_notice(crossed, sizes=SIZES)
    by_income = rows(html[: html.index("by age")])
    assert [by_income[name][0] for name in ("under 35K", "35-74K", "75K and over")] == ["205", "340", "251"]
    assert "about 1,976" in html, "what the first attribute adds up to"
    assert "95 in 100 are within 30 of the exact number" in html
    assert "at epsilon 0.10 for each attribute" in html
    assert rows(html)["under 35K x 55 and over"][0] == "–", "pairs of attributes are not counted"


@pytest.mark.parametrize("sizes", [None, SIZES])
def test_no_exact_number_of_customers_is_in_it(crossed: Report, sizes: Sizes | None) -> None:
    html = render_notice(crossed, sizes=sizes)
    exact = {group.n for measure in crossed.measures for group in measure.groups if group.n}
    assert {212, 331, 1_172, 1_904} <= exact
    exact |= {crossed.data.n_customers, crossed.data.n_unknown}
    cells = re.findall(r">([\d,]+)<|about ([\d,]+)|known: ([\d,]+)", html)
    told = {int(part.replace(",", "")) for found in cells for part in found if part.strip(",")}
    assert not told & exact
    if sizes is None:
        assert "to the ethics committee alone" in html


def test_intersections_are_shown_and_small_cells_are_not(crossed: Report) -> None:
    html = render_notice(crossed)
    assert html.index("Intersections") < html.index("income and age")
    assert rows(html)["under 35K x 19-34"] == ["too few people to show"]
    assert "None of these measures" in render_notice(crossed.model_copy(update={"measures": crossed.measures[:-1]}))


def test_source_dates_and_auditor_are_named(crossed: Report) -> None:
    html = render_notice(crossed)
    for words in ("Made up for tests", "2 March 2026", "2 February 2026", "not an independent auditor", "by analogy"):
        assert words in html
    assert "not in use when this was written" in html
    assert "5 March 2026" in render_notice(crossed, datetime(2026, 3, 5, tzinfo=UTC))


def test_only_measures_that_decide_are_in_it(crossed: Report) -> None:
    html = render_notice(crossed)
    assert "Quality of the list by income" in html
    assert "How deep discounts are" not in html


def test_differences_have_no_impact_ratio(crossed: Report) -> None:
    html = render_notice(crossed)
    table = re.search(
        r"Room for the shop's own brands.*?</table>|Room for the shop&#39;s own brands.*?</table>", html, re.DOTALL
    )
    assert table is not None
    assert "Impact ratio" not in table.group()


def test_hostile_names_stay_text_and_nothing_is_fetched(report_maker: Maker) -> None:
    html = render_notice(report_maker(provenance="<script>x</script>"))
    assert "<script" not in html
    assert not re.search(r"https?:|<img|<link|src=", html)


def test_a_report_without_a_deciding_measure_says_so(report_maker: Maker) -> None:
    html = render_notice(report_maker(verdict="INSUFFICIENT", measures=()))
    assert "No measure that decides was judged" in html
