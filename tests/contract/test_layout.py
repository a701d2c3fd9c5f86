"""The house keeps its shape: where things are, how files are named, how long they are."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from configs.settings import PROJECT_ROOT

PACKAGES = ("configs", "privacy", "features", "fairness", "training", "serving")
FOLDERS = {*PACKAGES, "mlflow", "tests", "docs", ".ci"}
DRAWERS = {"common", "utils", "util", "core", "helpers", "misc", "lib"}
TEST_KINDS = {"unit", "property", "contract", "e2e", "benchmarks"}
MAX_LINES = 350


def tracked() -> list[Path]:
    """Every file of the project: what git knows and what it does not ignore, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (PROJECT_ROOT / (path := Path(name))).is_file()]


def modules(package: str) -> list[Path]:
    """The Python files of a package, relative to the root."""
    return sorted(path.relative_to(PROJECT_ROOT) for path in (PROJECT_ROOT / package).rglob("*.py"))


ALL_MODULES = [path for package in PACKAGES for path in modules(package)]
TEST_FILES = modules("tests")
UNIT_TESTS = sorted(path for path in TEST_FILES if path.parts[1] == "unit" and path.name.startswith("test_"))


def test_the_top_level_holds_the_six_packages_and_nothing_unplanned() -> None:
    found = {path.parts[0] for path in tracked() if len(path.parts) > 1}
    assert found == FOLDERS


def test_no_python_lies_under_mlflow() -> None:
    found = [path for path in tracked() if path.parts[0] == "mlflow"]
    assert {path.name for path in found} >= {"MLproject", "python_env.yaml", "registry.yaml"}
    assert not [path for path in found if path.suffix == ".py"], "it would replace the library of that name"


def test_there_is_no_drawer_for_everything() -> None:
    assert not [path for path in ALL_MODULES if DRAWERS & {*path.with_suffix("").parts}]


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in ALL_MODULES}
    assert not [folder for folder in folders if not (PROJECT_ROOT / folder / "__init__.py").exists()]


@pytest.mark.parametrize("path", [path for path in ALL_MODULES if path.name == "__init__.py"], ids=str)
def test_init_is_one_docstring(path: Path) -> None:
    tree = ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "say what the package is for"
    assert len(tree.body) == 1, "every name has one address; keep __init__.py free of imports and code"


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    assert not [path for path in ALL_MODULES if path.stem in sys.stdlib_module_names]


def test_files_stay_short() -> None:
    n_lines = {path: (PROJECT_ROOT / path).read_text(encoding="utf-8").count("\n") for path in ALL_MODULES}
    assert not {str(path): n for path, n in n_lines.items() if n > MAX_LINES}


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_stay_short(package: str) -> None:
    lengths = [length for path in modules(package) for length in _function_lengths(PROJECT_ROOT / path)]
    assert median(lengths) < 10
    assert max(lengths) <= 50


def test_tests_lie_under_their_kind() -> None:
    folders = {path.parts[1] for path in TEST_FILES if len(path.parts) > 2}
    assert folders <= TEST_KINDS
    assert [path.name for path in TEST_FILES if len(path.parts) == 2] == ["conftest.py"]


def test_unit_tests_mirror_the_packages() -> None:
    strangers = []
    for path in UNIT_TESTS:
        package = PROJECT_ROOT.joinpath(*path.parts[2:-1])
        subject = path.stem.removeprefix("test_")
        named = {module.stem for module in package.rglob("*.py")} | {folder.name for folder in package.rglob("*/")}
        if not any(subject == name or subject.startswith(f"{name}_") for name in named - {"__init__"}):
            strangers.append(str(path))
    assert not strangers, "name a test file after the module it tests: test_<module>.py or test_<module>_<aspect>.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_unit_tests(package: str) -> None:
    assert [path for path in UNIT_TESTS if path.parts[2] == package]


def test_what_a_clone_must_hold_is_there() -> None:
    assert (PROJECT_ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    for name in ("pyproject.toml", "requirements.lock", "CHANGELOG.md", "README.md", ".pre-commit-config.yaml"):
        assert (PROJECT_ROOT / name).stat().st_size > 0, name


def _function_lengths(path: Path) -> list[int]:
    """Lines of each function's body, docstring left out."""
    lengths = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lengths.append((body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0)
    return lengths
