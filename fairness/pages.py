"""How the pages of fairness are rendered: templates, escaping, and the filters that write figures."""

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from fairness.sentences import (
    FAMILY_WORDS,
    VERDICT_SYMBOLS,
    VERDICT_WORDS,
    asked,
    attribute_words,
    chance_sentence,
    change_figure,
    contrast_figure,
    contrast_sentence,
    counted,
    figure,
    interval_figure,
    p_figure,
)

_FILTERS: Final = {
    "asked": asked,
    "attribute_words": attribute_words,
    "chance_sentence": chance_sentence,
    "change_figure": change_figure,
    "contrast_figure": contrast_figure,
    "contrast_sentence": contrast_sentence,
    "counted": counted,
    "figure": figure,
    "interval_figure": interval_figure,
    "p_figure": p_figure,
}


@cache
def environment() -> Environment:
    """Make the templates ready: everything is escaped, and a name nobody set is an error."""
    made = Environment(
        loader=PackageLoader("fairness", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(_FILTERS)
    made.globals.update(words=VERDICT_WORDS, symbols=VERDICT_SYMBOLS, families=FAMILY_WORDS)
    return made
