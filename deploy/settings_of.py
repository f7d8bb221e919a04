"""Runs a command with the variables of these files, read as systemd reads an EnvironmentFile, and nothing else:

    python -I deploy/settings_of.py FILE… -- NAME=VALUE… COMMAND…

The shell that starts it is root's: its own variables (PGHOST, PYTHONPATH…) would not be those of the services, and a
value that it evaluates could run anything. So nothing here is evaluated, and a few names only are kept of it.
The rules are those of systemd.exec(5), « EnvironmentFile= » (its parser: src/basic/env-file.c); standard library only.
"""

import os
import re
import sys
from collections.abc import Iterator

KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ")  # of whoever calls: how words are shown
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE, _LINE_END = " \t\n\r", "\n\r"


class Unreadable(Exception):
    """A file that cannot be read; its text has the file's name, never a value."""


def read(path: str) -> dict[str, str]:
    """The variables of a file."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is not a text in UTF-8") from None
    if "\0" in text:
        raise Unreadable(f"{path} holds a NUL")
    return {name: value for name, value in variables(text) if _NAME.fullmatch(name)}  # systemd ignores others too


def variables(text: str) -> Iterator[tuple[str, str]]:
    """(name, value) of each assignment, in order, as systemd's parser finds them."""
    rest = iter(text)
    for char in rest:
        if char in "#;":
            _comment(rest)
        elif char not in _SPACE:
            name, assigned = _name(char, rest)
            if assigned:
                yield name, _value(rest)


def _comment(rest: Iterator[str]) -> None:
    """To the end of the line; a backslash before it makes the next line a comment too."""
    for char in rest:
        if char == "\\":
            next(rest, "")
        elif char in _LINE_END:
            return


def _name(first: str, rest: Iterator[str]) -> tuple[str, bool]:
    """(name, whether « = » follows it): a line without one is ignored."""
    name = first
    for char in rest:
        if char == "=":
            return name.rstrip(_SPACE), True
        if char in _LINE_END:
            break
        name += char
    return name, False


def _value(rest: Iterator[str]) -> str:
    """To the end of the line: quoted parts, one after the other, then what is not quoted, where quotes are letters."""
    value = ""
    for char in rest:
        if char in _LINE_END:
            return value
        if char == "'":
            value += _single(rest)
        elif char == '"':
            value += _double(rest)
        elif char not in _SPACE:
            return value + _plain(char, rest)
    return value


def _single(rest: Iterator[str]) -> str:
    value = ""
    for char in rest:
        if char == "'":
            break
        value += char
    return value


def _double(rest: Iterator[str]) -> str:
    """A backslash keeps « " », « \\ », « ` », « $ », goes with a line's end, and stays before anything else."""
    value = ""
    for char in rest:
        if char == '"':
            break
        if char == "\\":
            char = next(rest, "")
            if char == "\n":
                continue
            if char not in '"\\`$':
                value += "\\"
        value += char
    return value


def _plain(char: str, rest: Iterator[str]) -> str:
    """A backslash keeps the next character, and goes with a line's end; spaces at the end go, unless it kept them."""
    value, kept = "", 0
    while char and char not in _LINE_END:
        if char == "\\":
            char = next(rest, "")
            value += "" if char in _LINE_END else char
            kept = len(value)
        else:
            value += char
        char = next(rest, "")
    return value[:kept] + value[kept:].rstrip(_SPACE)


def main(arguments: list[str]) -> None:
    middle = arguments.index("--")
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PATH": PATH}
    try:
        for path in arguments[:middle]:
            environment |= read(path)
    except Unreadable as error:
        sys.exit(f"manage.sh: {error}")
    command = arguments[middle + 1 :]
    while "=" in command[0]:
        name, _equals, value = command.pop(0).partition("=")
        environment[name] = value
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
