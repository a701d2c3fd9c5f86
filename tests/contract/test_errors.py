"""Every error says what happened, with its facts, and what to do next; and none names a person."""

import importlib
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Final

import pytest

from configs.settings import PROJECT_ROOT

PACKAGES = ("configs", "privacy", "features", "fairness", "training", "serving")
MODULES = [importlib.import_module(f"{package}.errors") for package in PACKAGES]
BRANCHES = [
    importlib.import_module(f"{part}.errors")
    for part in (
        "training.demand",
        "privacy.auditing",
        "privacy.counting",
        "privacy.forgetting",
        "serving.off_policy",
        "serving.pricing",
        "training.contest",
        "training.experiments",
        "training.off_policy",
        "training.peers",
        "serving.people",
    )
]

# Names under which a customer's id, or whatever leads to a person, could come in.
PERSONAL = re.compile(r"customer|person|pseudonym|source_id|visitor|household|api_key|secret")

# How a next step begins. A message may also point at the page that lists what there is.
NEXT_STEP: Final = re.compile(
    r"(?:^|[.;:] |\n|, or )(?i:add|ask|audit|bring|build|check|choose|correct|do|export|find|fit|free|give|hand|ingest"
    r"|install|keep|lower|make|name|pass|plan|put|raise|rank|read|record|register|remove|rename|repeat|report|restore"
    r"|run|send|set|sort|split|start|stop|supply|train|use|wait|write)\b"
    r"|see /openapi\.json|/openapi\.json (?:lists|has)|GET /v1/\w+ lists",
)

Example = Callable[..., Exception]


def classes(module: ModuleType) -> list[type[Exception]]:
    """The errors that a module defines, in order."""
    found = [thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Exception)]
    return [thing for thing in found if thing.__module__ == module.__name__]


def leaves(module: ModuleType) -> list[type[Exception]]:
    """The errors below which there is no other."""
    return [kind for kind in classes(module) if not kind.__subclasses__()]


def facts(leaf: type[Exception]) -> list[inspect.Parameter]:
    """What an error is told."""
    return [p for name, p in inspect.signature(leaf.__init__).parameters.items() if name != "self"]


LEAVES = [leaf for module in (*MODULES, *BRANCHES) for leaf in leaves(module)]
every_leaf = pytest.mark.parametrize(
    "leaf", LEAVES, ids=lambda leaf: f"{leaf.__module__.split('.')[0]}-{leaf.__name__}"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_package_has_one_base_and_all_its_errors_below_it(module: ModuleType) -> None:
    bases = [kind for kind in classes(module) if kind.__base__ is Exception]
    assert len(bases) == 1
    assert all(issubclass(kind, bases[0]) for kind in classes(module))
    assert len(leaves(module)) >= 2


@pytest.mark.parametrize("module", BRANCHES, ids=lambda module: module.__name__)
def test_a_branch_hangs_its_errors_on_the_base_of_its_package(module: ModuleType) -> None:
    package = importlib.import_module(f"{module.__name__.split('.')[0]}.errors")
    (base,) = [kind for kind in classes(package) if kind.__base__ is Exception]
    assert all(issubclass(kind, base) for kind in classes(module))
    assert len(leaves(module)) >= 2


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_defines_its_errors_in_one_place(package: str) -> None:
    strays = [
        f"{path.relative_to(PROJECT_ROOT)}: {name}"
        for path in (PROJECT_ROOT / package).rglob("*.py")
        if path.name != "errors.py"
        for name in re.findall(r"^class (\w+)\((?:\w*Error|\w*Exception)\)", path.read_text(encoding="utf-8"), re.M)
    ]
    assert not strays


@every_leaf
def test_it_takes_facts_by_name_and_no_person(leaf: type[Exception]) -> None:
    assert all(fact.kind is inspect.Parameter.KEYWORD_ONLY for fact in facts(leaf))
    assert not [fact.name for fact in facts(leaf) if PERSONAL.search(fact.name) and fact.name[:2] != "n_"]


@every_leaf
def test_the_message_composes(leaf: type[Exception], example: Example) -> None:
    for changed in (None, *(fact.name for fact in facts(leaf))):
        message = str(example(leaf, changed=changed))
        assert len(message.split()) > 6, message
        assert message.rstrip()[-1] in ".…", message
        assert not re.search(r"\{[a-z_]*[!:.\[}]", message), f"a format was left over: {message}"
        assert "None" not in message
        assert "  " not in message.replace("\n  - ", "\n- "), message


@every_leaf
def test_the_message_gives_a_next_step(leaf: type[Exception], example: Example) -> None:
    message = str(example(leaf))
    assert NEXT_STEP.search(message), message


@every_leaf
def test_every_fact_tells(leaf: type[Exception], example: Example) -> None:
    usual = example(leaf)
    for fact in facts(leaf):
        other = example(leaf, changed=fact.name)
        told = str(other) != str(usual) or (getattr(other, fact.name, None) != getattr(usual, fact.name, None))
        assert told, f"{fact.name} changes neither the message nor an attribute"


@every_leaf
def test_somebody_raises_it(leaf: type[Exception]) -> None:
    home = f"{leaf.__module__.replace('.', '/')}.py"
    others = [
        path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*.py")
        if path.relative_to(PROJECT_ROOT).as_posix() != home
    ]
    assert any(re.search(rf"(?:raise|return|=|lambda .*:) (?:\w+\.)?{leaf.__name__}\b", text) for text in others)
