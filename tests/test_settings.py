"""Production does not start on a placeholder; every refusal is one sentence that names the variable."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from marketplace import env

ROOT = Path(__file__).resolve().parent.parent
SECRET = "k" * 25 + "Z9" * 15


@pytest.fixture
def good(tmp_path) -> dict:
    """A complete production environment."""
    seal, signing = tmp_path / "seal.key", tmp_path / "signing.pem"
    seal.write_bytes(base64.b64encode(b"s" * 32))
    signing.write_bytes(b"-")
    return {
        "PRODUCTION": "true",
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": "exemple.invalid",
        "BASE_URL": "https://exemple.invalid",
        "OCDS_PREFIX": "ocds-a1b2c3",
        "SEAL_KEY_FILE": str(seal),
        "SIGNING_KEY_FILE": str(signing),
        "VAR_DIR": str(tmp_path / "var"),
    }


def start(values: dict) -> tuple[int, str]:
    """Import the settings in a process of their own: (exit code, what it said)."""
    code = (
        "import marketplace.settings as s; print(s.PRODUCTION, s.DEBUG, s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT)"
    )
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=kept | values,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_production_starts_when_everything_is_set(good):
    assert start(good) == (0, "True False True True\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DEBUG": "true"}, "DEBUG"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "embedded-default-not-for-production"}, "SECRET_KEY"),
        ({"SECRET_KEY": "k" * 49}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
        ({"BASE_URL": None}, "BASE_URL"),
        ({"OCDS_PREFIX": None}, "OCDS_PREFIX"),
        ({"OCDS_PREFIX": "ocds-xxxxxx"}, "OCDS_PREFIX"),
        ({"SEAL_KEY_FILE": None}, "SEAL_KEY_FILE"),
        ({"SEAL_KEY_FILE": "/nulle/part"}, "SEAL_KEY_FILE"),
        ({"SIGNING_KEY_FILE": "/nulle/part"}, "SIGNING_KEY_FILE"),
        ({"PRODUCTION": "oui"}, "PRODUCTION"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"EMAIL_URL": "http://x"}, "EMAIL_URL"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_production_refuses(good, change, named):
    values = {name: value for name, value in (good | change).items() if value is not None}
    code, said = start(values)
    last = said.strip().splitlines()[-1]
    assert code == 1 and "ImproperlyConfigured" in last and named in last
    assert SECRET not in said


def test_the_embedded_default_needs_nothing(tmp_path):
    assert start({"VAR_DIR": str(tmp_path)}) == (0, "False True False False\n")


# --- Each reader, with its one sentence ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("1", True), ("off", False), (" false ", False)]
)
def test_booleans(monkeypatch, text, value):
    monkeypatch.setenv("X", text)
    assert env.boolean("X", not value) is value


@pytest.mark.parametrize("text", ["oui", "2", "vrai", "t", "-1"])
def test_not_a_boolean(monkeypatch, text):
    monkeypatch.setenv("X", text)
    with pytest.raises(ImproperlyConfigured, match="^X="):
        env.boolean("X", False)


def test_blank_is_the_default(monkeypatch):
    monkeypatch.setenv("X", "  ")
    assert (env.boolean("X", True), env.integer("X", 3), env.text("X", "d"), env.items("X", ("a",))) == (
        True,
        3,
        "d",
        ["a"],
    )
    with pytest.raises(ImproperlyConfigured, match="X is required"):
        env.text("X")


def test_lists_and_numbers(monkeypatch):
    monkeypatch.setenv("X", "a, b,,c ")
    assert env.items("X") == ["a", "b", "c"]
    monkeypatch.setenv("X", "12.5")
    with pytest.raises(ImproperlyConfigured, match="whole number"):
        env.integer("X", 1)


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("du-fichier\n", encoding="utf-8")
    monkeypatch.setenv("X", "de-la-variable")
    assert env.secret("X") == "de-la-variable"
    monkeypatch.setenv("X_FILE", str(tmp_path / "secret"))
    assert env.secret("X") == "du-fichier"
    monkeypatch.setenv("X_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="X_FILE"):
        env.secret("X")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p%40ss@h:5433/n", {"USER": "u", "PASSWORD": "p@ss", "HOST": "h", "PORT": "5433", "NAME": "n"}),
        ("postgresql:///n?host=/run/pg", {"HOST": "/run/pg", "NAME": "n", "PORT": ""}),
        ("postgres://h/n?sslmode=require", {"OPTIONS": {"sslmode": "require"}}),
        ("sqlite:///tmp/x.db", {"NAME": "/tmp/x.db"}),
        ("sqlite:////tmp/x.db", {"NAME": "/tmp/x.db"}),
    ],
)
def test_database_urls(monkeypatch, url, expected):
    monkeypatch.setenv("X", url)
    made = env.database("X", Path("unused"))
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize("url", ["mysql://h/n", "n", "postgres://h:port/n", "postgres://h:99999/n"])
def test_database_urls_refused(monkeypatch, url):
    monkeypatch.setenv("X", url)
    with pytest.raises(ImproperlyConfigured, match="^X"):
        env.database("X", Path("unused"))
