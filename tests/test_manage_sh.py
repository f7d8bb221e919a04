"""deploy/manage.sh: settings are read as systemd reads them, never evaluated; commands run as the services do."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.installed import ROOT, settings_file

SCRIPT = ROOT / "deploy" / "settings_of.py"
_spec = spec_from_file_location("settings_of", SCRIPT)
settings_of = module_from_spec(_spec)
_spec.loader.exec_module(settings_of)
# What manage.py is here: it says as what it runs.
TELLS = "import json, os, sys\nmask = os.umask(0)\nprint(json.dumps([sys.argv[1:], dict(os.environ), oct(mask)]))\n"

# systemd.exec(5), « EnvironmentFile= », sentence by sentence.
AS_SYSTEMD = {
    "A=1": ("A", "1"),
    "A = a b  \t": ("A", "a b"),
    "A=": ("A", ""),
    "A=$HOME`id`$(id)(x)": ("A", "$HOME`id`$(id)(x)"),
    r"A=a\\b\$\ ": ("A", r"a\b$ "),
    "A=one\\\ntwo": ("A", "onetwo"),
    'A=it\'s "so"': ("A", 'it\'s "so"'),
    "A='x $y `z` \\n # ; \"'  ": ("A", 'x $y `z` \\n # ; "'),
    "A='two\nlines'": ("A", "two\nlines"),
    r'A="a\"b\\c\$d\`e\z"': ("A", r'a"b\c$d`e\z'),
    'A="one\\\ntwo"': ("A", "onetwo"),
    'A=\'a\'"b"c"d"': ("A", 'abc"d"'),
    "A=1\r\n": ("A", "1"),
    "A=a#b;c": ("A", "a#b;c"),
}


@pytest.mark.parametrize("text", AS_SYSTEMD)
def test_a_value_is_read_as_systemd_reads_it(text):
    before, after = "# a comment \\\nthat goes on\n; another\nno sign\n\n", "\nLAST=z\n"
    assert list(settings_of.variables(before + text + after)) == [AS_SYSTEMD[text], ("LAST", "z")]
    assert list(settings_of.variables(text)) == [AS_SYSTEMD[text]]


@pytest.fixture
def installed(tmp_path):
    """An installation in a folder; `run(production_env, *arguments)` → (arguments, environment, umask) of manage.py."""
    app, etc, programs = tmp_path / "opt/app", tmp_path / "opt/etc", tmp_path / "bin"
    for folder in (app / "deploy/systemd", etc, tmp_path / "opt/venv/bin", programs):
        folder.mkdir(parents=True)
    script = (ROOT / "deploy/manage.sh").read_text(encoding="utf-8")
    (app / "deploy/manage.sh").write_text(script.replace("/opt/", f"{tmp_path}/opt/"))
    (app / "deploy/settings_of.py").write_bytes(SCRIPT.read_bytes())
    (app / "deploy/systemd/paths.env").write_bytes((ROOT / "deploy/systemd/paths.env").read_bytes())
    (app / "manage.py").write_text(TELLS)
    (tmp_path / "opt/venv/bin/python").symlink_to(sys.executable)
    became = tmp_path / "became"
    for name, text in {"id": "echo 0", "setpriv": f'echo "$1 $2 $3" > {became}; shift 3; exec "$@"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    def run(text: str, *arguments: str, code: int = 0):
        (etc / "production.env").write_bytes(text.encode() if isinstance(text, str) else text)
        system = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": "/root", "PGHOST": "mine", "TERM": "dumb"}
        command = ["sh", "-c", 'umask 022; exec sh "$@"', "sh", str(app / "deploy/manage.sh"), *arguments]
        done = subprocess.run(command, env=system, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done.stderr if code else (*json.loads(done.stdout), became.read_text() if became.exists() else "")

    return run


HOSTILE = [
    "$(touch {mark})",
    "`touch {mark}`",
    "a(b",
    "x; touch {mark}",
    "$HOME",
    "a & b",
    "p$$q",
    'say "no"',
    "\\n",
    "é",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("quotes", ["", "'"])
def test_a_hostile_value_is_a_value(installed, tmp_path, value, quotes):
    """Fault of 0.5: the file was a script that root executed."""
    mark = tmp_path / "executed"
    value = value.format(mark=mark) if "{" in value else value
    _arguments, environment, _umask, _became = installed(f"EMAIL_PASSWORD={quotes}{value}{quotes}\n", "doctor")
    assert not mark.exists()
    assert environment["EMAIL_PASSWORD"] == (value if quotes or "\\" not in value else value.replace("\\", ""))


def test_it_runs_as_the_services_do(installed):
    """Fault of 0.5: HOME was root's, which 10001 cannot read: libpq failed, or went without TLS."""
    text = (ROOT / "deploy/production.env").read_text(encoding="utf-8").replace("…", "x")
    arguments, environment, umask, became = installed(text, "export_ledger", "a file", "$HOME")
    assert arguments == ["export_ledger", "a file", "$HOME"]
    # LC_CTYPE is Python's own, PWD of the shell that stands for setpriv.
    paths = settings_file((ROOT / "deploy/systemd/paths.env").read_text(encoding="utf-8"))
    expected = paths | settings_file(text) | {"HOME": "/nonexistent", "PATH": settings_of.PATH, "TERM": "dumb"}
    assert {name: value for name, value in environment.items() if name not in {"LC_CTYPE", "PWD"}} == expected
    assert umask == "0o77" and became == "--reuid=10001 --regid=10001 --clear-groups\n"


@pytest.mark.parametrize("command", ["migrate", "restore"])
def test_the_owner_of_the_tables_acts_for_two_commands(installed, command):
    _arguments, environment, _umask, became = installed("A=1\n", command)
    assert environment["DATABASE_URL_FILE"].endswith("/opt/etc/secrets/database-owner.url") and became


def test_static_files_are_roots(installed):
    _arguments, environment, umask, became = installed("A=1\n", "collectstatic", "--noinput")
    assert became == "" and umask == "0o22" and environment["HOME"] == "/nonexistent"


@pytest.mark.parametrize("text", [b"A=caf\xe9-secret\n", b"A=1\0secret\n"])
def test_a_file_that_is_not_a_text_is_refused_without_its_words(installed, text):
    said = installed(text, "doctor", code=1)
    assert "production.env" in said and "secret" not in said and "Traceback" not in said


def test_without_its_file_it_says_so(tmp_path):
    done = subprocess.run([sys.executable, "-I", SCRIPT, Path(tmp_path, "none"), "--", "true"], capture_output=True)
    assert done.returncode == 1 and done.stderr.decode().endswith("none: No such file or directory\n")
