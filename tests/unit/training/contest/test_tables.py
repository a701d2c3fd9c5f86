"""A contest as tables and as a page."""

from datetime import timedelta

from training.contest.result import Contest
from training.contest.tables import markdown, tables


def cells(contest: Contest, title: str) -> dict[str, dict[str, str]]:
    (table,) = [table for table in tables(contest) if table.title == title]
    assert all(len(row) == len(table.columns) for row in table.rows)
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_every_method_that_took_part_has_a_row(contest: Contest) -> None:
    table = cells(contest, "All products")
    assert list(table) == ["MINE (ours)", "POP"]
    assert table["MINE (ours)"]["NDCG@20"] == "0.3100"
    assert table["MINE (ours)"]["over the best peer"] == "+24.0% [+20.0%, +28.0%] POP"
    assert table["POP"]["95%"] == "0.2400 to 0.2600"
    assert table["POP"]["over the best peer"] == "–"
    assert table["POP"]["recall@100"] == "–"


def test_the_budget_and_the_choice_of_each_task_are_told(contest: Contest) -> None:
    table = cells(contest, "Tuning, time and memory")
    assert table["POP"]["tried"] == "3"
    assert table["POP"]["chosen on validation"] == "all: days 7; novel: days 14"
    assert (table["MINE (ours)"]["tried"], table["MINE (ours)"]["chosen on validation"]) == ("–", "–")
    assert (table["MINE (ours)"]["fit s"], table["POP"]["peak GB"]) == ("120.5", "1.5")


def test_one_choice_for_both_tasks_is_told_once(contest: Contest) -> None:
    point = {"half_life_days": None, "regularization": 100.0}
    changed = contest.methods[1].model_copy(update={"chosen": {"all": point, "novel": dict(point)}})
    table = cells(contest.model_copy(update={"methods": (changed,)}), "Tuning, time and memory")
    assert table["POP"]["chosen on validation"] == "half_life_days none, regularization 100.0"


def test_who_was_left_out_is_told_with_the_reason(contest: Contest) -> None:
    assert cells(contest, "Left out") == {"GONE": {"method": "GONE", "why": "gone is left out: not installed."}}
    whole = contest.model_copy(update={"methods": contest.methods[:2]})
    assert "Left out" not in [table.title for table in tables(whole)]


def test_the_page_holds_notes_picture_tables_and_machine(contest: Contest) -> None:
    page = markdown(contest, "contest.svg")
    for part in (
        "# Recommendations, cut-off 2017-03-01, judged to 2017-03-15",
        "- 3 of 4 customers bought something.",
        "![Figures](contest.svg)",
        "| MINE (ours) | – | – | 0.3100 | 0.3000 to 0.3200 |",
        "some processor, 2 processors, 8.0 GB; python 3.11.9.",
        "Data: made up for a test",
    ):
        assert part in page
    rules = [line for line in page.splitlines() if line.startswith("| ---")]
    assert len(rules) == len(tables(contest))


def test_baskets_have_one_table_of_their_own(contest: Contest) -> None:
    rows = (contest.rows[0].model_copy(update={"figure": "basket.recall@10"}),)
    baskets = contest.model_copy(update={"discipline": "basket", "rows": rows, "methods": contest.methods[:1]})
    table = cells(baskets, "One product hidden in each basket")
    assert table["MINE (ours)"] == {
        "method": "MINE (ours)", "recall@10": "0.3100", "95%": "0.3000 to 0.3200", "over the best peer": "–"
    }  # fmt: skip


def test_ours_over_the_best_peer_is_told_for_every_figure_and_task(contest: Contest) -> None:
    (table,) = [table for table in tables(contest) if table.title.startswith("Ours over")]
    assert table.columns == ("method", "task", "NDCG@10", "NDCG@20", "recall@100")
    assert table.rows == (
        ("MINE (ours)", "all", "–", "+24.0% [+20.0%, +28.0%] POP", "–"),
        ("MINE (ours)", "novel", "–", "–", "–"),
    )


def test_the_days_that_chose_are_told_and_whether_they_are_on_record(contest: Contest) -> None:
    days = {"validated_from": contest.train_until - timedelta(days=14), "validated_until": contest.train_until}
    fresh = contest.methods[1].model_copy(update=days)
    old = fresh.model_copy(update={"name": "old", "title": "OLD", "recorded": True})
    table = cells(contest.model_copy(update={"methods": (contest.methods[0], fresh, old)}), "Tuning, time and memory")
    assert table["MINE (ours)"]["on"] == "–"
    assert table["POP"]["on"] == "2017-02-15 to 2017-03-01"
    assert table["OLD"]["on"] == "2017-02-15 to 2017-03-01, on record"


def test_each_heat_on_cold_ground_has_a_table_of_those_who_took_part(contest: Contest) -> None:
    first, second, _, _, other, _, _ = contest.rows
    rows = (
        first.model_copy(update={"figure": "new_products.recall@10"}),
        second.model_copy(update={"figure": "new_products.recall@10"}),
        other.model_copy(update={"figure": "session.recall@10"}),
    )
    cold = contest.model_copy(update={"discipline": "cold", "rows": rows})
    new = cells(cold, "Products first sold in the window")
    assert list(new) == ["MINE (ours)"]
    assert new["MINE (ours)"]["over the best peer"].startswith("recall@10 +24.0% [+20.0%, +28.0%] POP; NDCG@20 –")
    assert list(cells(cold, "Visitors known by three products of a basket")) == ["POP"]
