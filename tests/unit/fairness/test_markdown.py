"""Markdown of model cards."""

import re

from fairness.markdown import markdown_html


def test_headings_fit_the_page_without_skipping_a_level() -> None:
    html = markdown_html("## A\n#### B\n## C\n###### D\n", 3)
    assert re.findall(r"<(h\d)>", html) == ["h3", "h4", "h3", "h4"]
    assert html.count("</h3>") == 2


def test_raw_html_is_text() -> None:
    html = markdown_html("<script>alert(1)</script>\n\nx <img src=http://a.example/p.png> y", 3)
    assert "<script" not in html
    assert "<img" not in html


def test_pictures_are_not_fetched_and_script_links_are_no_links() -> None:
    html = markdown_html("![p](http://a.example/p.png) [x](javascript:alert(1))", 3)
    assert "<img" not in html
    assert 'href="javascript' not in html


def test_tables_are_tables() -> None:
    assert "<td>1</td>" in markdown_html("| a |\n|---|\n| 1 |\n", 3)
