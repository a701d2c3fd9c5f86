"""The report as a page: complete, self-contained, accessible."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from fairness.measures import GroupResult
from fairness.pages import environment
from fairness.report import Report
from fairness.report_page import render_report
from fairness.sentences import SURFACE_WORDS

Maker = Callable[..., Report]

_VOID = {"meta", "br", "img", "link", "input", "hr"}
_READABLE = 4.5  # WCAG 2.2, 1.4.3


class Page(HTMLParser):
    """What a test asks of a page; a tag that is not closed, or closed out of turn, fails at once."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.sections: dict[str, Counter[str]] = {}
        self._open: list[str] = []
        self._section: Counter[str] = Counter()
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag and count it for its section."""
        held = {name: value or "" for name, value in attrs}
        self.tags.append((tag, held))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = self.sections.setdefault(held.get("aria-labelledby", ""), Counter())
        self._section[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag that closes itself."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Fail on a tag closed out of turn."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if "style" not in self._open:
            self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        """Attributes of every tag of a name."""
        return [held for tag, held in self.tags if tag == name]


@pytest.fixture(scope="module")
def page(made_report: Report) -> Page:
    return Page(render_report(made_report))


def test_the_verdict_comes_first_in_plain_words(page: Page) -> None:
    assert page.text.index("It passed. There is evidence") < page.text.index("What was and was not examined")
    headings = [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert headings[:2] == ["h1", "h2"]


@pytest.mark.parametrize("verdict", ["FAIL", "INSUFFICIENT"])
def test_what_stands_in_the_way_comes_with_the_verdict(report_maker: Maker, verdict: str) -> None:
    key = "ndcg_at_10_all by income"
    measures = [
        part.model_copy(update={"verdict": verdict, "note": "Look here."}) if part.key == key else part
        for part in report_maker().measures
    ]
    text = Page(render_report(report_maker(verdict=verdict, measures=measures))).text
    assert text.index("What stands in the way") < text.index("Look here.") < text.index("What was and was not examined")


def test_every_part_is_there_and_linked(page: Page) -> None:
    ids = [held["id"] for _, held in page.tags if "id" in held]
    targets = [held["href"][1:] for held in page.all("a")]
    assert set(targets) <= set(ids)
    parts = {"examined", "decides", "changes", "trade-off", "card", "method"}
    assert parts | {f"surface-{surface}" for surface in SURFACE_WORDS} <= set(targets)


def test_ids_are_unique_and_labels_resolve(page: Page) -> None:
    ids = [held["id"] for _, held in page.tags if "id" in held]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    named = {name for _, held in page.tags for name in held.get("aria-labelledby", "").split()}
    assert named <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(made_report: Report) -> None:
    html = render_report(made_report)
    page = Page(html)
    assert not re.search(r"https?:|@import|javascript:|//[a-z]", html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form", "input"} == set()
    assert not [name for _, held in page.tags for name in held if name.startswith("on") or name == "src"]
    assert re.findall(r"url\((?!#)", html) == []


def test_headings_skip_no_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_has_a_language_a_title_a_skip_link_and_landmarks(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("a")[0] == {"class": "skip", "href": "#examined"}
    assert all(len(page.all(name)) == 1 for name in ("main", "nav", "header"))


def test_every_picture_has_words_and_a_table(page: Page) -> None:
    pictures = page.all("svg")
    assert len(pictures) > 10
    assert all(held["role"] == "img" and held["aria-labelledby"] for held in pictures)
    drawn = [counts for counts in page.sections.values() if counts["svg"]]
    assert len(drawn) == len(pictures)
    assert all(counts["table"] for counts in drawn)


def test_tables_have_captions_and_scoped_heads(page: Page) -> None:
    ours = [counts for name, counts in page.sections.items() if name != "card"]
    assert all(counts["caption"] == counts["table"] for counts in ours)
    assert len([held for held in page.all("th") if "scope" not in held]) <= 2  # the model card's own


def test_what_scrolls_can_be_reached_by_keyboard(page: Page) -> None:
    scrollers = [held for _, held in page.tags if "wide" in held.get("class", "").split()]
    assert scrollers
    assert all(held["tabindex"] == "0" and held["role"] == "group" and held["aria-label"] for held in scrollers)


def test_verdicts_are_words_and_symbols_beside_colour(page: Page, made_report: Report) -> None:
    shown = Counter(word for _, word in re.findall(r"([✓✗?])\s*(Passed|Failed|Not enough evidence)", page.text))
    wanted = Counter(measure.verdict for measure in made_report.measures)
    assert shown["Failed"] >= wanted["FAIL"]
    assert shown["Not enough evidence"] >= wanted["INSUFFICIENT"]


def test_every_comparison_is_shown_with_its_figures(page: Page, made_report: Report) -> None:
    for measure in made_report.measures:
        assert measure.measure in page.text or measure.family == "invariant"
        assert all(group.group in page.text for group in measure.groups)
    assert "0.286" in page.text
    assert "1,172" in page.text


def test_suppressed_cells_are_named_without_a_figure(report_maker: Maker) -> None:
    html = render_report(report_maker())
    row = re.search(r'<th scope="row">1 Adult Kids</th>\s*<td class="n" colspan="4">too few people to show</td>', html)
    assert row is not None
    secret = GroupResult.model_construct(
        group="tiny",
        n=4711,
        events=4712,
        value=0.4713,
        interval_95=(0.4714, 0.4715),
        suppressed=True,
        bounds=(0.4716, 0.4717),
        pooled=0.4718,
    )
    report = report_maker()
    leaking = report.measures[4].model_copy(update={"groups": (*report.measures[4].groups, secret)})
    shown = render_report(report.model_copy(update={"measures": (*report.measures[:4], leaking, *report.measures[5:])}))
    assert "tiny" in shown
    assert not re.search(r"4,?71\d|47\.1", re.sub(r'(?:x|y|d|points|viewBox)="[^"]*"', "", shown))


def test_hostile_names_stay_text(report_maker: Maker) -> None:
    name = "<script>alert('x')</script>\"><svg onload=1>"
    measure = report_maker().measures[5]
    renamed = measure.groups[0].model_copy(update={"group": name})
    hostile = measure.model_copy(update={"groups": (renamed, *measure.groups[1:]), "note": name, "attribute": name})
    measures = [hostile if part.key == measure.key else part for part in report_maker().measures]
    html = render_report(report_maker(measures=measures, provenance=name, model_card=name, not_examined=(name,)))
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [held for held in page.all("svg") if "onload" in held]
    assert name in page.text


def test_changes_are_told(report_maker: Maker) -> None:
    before = report_maker()
    unsure = {"verdict": "INSUFFICIENT"}
    measures = [part.model_copy(update=unsure) if part.verdict == "FAIL" else part for part in before.measures]
    n_failed = sum(part.verdict == "FAIL" for part in before.measures)
    text = Page(render_report(report_maker(measures=measures, previous=before))).text
    assert f"{n_failed} verdicts changed, 0 figures moved" in text
    assert before.report_id in text
    assert "There is no earlier report" in Page(render_report(before)).text


def test_what_is_missing_is_said(report_maker: Maker) -> None:
    report = report_maker(verdict="INSUFFICIENT", measures=(), trade_off=(), model_card=" ", not_examined=())
    page = Page(render_report(report))
    assert "No measure that decides was judged" in page.text
    assert "The bundle holds no model card." in page.text
    assert page.all("svg") == []


def test_waivers_are_named_where_they_applied(report_maker: Maker) -> None:
    key = "ndcg_at_10_all by age"
    measures = [
        part.model_copy(update={"verdict": "FAIL"}) if part.key == key else part for part in report_maker().measures
    ]
    text = Page(render_report(report_maker(measures=measures, waived=(key,)))).text
    assert "a waiver stands in" in text
    assert re.search(r"Waivers that applied\s*ndcg_at_10_all by age", text)


def test_the_method_says_what_the_rule_of_thumb_is(page: Page) -> None:
    assert "Four fifths is a rule of thumb of United States employment law" in page.text
    assert "simulated, not observed" in page.text
    assert "2,000 times" in page.text


def test_the_same_report_gives_the_same_page(made_report: Report) -> None:
    assert render_report(made_report) == render_report(made_report)


def test_the_style_knows_paper_and_dark_screens_and_is_readable_on_both() -> None:
    style = environment().get_template("style.css.j2").render()
    assert "@media print" in style
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{([^}]*)\}", style)]
    light, dark = schemes[0], schemes[1]
    for scheme in (light, light | dark):
        for name in ("ink", "soft", "pass", "fail", "open"):
            for ground in ("paper", "note"):
                assert contrast(scheme[name], scheme[ground]) >= _READABLE, (name, ground)


def contrast(first: str, second: str) -> float:
    """Ratio of luminances as WCAG has it."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of a colour in sRGB."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
