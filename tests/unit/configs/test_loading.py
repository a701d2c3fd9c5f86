"""Settings come from four sources in a known order, and whatever is wrong is named with its place."""

import os
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.errors import (
    OverrideMalformed,
    SettingsFileBroken,
    SettingsFileMissing,
    SettingsInvalid,
    SettingValueBroken,
)
from configs.loading import ENV_PREFIX, load_settings, read_mapping
from configs.settings import PROJECT_ROOT


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the YAML files, to be changed at will; settings are read from it."""
    folder = tmp_path / "configs"
    shutil.copytree(PROJECT_ROOT / "configs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr("configs.loading._HERE", folder)
    return folder


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


# --- order of sources


def test_each_source_is_stronger_than_the_one_before(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(files / "two_tower.yaml", "\nseed: 7 ", "\nseed: 101 ")
    assert load_settings("prod").two_tower.seed == 101
    (files / "profiles" / "prod.yaml").write_text("two_tower:\n  seed: 102\n")
    assert load_settings("prod").two_tower.seed == 102
    monkeypatch.setenv("FAIRSHELF_TWO_TOWER__SEED", "103")
    assert load_settings("prod").two_tower.seed == 103
    assert load_settings("prod", ["two_tower.seed=104"]).two_tower.seed == 104
    assert load_settings("prod", ["two_tower.seed=104", "two_tower.seed=105"]).two_tower.seed == 105


def test_the_profile_comes_from_the_argument_then_the_environment_then_development(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().profile == "dev"
    monkeypatch.setenv("FAIRSHELF_PROFILE", "prod")
    assert load_settings().profile == "prod"
    assert load_settings("test").profile == "test"
    monkeypatch.setenv("FAIRSHELF_PROFILE", "")
    assert load_settings().profile == "dev"


def test_a_nested_key_changes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings("prod").serving
    monkeypatch.setenv("FAIRSHELF_SERVING__RECOMMEND__MAX_LIMIT", "50")
    after = load_settings("prod", ["serving.recommend.default_limit=20"]).serving
    assert (after.recommend.max_limit, after.recommend.default_limit) == (50, 20)
    assert after.recommend.main_parameters == before.recommend.main_parameters
    assert after.model_dump(exclude={"recommend"}) == before.model_dump(exclude={"recommend"})


def test_values_are_read_as_yaml() -> None:
    told = ["two_tower.learning_rate=1e-3", "privacy.create_missing_keys=true", "serving.recommend.main_parameters=[a]"]
    settings = load_settings("prod", told)
    assert settings.two_tower.learning_rate == 0.001
    assert settings.privacy.create_missing_keys is True
    assert settings.serving.recommend.main_parameters == ("a",)


def test_other_programs_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings("prod")
    monkeypatch.setenv("SERVING__PORT", "1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    assert load_settings("prod") == before


# --- typos


def test_a_typo_in_a_section_is_refused_with_file_and_key(files: Path) -> None:
    rewrite(files / "evaluation.yaml", "test_weeks:", "test_week:")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings("prod")
    assert f"{files / 'evaluation.yaml'}: unknown key evaluation.test_week; did you mean test_weeks?" in str(
        refused.value
    )
    assert f"{files / 'evaluation.yaml'}: evaluation.test_weeks is not set" in str(refused.value)


def test_a_typo_in_a_profile_is_refused_with_file_and_key(files: Path) -> None:
    profile = files / "profiles" / "prod.yaml"
    profile.write_text("servin:\n  port: 80\nserving:\n  prot: 80\n  recommend:\n    max_limits: 5\n")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings("prod")
    message = str(refused.value)
    assert f"{profile}: unknown section servin; did you mean serving?" in message
    assert f"{profile}: unknown key serving.prot; did you mean port?" in message
    assert f"{profile}: unknown key serving.recommend.max_limits; did you mean max_limit?" in message


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("FAIRSHELF_TWO_TOWER__MAX_EPOCH", "unknown key two_tower.max_epoch; did you mean max_epochs?"),
        ("FAIRSHELF_SERVING__RECOMMEND__LIMIT", "unknown key serving.recommend.limit"),
        ("FAIRSHELF_SERVNG__PORT", "unknown section servng; did you mean serving?"),
        ("FAIRSHELF_SERVING_PORT", "unknown section serving_port"),
        ("FAIRSHELF_PROFIL", "unknown section profil; did you mean profile?"),
        ("FAIRSHELF_QUUX__A", "unknown section quux; there are: "),
    ],
)
def test_a_typo_in_a_variable_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings("prod")
    assert f"{variable}: {said}" in str(refused.value)
    assert "1 setting(s)" in str(refused.value)


def test_a_typo_in_an_override_is_refused_as_it_was_typed() -> None:
    with pytest.raises(SettingsInvalid, match=r"--set features\.clok=wall: unknown key features\.clok; .* clock\?"):
        load_settings("prod", ["features.clok=wall"])


# --- values that do not fit


def test_all_problems_are_listed_at_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(files / "ingest.yaml", "max_reject_share: 0.05", "max_reject_share: 1.05")
    (files / "profiles" / "prod.yaml").write_text("features:\n  clock: sundial\n")
    monkeypatch.setenv("FAIRSHELF_SERVING__PORT", "70000")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings("prod", ["two_tower.seed=seven", "ingest.trading_time_zone=Mars/North"])
    message = str(refused.value)
    assert message.startswith("5 setting(s) cannot be used:\n")
    assert f"{files / 'ingest.yaml'}: ingest.max_reject_share = 1.05: " in message
    assert f"{files / 'profiles' / 'prod.yaml'}: features.clock = 'sundial': " in message
    assert "FAIRSHELF_SERVING__PORT: serving.port = 70000: Input should be less than or equal to 65535" in message
    assert "--set two_tower.seed=seven: two_tower.seed = 'seven': " in message
    assert "ingest.trading_time_zone = 'Mars/North': not a time zone of the IANA database" in message


@pytest.mark.parametrize("value", ["5", "", "[1]"])
def test_a_value_in_place_of_a_section_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FAIRSHELF_SERVING", value)
    with pytest.raises(SettingsInvalid, match=r"- FAIRSHELF_SERVING: serving = .*: keys of its own belong here"):
        load_settings("prod")


def test_two_sources_that_disagree_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRSHELF_SERVING__RECOMMEND__MAX_LIMIT", "7")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings("prod", ["serving.recommend.default_limit=8"])
    assert (
        "FAIRSHELF_SERVING__RECOMMEND__MAX_LIMIT and --set serving.recommend.default_limit=8: "
        "serving.recommend: default_limit 8 exceeds max_limit 7"
    ) in str(refused.value)


def test_a_missing_section_is_named(files: Path) -> None:
    (files / "promotion.yaml").unlink()
    with pytest.raises(SettingsInvalid, match="promotion is not set"):
        load_settings("prod")


@pytest.mark.parametrize("override", ["seed=1", "two_tower.seed", "=1", ".seed=1", "two_tower.=1", "", "a..b=1"])
def test_a_malformed_override_is_refused(override: str) -> None:
    with pytest.raises(OverrideMalformed, match=r"section\.key=value"):
        load_settings("prod", [override])


def test_a_value_that_is_no_yaml_is_refused_with_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingValueBroken, match=r"^--set two_tower\.seed: '\[1' is not a YAML value: .* column 3"):
        load_settings("prod", ["two_tower.seed=[1"])
    monkeypatch.setenv("FAIRSHELF_TWO_TOWER__SEED", "'7")
    with pytest.raises(SettingValueBroken, match=r"^FAIRSHELF_TWO_TOWER__SEED: .* at line 1"):
        load_settings("prod")


# --- files


@pytest.mark.parametrize("profile", ["staging", "../two_tower", "/etc/passwd", "."])
def test_an_unknown_profile_is_refused_with_the_known_ones(profile: str) -> None:
    with pytest.raises(SettingsFileMissing, match="Known profiles: dev, prod, test"):
        load_settings(profile)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"port: [1", "line 1"),
        (b"port 3000", "it holds a str"),
        (b"- port", "it holds a list"),
        (b"port: 1\nport: 2\n", "key 'port' is there twice at line 2, column 1"),
        (b"recommend:\n  max_limit: 1\n  max_limit: 2\n", "key 'max_limit' is there twice at line 3, column 3"),
        (b"host: \xff\n", "utf-8"),
        (b"\tport: 1", "line 1"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "serving.yaml"
    path.write_bytes(text)
    with pytest.raises(SettingsFileBroken) as refused:
        read_mapping(path)
    assert str(refused.value).startswith(f"{path} is not a YAML mapping")
    assert problem in str(refused.value)


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing but a comment\n")
    assert read_mapping(path) == {}


@pytest.mark.parametrize("text", ["serving:\n", "serving: 3\n", "profile: prod\n"])
def test_a_profile_holds_sections_of_keys(files: Path, text: str) -> None:
    (files / "profiles" / "prod.yaml").write_text(text)
    with pytest.raises(SettingsFileBroken, match=r"prod\.yaml .* instead of keys"):
        load_settings("prod")


def test_a_file_that_is_no_section_is_refused(files: Path) -> None:
    (files / "extra.yaml").write_text("key: 1\n")
    with pytest.raises(SettingsInvalid, match=r"extra\.yaml: unknown section extra"):
        load_settings("prod")


# --- what comes out


def test_settings_are_frozen() -> None:
    settings = load_settings("prod")
    with pytest.raises(ValidationError, match="frozen"):
        settings.serving.recommend.max_limit = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.profile = "dev"  # type: ignore[misc]


def test_loading_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings("prod")
    assert load_settings("prod", ["serving.recommend.max_limit=11"]) != before
    assert load_settings("prod") == before


def test_keys_in_the_environment_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRSHELF_SECRET_PSEUDONYM_V1", "ab" * 32)
    assert "ab" * 32 not in repr(load_settings("test"))
