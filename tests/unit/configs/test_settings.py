"""The schema: where things are written, and which values it takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, PrivacySettings, RecommendSettings, StorageSettings

RECOMMEND = load_settings("test").serving.recommend.model_dump()
PRIVACY = load_settings("test").privacy.model_dump()


def storage(root: object) -> StorageSettings:
    return StorageSettings.model_validate({"root": root, "min_free_gb": 1})


def test_a_relative_root_is_anchored_at_the_project_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings("prod").storage.root == PROJECT_ROOT / "var"
    assert load_settings("prod", ["storage.root=elsewhere/data"]).storage.root == PROJECT_ROOT / "elsewhere" / "data"


def test_an_absolute_root_is_kept(tmp_path: Path) -> None:
    assert storage(str(tmp_path)).root == tmp_path
    assert storage(tmp_path).root == tmp_path


def test_a_home_folder_is_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert storage("~/shelf").root == tmp_path / "shelf"


@pytest.mark.parametrize("root", [None, "", " ", 5, ["var"]])
def test_what_is_no_path_is_refused(root: object) -> None:
    with pytest.raises(ValidationError, match="not a path"):
        storage(root)


def test_everything_that_runs_writes_under_the_root(tmp_path: Path) -> None:
    settings = storage(tmp_path)
    places = {name: getattr(settings, name) for name, kind in vars(StorageSettings).items() if type(kind) is property}
    assert len(places) >= 10
    assert all(tmp_path in path.parents for path in places.values())
    assert len(set(places.values())) == len(places)


@given(default=st.integers(min_value=1, max_value=100), most=st.integers(min_value=1, max_value=100))
def test_the_default_limit_never_exceeds_the_most(default: int, most: int) -> None:
    given_values = {**RECOMMEND, "default_limit": default, "max_limit": most}
    if default <= most:
        assert RecommendSettings.model_validate(given_values).default_limit == default
    else:
        with pytest.raises(ValidationError, match=f"default_limit {default} exceeds max_limit {most}"):
            RecommendSettings.model_validate(given_values)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_share_lies_between_nought_and_one(share: float) -> None:
    values = {**PRIVACY, "demo_refusal_share": share}
    if 0 <= share <= 1:
        assert PrivacySettings.model_validate(values).demo_refusal_share == share
    else:
        with pytest.raises(ValidationError):
            PrivacySettings.model_validate(values)
