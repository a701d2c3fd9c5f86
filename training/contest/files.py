"""Where a contest is kept: figures as JSON, tables as Markdown, and the picture beside them."""

from pathlib import Path
from typing import Final

from training.contest.pictures import picture
from training.contest.result import Contest
from training.contest.tables import markdown

FIGURES: Final = "contest.json"
PAGE: Final = "contest.md"
PICTURE: Final = "contest.svg"


def write_contest(contest: Contest, folder: Path) -> Path:
    """Write `contest.json`, `contest.md` and `contest.svg`; older files of these names are replaced.

    Args:
        contest: What was found.
        folder: Made if absent.

    Returns:
        Path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        FIGURES: contest.model_dump_json(indent=2) + "\n",
        PICTURE: picture(contest),
        PAGE: markdown(contest, PICTURE),
    }
    for name, text in texts.items():
        staged = folder / f".{name}.partial"
        staged.write_text(text, encoding="utf-8")
        staged.replace(folder / name)
    return folder / PAGE


def read_contest(folder: Path) -> Contest:
    """Read what `write_contest` wrote."""
    return Contest.model_validate_json((folder / FIGURES).read_text(encoding="utf-8"))
