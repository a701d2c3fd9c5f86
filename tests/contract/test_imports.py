"""The import contracts hold, and each of them bites: one bad line in a copy breaks it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from configs.settings import PROJECT_ROOT

PACKAGES = ("configs", "privacy", "features", "fairness", "training", "serving")
LINTER = Path(sys.executable).with_name("lint-imports")

# contract, file, the line that must not be there
BAD_LINES: Final = [
    ("layers", "privacy/keys.py", "import features.columns"),
    ("layers", "configs/settings.py", "import privacy.errors"),
    ("layers", "features/build.py", "import training.splits"),
    ("layers", "fairness/gates.py", "import training.metrics"),
    ("layers", "training/splits.py", "import serving.schemas"),
    ("cycles", "configs/errors.py", "import configs.loading"),
    ("cycles", "features/pipelines/purchases.py", "import features.build"),
    ("settings", "features/store.py", "from configs.loading import load_settings"),
    ("settings", "serving/assembly.py", "from configs.loading import load_settings"),
    ("mlflow", "training/promote.py", "import mlflow"),
    ("mlflow", "serving/models.py", "from mlflow import MlflowClient"),
    ("feast", "features/build.py", "import feast"),
    ("feast", "serving/assembly.py", "from feast import FeatureStore"),
    ("lightning", "features/build.py", "import lightning"),
    ("torch", "serving/recommend.py", "import torch"),
    ("torch", "features/store.py", "from torch import Tensor"),
    ("accountants", "training/promote.py", "import dp_accounting"),
    ("accountants", "serving/cli/privacy.py", "from opendp import prelude"),
    ("accountants", "training/splits.py", "import opacus"),
    ("web", "training/promote.py", "import starlette"),
    ("web", "features/events.py", "from fastapi import FastAPI"),
    ("command-line", "training/promote.py", "import typer"),
    ("server", "serving/recommend.py", "import training.registry"),
    ("server", "training/artifact.py", "import lightning"),
    ("server", "features/store.py", "def late() -> None:\n    import opacus"),
    ("server", "training/bundle_files.py", "import fairlearn"),
    ("server", "serving/assembly.py", "import privacy.accounting"),
    ("server", "privacy/ledger_book.py", "def late() -> None:\n    import opendp"),
    ("unsealing", "fairness/gates.py", "import privacy.unsealing"),
    ("unsealing", "privacy/vault.py", "from privacy.unsealing import unseal"),
    ("demographics", "features/build.py", "import fairness.demographics"),
    ("demographics", "training/promote.py", "from fairness.demographics import read_demographics"),
    ("demographics", "serving/routes.py", "from fairness.demographics import read_demographics"),
    ("demographics", "fairness/gates.py", "import fairness.demographics"),  # which training imports
    ("demographics", "features/ingest.py", "import privacy.unsealing"),
]


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages under a folder."""
    command = [str(LINTER), "--no-logo", "--no-cache", "--config", "pyproject.toml", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def contracts() -> list[str]:
    """The ids of the contracts in pyproject.toml."""
    settings = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    return [contract["id"] for contract in settings["contracts"]]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the packages and of the contracts."""
    for package in PACKAGES:
        shutil.copytree(PROJECT_ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept(house: Path) -> None:
    ran = lint(house)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(contracts())} kept, 0 broken" in ran.stdout


def test_every_contract_is_proven_below() -> None:
    assert {contract for contract, _, _ in BAD_LINES} == set(contracts())


@pytest.mark.parametrize(("contract", "file", "line"), BAD_LINES)
def test_one_bad_line_breaks_the_contract(house: Path, contract: str, file: str, line: str) -> None:
    path = house / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    ran = lint(house, "--contract", contract)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "0 kept, 1 broken" in ran.stdout
    module = file.removesuffix(".py").replace("/", ".")
    named = f"No cycles are allowed in {module.split('.')[0]}." if contract == "cycles" else module
    assert named in ran.stdout, ran.stdout
