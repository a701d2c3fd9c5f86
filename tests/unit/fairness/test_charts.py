"""Pictures as inline SVG."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from fairness.charts import MAX_ROWS, Picture, group_picture, trade_off_picture
from fairness.measures import GroupResult, Measure
from fairness.report import MethodEntry, Report


def of(report: Report, name: str) -> tuple[list[Measure], MethodEntry]:
    return [part for part in report.measures if part.measure == name], next(
        entry for entry in report.method if entry.measure == name
    )


def drawn(report: Report, name: str, picture_id: str = "p") -> Picture:
    picture = group_picture(*of(report, name), picture_id)
    assert picture is not None
    return picture


def texts(picture: Picture) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture.svg).iter("text")]  # noqa: S314 - drawn by our own charts


def test_the_same_figures_give_the_same_bytes(made_report: Report) -> None:
    assert drawn(made_report, "ndcg_at_10_all") == drawn(made_report, "ndcg_at_10_all")


def test_a_picture_has_a_name_and_a_description(made_report: Report) -> None:
    picture = drawn(made_report, "ndcg_at_10_all", "p1")
    root = ET.fromstring(picture.svg)  # noqa: S314 - drawn by our own charts
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "p1-title p1-desc"
    title, desc = root.find("title"), root.find("desc")
    assert title is not None
    assert desc is not None
    assert title.text == "Quality of the list, by group"
    assert "In the group under 35K the figure is" in (desc.text or "")


def test_ids_carry_the_prefix_and_every_reference_resolves(made_report: Report) -> None:
    for picture in (drawn(made_report, "ndcg_at_10_all", "p1"), trade_off_picture(made_report.trade_off, "p1")):
        assert picture is not None
        ids = re.findall(r'\bid="([^"]+)"', picture.svg)
        assert len(set(ids)) == len(ids)
        assert all(name.startswith("p1-") for name in ids)
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', picture.svg)) <= set(ids)


def test_nothing_in_a_picture_points_outside_or_styles_the_page(made_report: Report) -> None:
    picture = drawn(made_report, "ndcg_at_10_all")
    assert not re.search(r"http|<style|<metadata|<script|DOCTYPE|xmlns", picture.svg)


def test_colour_carries_nothing(made_report: Report) -> None:
    picture = drawn(made_report, "small_supplier_exposure_all")
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", picture.svg)) <= {"none", "currentColor", "var(--paper)"}


def test_every_group_is_named_with_its_n_and_its_verdict(made_report: Report) -> None:
    written = texts(drawn(made_report, "ndcg_at_10_all"))
    assert {"under 35K", "212", "55 and over", "unknown", "1,172", "By income: ✓ Passed"} <= set(written)


def test_a_suppressed_group_is_named_and_nothing_more(made_report: Report) -> None:
    measures = [part for part in made_report.measures if part.key == "money_per_head by household_comp"]
    picture = group_picture(measures, None, "p")
    assert picture is not None
    assert texts(picture).count("too few people to show") == 2
    assert picture.svg.count("too few") == 2


def test_nothing_to_draw_gives_no_picture(made_report: Report) -> None:
    hidden = GroupResult(group="a", n=None, events=None, value=None, interval_95=None, suppressed=True)
    measures, entry = of(made_report, "ndcg_at_10_all")
    emptied = [
        part.model_copy(update={"groups": groups}) for part, groups in zip(measures, [(), (hidden,)], strict=False)
    ]
    assert group_picture(emptied, entry, "p") is None
    assert trade_off_picture((), "p") is None


@pytest.mark.parametrize("name", ["<b>&\"'", "$x^2$", "url(#a)", 'id="p" href="#q"', "收入 1.23456 #ffffff", "a\nb"])
def test_hostile_names_are_written_as_they_are(made_report: Report, name: str) -> None:
    measures, entry = of(made_report, "ndcg_at_10_all")
    renamed = measures[0].groups[0].model_copy(update={"group": name})
    picture = group_picture([measures[0].model_copy(update={"groups": (renamed,)})], entry, "p")
    assert picture is not None
    assert "".join(name.split("\n")) in "".join(texts(picture))


def test_many_groups_are_cut_and_long_names_shortened(made_report: Report) -> None:
    measures, entry = of(made_report, "ndcg_at_10_all")
    groups = tuple(measures[0].groups[0].model_copy(update={"group": f"{place} " + "x" * 40}) for place in range(300))
    picture = group_picture([measures[0].model_copy(update={"groups": groups})], entry, "p")
    assert picture is not None
    assert sum(text.endswith("…") for text in texts(picture)) == MAX_ROWS


def test_margin_lines_lie_where_the_margin_is(made_report: Report) -> None:
    measures, entry = of(made_report, "private_label_exposure_all")
    assert entry.side == "both"
    both = group_picture(measures, entry, "p")
    high = group_picture(measures, entry.model_copy(update={"side": "high"}), "p")
    none = group_picture(measures, None, "p")
    counts = [picture.svg.count("stroke-dasharray: 4,2") for picture in (both, high, none) if picture]
    assert counts == [2, 1, 0]


def test_the_trade_off_names_every_strength(report_maker: Callable[..., Report]) -> None:
    picture = trade_off_picture(report_maker().trade_off, "t")
    assert picture is not None
    assert {"0", "0.25", "0.5", "0.75", "1", "all", "novel"} <= set(texts(picture))
    assert "Task novel, strength 0.75: NDCG@10 changes by -0.002" in picture.description
