"""The registry file: what ships is sound, and mistakes are named."""

from pathlib import Path

import pytest
import yaml

from configs.settings import PROJECT_ROOT
from training.errors import ModelUnknown, RegistryFileInvalid
from training.registry_file import load_registry_file

SHIPPED = PROJECT_ROOT / "mlflow" / "registry.yaml"


def test_the_shipped_file_is_sound() -> None:
    entry = load_registry_file(SHIPPED).model("two-tower")
    assert {"champion", "challenger"} <= set(entry.aliases)
    assert entry.promoters == ("ml_engineer",)
    assert "data_snapshot_digest" in entry.required_tags


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelUnknown, match=r"no model .three-tower.*two-tower"):
        load_registry_file(SHIPPED).model("three-tower")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("- champion\n", "- winner\n"), "aliases must hold 'champion'"),
        (("- ml_engineer", "- somebody"), "models.two-tower.promoters.0"),
        (("required_tags:", "tags:"), "models.two-tower.required_tags: Field required"),
        (("models:", "model:"), "model: Extra inputs are not permitted"),
        (("  two-tower:", "  two tower:"), "models.two tower"),
        (("models:", "models: ["), "models"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "registry.yaml"
    text = SHIPPED.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(RegistryFileInvalid) as refused:
        load_registry_file(path)
    assert told in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegistryFileInvalid, match=r"nothing.yaml cannot be used"):
        load_registry_file(tmp_path / "nothing.yaml")


def test_the_project_file_calls_commands_that_exist() -> None:
    project = yaml.safe_load((SHIPPED.parent / "MLproject").read_text())
    environment = yaml.safe_load((SHIPPED.parent / project["python_env"]).read_text())
    commands = {name: entry["command"] for name, entry in project["entry_points"].items()}
    assert commands["main"] == commands["train-two-tower"] == "fairshelf train two-tower"
    assert all(command.startswith("fairshelf ") for command in commands.values())
    lock = environment["dependencies"][0].removeprefix("-r ")
    assert (SHIPPED.parent / lock).resolve() == PROJECT_ROOT / "requirements.lock"
    assert (SHIPPED.parent / lock).is_file()
