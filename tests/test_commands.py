"""Every command of ours says one sentence when nobody is at the standard input, or when a number means nothing."""

import ast
import io
import sys
from argparse import ArgumentTypeError
from importlib import import_module

import pytest
from django.core import management
from django.core.management import CommandError, call_command, load_command_class
from django.db import OperationalError

import manage
from marketplace.dates import clock
from marketplace.doors import arguments
from tests.conftest import NOW
from tests.test_architecture import MODULES, name_of, parsed

COMMANDS = {path.stem: path for path in MODULES if "/management/commands/" in name_of(path) and path.stem != "__init__"}
# Django's own arguments are Django's.
COMMON = {"verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks", "version"}
ABSURD = ["nan", "inf", "-inf", "-1", "1e308", "0x10", "", "douze", "9" * 25, "9" * 5_000, "-" + "9" * 25, "1.5e9"]
# What else the command needs to get as far as its numbers.
WITH = {"erase_details": ["--reason", "x"]}


def app_of(name: str) -> str:
    return name_of(COMMANDS[name]).partition("/")[0]


def numbers() -> list[tuple[str, str]]:
    """(command, option or "") of every argument of ours that is read as something else than a text."""
    found = []
    for name in COMMANDS:
        for action in load_command_class(app_of(name), name).create_parser("manage.py", name)._actions:
            module = getattr(action.type, "__module__", "")
            if action.dest not in COMMON and (action.type in {int, float} or module == arguments.__name__):
                found.append((name, action.option_strings[-1] if action.option_strings else ""))
    return found


def test_every_number_is_bounded():
    """A bare `int` or `float` takes what neither the database nor a clock can hold."""
    assert len(COMMANDS) >= 19 and len(numbers()) == 6
    for name in COMMANDS:
        for action in load_command_class(app_of(name), name).create_parser("manage.py", name)._actions:
            assert action.dest in COMMON or action.type not in {int, float}, f"{name}: {action.dest}"


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "option"), numbers())
def test_a_number_that_means_nothing_is_refused_in_words(name, option, monkeypatch):
    for text in ABSURD:
        given = [f"{option}={text}"] if option else ["--", text]
        with clock.set_to(NOW), pytest.raises(CommandError) as caught:
            call_command(name, *WITH.get(name, []), *given, stdout=io.StringIO(), stderr=io.StringIO())
        said = str(caught.value)
        assert "n’est pas un nombre" in said and len(said) < 250, (text, said)


@pytest.mark.django_db
@pytest.mark.parametrize("given", [["--older-than=87840", "--dry-run"], ["--older-than=0", "--dry-run"]])
def test_the_bounds_themselves_are_taken(given):
    with clock.set_to(NOW):
        call_command("sweep_files", *given, stdout=io.StringIO())


@pytest.mark.django_db
def test_the_largest_rank_is_only_absent():
    for name, given in (
        ("erase_details", ["--reason", "x", str(arguments.LARGEST)]),
        ("export_ledger", [f"--from={arguments.LARGEST}"]),
    ):
        with clock.set_to(NOW), pytest.raises(CommandError, match="inscription"):
            call_command(name, *given, stdout=io.StringIO())


# --- Nobody at the standard input ------------------------------------------------------------------------------------
def reads_what_is_typed(path) -> bool:
    """Whether this file asks somebody, or reads the standard input."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"input", "getpass", "arguments.asked"}:
            return True
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdin.readline", "sys.stdin.read"}:
            return True
    return False


def test_one_command_asks_and_it_asks_by_one_door():
    assert [name for name, path in COMMANDS.items() if reads_what_is_typed(path)] == ["create_admin"]
    text = COMMANDS["create_admin"].read_text(encoding="utf-8")
    assert "input(" not in text and "readline" not in text
    assert import_module("marketplace.management.commands.create_admin").arguments is arguments


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [[], ["--email", "ada@example.org"], ["--email", "ada@example.org", "--name", "Ada"]])
@pytest.mark.parametrize("stdin", [io.StringIO(""), None], ids=["at its end", "closed"])
def test_nobody_is_there(monkeypatch, stdin, typed):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(CommandError, match="Rien à lire sur l’entrée standard"):
        call_command("create_admin", *typed)


def test_a_refusal_is_short():
    with pytest.raises(ArgumentTypeError) as caught:
        arguments.whole(least=1, most=9)("9" * 5_000)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_database_that_is_away_is_told_in_a_sentence(name, monkeypatch, capsys):
    """Whatever the command, with neither a traceback nor the error's text, which names the server and the person."""

    def away(argv):
        assert argv[1] == name
        raise OperationalError("connection to server at db.internal failed for user dan")

    monkeypatch.setattr(management, "execute_from_command_line", away)
    monkeypatch.setattr(sys, "argv", ["manage.py", name])
    with pytest.raises(SystemExit) as caught:
        manage.main()
    assert str(caught.value).startswith("La base de données ne répond pas") and "dan" not in str(caught.value)
    monkeypatch.setattr(sys, "argv", ["manage.py", name, "--traceback"])
    with pytest.raises(OperationalError):
        manage.main()
