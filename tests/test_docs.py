"""What the documents name exists: paths, functions, links, commands of `make` and of `manage.py`."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent
# docs/decisions.md is not here: a decision names files as they were on its day.
LIVING = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/security.md")
LIVING += ("docs/operations.md", "docs/performance.md", "docs/flags.md", "docs/replay.md")
# What a run, a build or a page makes: named in the documents, and not in the repository.
MADE = ("var", ".venv", "secrets", "htmlcov", "releves.txt")
ENDINGS = (".py", ".md", ".toml", ".html", ".txt", ".yml", ".yaml", ".lock", ".sh", ".typ", ".csv", ".po")
HOUSE = ("marketplace", "opportunities", "vendors", "proposals", "contracts", "audit", "opendata", "demo")
MODULES = {path.name for app in (*HOUSE, "tools") for path in (ROOT / app).rglob("*.py")}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def spans(name: str) -> list[str]:
    """What stands between backticks, fenced blocks left out."""
    prose = re.sub(r"^ *```.*?^ *```", "", text_of(name), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", prose)


def paths(name: str) -> list[tuple[str, str]]:
    """(path, what follows « :: ») of the words of code that look like a path of this repository."""
    named = []
    for word in " ".join(spans(name)).split():
        path, _colons, function = word.partition("::")
        if not re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", path) or path.split("/")[0] in MADE:
            continue
        if path.endswith(ENDINGS) or (ROOT / path.split("/")[0]).is_dir() and "/" in path:
            named.append((path, function))
    return named


def exists(path: str) -> bool:
    """A path from the top, a pattern of them, or the bare name of a module of the house (`rules.py`)."""
    here = ROOT / path
    if here.is_dir():  # what a moved folder leaves behind in a working copy is not a folder
        return any(inside.is_file() and "__pycache__" not in inside.parts for inside in here.rglob("*"))
    return here.exists() or ("*" in path and any(ROOT.glob(path))) or path in MODULES


def defined(path: str) -> set[str]:
    """Functions and classes of a module, at any depth, and its constants."""
    names = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("name", LIVING)
def test_paths_exist(name):
    assert not [path for path, _function in paths(name) if not exists(path)]


@pytest.mark.parametrize("name", LIVING)
def test_functions_exist(name):
    assert not [(path, function) for path, function in paths(name) if function and function not in defined(path)]


def test_enough_was_seen():
    seen = {name: len(paths(name)) for name in LIVING}
    functions = [function for _path, function in paths("CONTRIBUTING.md") if function]
    assert seen["docs/architecture.md"] > 100 and seen["CONTRIBUTING.md"] > 50 and sum(seen.values()) > 200, seen
    assert len(functions) > 15


@pytest.mark.parametrize("name", (*LIVING, "docs/decisions.md", "CHANGELOG.md"))
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(name))
    here = (ROOT / name).parent
    assert not [link for link in links if "://" not in link and not (here / link).exists()]


@pytest.mark.parametrize("name", LIVING)
def test_commands_of_make_exist(name):
    commands = re.findall(r"(?:^|[`\s])make ((?:[a-z]+ ?)+)", "\n".join([*spans(name), *fenced(name)]), re.MULTILINE)
    assert not {word for command in commands for word in command.split()} - TARGETS


@pytest.mark.parametrize("name", LIVING)
def test_commands_of_django_exist(name):
    assert not set(re.findall(r"manage\.py ([a-z_]+)", text_of(name))) - set(get_commands())


def fenced(name: str) -> list[str]:
    """The command part of each line of the fenced blocks: what stands before « # »."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text_of(name), flags=re.DOTALL | re.MULTILINE)
    return [re.split(r"\s#\s", line)[0] for block in blocks for line in block.splitlines()]


def test_decisions_are_numbered_in_order():
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. \S", text_of("docs/decisions.md"), re.MULTILINE)]
    assert len(numbers) >= 96 and numbers == list(range(1, len(numbers) + 1))
