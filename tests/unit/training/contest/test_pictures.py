"""A contest as a picture."""

import re
import xml.etree.ElementTree as ET

import pytest

from training.contest.pictures import picture
from training.contest.result import Contest


@pytest.fixture
def svg(contest: Contest) -> str:
    return picture(contest)


def test_it_is_whole_and_says_whose_figures_it_shows(svg: str) -> None:
    root = ET.fromstring(svg)  # noqa: S314 our own text
    assert root.tag.endswith("svg")
    for words in ("MINE (ours)", "POP", "0.3100", "0.0600", "All products, NDCG@20"):
        assert words in svg
    assert "GONE" not in svg


def test_the_best_stands_first(svg: str) -> None:
    names = re.findall(r">(MINE \(ours\)|POP)<", svg)
    assert names == ["MINE (ours)", "POP", "POP", "MINE (ours)"]  # the peer finds more that is new


def test_the_same_contest_gives_the_same_picture(contest: Contest, svg: str) -> None:
    assert picture(contest) == svg


def test_baskets_have_one_panel(contest: Contest) -> None:
    rows = tuple(row.model_copy(update={"figure": "basket.recall@10"}) for row in contest.rows if not row.ratio_to)
    drawn = picture(contest.model_copy(update={"discipline": "basket", "rows": rows}))
    assert "recall@10" in drawn
    assert "NDCG" not in drawn


def test_cold_ground_has_three_panels(contest: Contest) -> None:
    names = ("new_products.recall@100", "beginners.novel.ndcg@20", "session.recall@10")
    first = contest.rows[0]
    rows = tuple(first.model_copy(update={"figure": name}) for name in names)
    drawn = picture(contest.model_copy(update={"discipline": "cold", "rows": rows}))
    for words in ("New products, recall@100", "One to three baskets", "Three products known"):
        assert words in drawn
    assert "POP" not in drawn  # measured in none of them
