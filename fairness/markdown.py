"""Markdown of a model card as HTML that can be trusted: no raw HTML, no picture, headings that fit the page."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MAX_LEVEL: Final = 6


def markdown_html(text: str, top_level: int) -> str:
    r"""Render Markdown; raw HTML is shown as text, and pictures, which a browser would fetch, as links.

    Args:
        text: CommonMark with tables.
        top_level: Level that the first heading gets; no level is skipped below it.

    Returns:
        HTML to be put into a page as it is.

    >>> markdown_html("# Card\n<b>x</b>", 3)
    '<h3>Card</h3>\n<p>&lt;b&gt;x&lt;/b&gt;</p>\n'
    """
    renderer = _renderer()
    tokens = renderer.parse(text)
    _fit_headings(tokens, top_level)
    return str(renderer.renderer.render(tokens, renderer.options, {}))


@cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])


def _fit_headings(tokens: Sequence[Token], top_level: int) -> None:
    headings = [token for token in tokens if token.type == "heading_open"]
    least = min((int(token.tag[1]) for token in headings), default=1)
    previous, tag = top_level - 1, f"h{top_level}"
    for token in tokens:
        if token.type == "heading_open":
            previous = min(int(token.tag[1]) - least + top_level, previous + 1, _MAX_LEVEL)
            tag = f"h{previous}"
        if token.type in {"heading_open", "heading_close"}:
            token.tag = tag
