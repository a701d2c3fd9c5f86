"""What a contest leaves behind."""

import json
from pathlib import Path

from training.contest.files import FIGURES, PAGE, PICTURE, read_contest, write_contest
from training.contest.result import Contest


def test_it_is_read_as_it_was_written_and_replaces_an_older_one(contest: Contest, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    page = write_contest(contest.model_copy(update={"n_judged": 99}), folder)
    assert write_contest(contest, folder) == page == folder / PAGE
    assert read_contest(folder) == contest
    assert sorted(path.name for path in folder.iterdir()) == sorted([FIGURES, PAGE, PICTURE])
    assert f"]({PICTURE})" in page.read_text(encoding="utf-8")


def test_the_figures_have_the_form_of_the_contract(contest: Contest, tmp_path: Path) -> None:
    write_contest(contest, tmp_path)
    written = json.loads((tmp_path / FIGURES).read_text(encoding="utf-8"))
    assert {"rows", "machine", "versions"} <= set(written)
    assert set(written["rows"][0]) == {"name", "figure", "value", "unit", "ratio_to", "ratio", "interval_95"}
