"""The seal key of a database: `migrate` writes once which one it is, and nothing starts with another."""

import base64
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from marketplace import boxes, keys
from marketplace.accounts.adapters import MFAAdapter
from marketplace.doors import start
from marketplace.management.commands.migrate import check_seal_key, whole
from marketplace.models import KeyCheck
from proposals.models import Proposal, SealKey

ROOT = Path(__file__).resolve().parent.parent
SENTENCE = "La clé de scellement n’ouvre pas cette base de données"


def another_key(path: Path) -> Path:
    path.write_bytes(keys.new_seal_key())
    return path


@pytest.fixture
def other(settings, tmp_path):
    """This process holds another, well-formed key until the end of the test."""
    settings.SEAL_KEY_FILE = another_key(tmp_path / "autre.key")
    keys._master.cache_clear()
    yield settings.SEAL_KEY_FILE
    keys._master.cache_clear()


@pytest.fixture
def unwritten(monkeypatch):
    """A database of yesterday: its tables are there, and nothing says which key opens it."""
    rows: list[str] = []

    class Rows:
        @staticmethod
        def get_or_create(pk, defaults):
            rows.append(defaults["verifier"])

        @staticmethod
        def values_list(*_args, **_kwargs):
            return Rows

        @staticmethod
        def first():
            return rows[0] if rows else None

    monkeypatch.setattr(keys, "_checks", lambda: Rows)
    return rows


# --- What is kept ----------------------------------------------------------------------------------------------------
def test_what_is_kept_tells_one_key_from_another_and_nothing_of_either(settings, tmp_path):
    seen = set()
    try:
        for number in range(20):
            settings.SEAL_KEY_FILE = another_key(tmp_path / f"{number}.key")
            keys._master.cache_clear()
            kept = keys.verifier()
            secrets = [keys._master(), keys.derived("box:mfa"), keys.derived("occasion:DAN-2026-0001")]
            for secret in secrets:
                assert secret.hex() != kept and base64.b64encode(secret).decode() not in kept
            assert kept == keys.verifier() and len(kept) == KeyCheck._meta.get_field("verifier").max_length
            seen.add(kept)
    finally:
        keys._master.cache_clear()
    assert len(seen) == 20


@pytest.mark.django_db
def test_migrate_has_written_it_and_it_never_changes():
    row = KeyCheck.objects.get()
    assert (row.pk, row.verifier) == (1, keys.verifier()) and str(row) == row.verifier[:8]
    keys.check_database()
    keys.remember()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        KeyCheck.objects.update(verifier="0" * 64)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        KeyCheck.objects.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        KeyCheck.objects.create(pk=2, verifier="0" * 64)
    assert KeyCheck.objects.get().verifier == keys.verifier()


@pytest.mark.django_db
def test_another_key_is_told_in_one_sentence(other):
    with pytest.raises(keys.OtherSealKey, match=SENTENCE) as caught:
        keys.check_database()
    said = str(caught.value)
    assert isinstance(caught.value, ImproperlyConfigured) and str(other) in said and "\n" not in said
    assert keys.verifier()[:8] not in said and other.read_text().strip() not in said
    keys.remember()  # never written over
    with pytest.raises(keys.OtherSealKey):
        keys.check_database()


@pytest.mark.django_db
def test_a_database_that_says_nothing_is_told_apart(unwritten, monkeypatch):
    with pytest.raises(keys.SealKeyUnknown, match="manage.py migrate"):
        keys.check_database()


class Absent:
    """A database whose table, or which itself, is not there."""

    def values_list(self, *_args, **_kwargs):
        raise OperationalError("absent")


@pytest.mark.django_db
@pytest.mark.parametrize(("tables", "expected"), [([], keys.SealKeyUnknown), (["marketplace_keycheck"], DatabaseError)])
def test_a_database_never_migrated_is_not_one_that_fails(monkeypatch, tables, expected):
    absent = Absent()
    absent.model = KeyCheck
    monkeypatch.setattr(keys, "_checks", lambda: absent)
    monkeypatch.setattr(connection.introspection, "table_names", lambda: tables)
    with pytest.raises(expected):
        keys.check_database()


# --- migrate ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_migrate_refuses_another_key_and_says_it(other):
    with pytest.raises(CommandError, match=SENTENCE):
        call_command("migrate", verbosity=0)
    assert whole(connection)


def sealed_key(cast):
    cast.submitted(cast.published())
    assert SealKey.objects.exists()
    Proposal.objects.update(draft=b"")


def draft(cast):
    cast.proposal(cast.published())
    assert Proposal.objects.exclude(draft=b"").exists() and not SealKey.objects.exists()


def second_factor(cast):
    cast.officer.authenticator_set.all().delete()
    factors = cast.officer.authenticator_set
    factors.create(type="totp", data={"secret": MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")})


def nothing(cast):
    pass


@pytest.mark.django_db
@pytest.mark.parametrize("made", [sealed_key, draft, second_factor])
def test_a_database_of_before_takes_the_key_that_opens_what_it_holds(cast, unwritten, made, settings, tmp_path):
    made(cast)
    settings.SEAL_KEY_FILE, ours = another_key(tmp_path / "autre.key"), settings.SEAL_KEY_FILE
    keys._master.cache_clear()
    try:
        with pytest.raises(CommandError, match=SENTENCE):
            check_seal_key()
        assert unwritten == []
    finally:
        settings.SEAL_KEY_FILE = ours
        keys._master.cache_clear()
    check_seal_key()
    check_seal_key()
    assert unwritten == [keys.verifier()]


@pytest.mark.django_db
def test_an_empty_one_takes_the_key_that_is_there(unwritten, other):
    check_seal_key()
    assert unwritten == [keys.verifier()]


# --- The web ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def looks(monkeypatch):
    """What each look at the database meets, in order; the last one lasts."""
    met: list[Exception | None] = []

    def check():
        error = met.pop(0) if len(met) > 1 else met[0]
        if error:
            raise error

    monkeypatch.setattr(keys, "check_database", check)
    monkeypatch.setattr(start.connection, "close", lambda: None)
    return met


def asked(application, path="/") -> tuple[str, bytes]:
    seen = []
    body = application({"PATH_INFO": path}, lambda status, headers: seen.append(status))
    return seen[0], b"".join(body)


def served(environ, start_response):
    start_response("200 OK", [])
    return [b"page"]


WRONG = keys.OtherSealKey(SENTENCE)


def test_the_web_does_not_start_with_another_key(looks):
    looks.append(WRONG)
    with pytest.raises(keys.OtherSealKey):
        start.of_web(served)


@pytest.mark.parametrize("absent", [OperationalError("absent"), keys.SealKeyUnknown("x")], ids=["absent", "unmigrated"])
def test_the_web_starts_before_its_database_and_checks_as_soon_as_it_is_there(looks, absent):
    looks += [absent, absent, None]
    site = start.of_web(served)
    assert asked(site) == ("200 OK", b"page")  # by its own page of errors
    assert asked(site) == ("200 OK", b"page")
    looks[:] = [WRONG]  # checked once and for all
    assert asked(site) == ("200 OK", b"page")


def test_another_key_found_later_answers_nothing_but_that_it_is_out_of_service(looks, caplog):
    looks += [OperationalError("absent"), WRONG]
    site = start.of_web(served)
    for _again in range(3):
        status, body = asked(site)
        assert status.startswith("503") and "Service indisponible" in body.decode() and SENTENCE not in body.decode()
    assert SENTENCE in caplog.text
    assert asked(site, "/sante") == ("200 OK", b"page")  # the process is alive


@pytest.mark.parametrize("error", [WRONG, OperationalError("absent"), keys.SealKeyUnknown("x")], ids=range(3))
def test_worker_and_beat_stop_on_all_of_them(looks, error):
    looks.append(error)
    with pytest.raises(SystemExit) as caught:
        start.of_background(sender=None)
    assert caught.value.code == str(error)
    looks[:] = [None]
    start.of_background(sender=None)


# --- Three processes, really started ---------------------------------------------------------------------------------
@pytest.fixture
def var(tmp_path) -> Path:
    """A database that another key began, and a well-formed key."""
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database, database:
        database.execute("CREATE TABLE marketplace_keycheck (id integer PRIMARY KEY, verifier varchar(64) NOT NULL)")
        database.execute("INSERT INTO marketplace_keycheck VALUES (1, ?)", ["0" * 64])
    (tmp_path / "keys").mkdir()
    another_key(tmp_path / "keys" / "seal.key")
    return tmp_path


@pytest.mark.drill
@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import marketplace.wsgi"],
        ["-m", "celery", "-A", "marketplace", "worker", "--pool", "solo", "--loglevel", "WARNING"],
        [
            "-m",
            "celery",
            "-A",
            "marketplace",
            "beat",
            "--schedule",
            "SCHEDULE",
            "--pidfile",
            "",
            "--loglevel",
            "WARNING",
        ],
    ],
    ids=["web", "worker", "beat"],
)
def test_nothing_starts_with_another_key(var, command):
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, *(str(var / "schedule") if word == "SCHEDULE" else word for word in command)],
        cwd=ROOT,
        env=environment | {"VAR_DIR": str(var)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in {0, None}
    last = done.stderr.strip().splitlines()[-1]
    assert SENTENCE in last and str(var / "keys" / "seal.key") in last, done.stderr


def test_what_opens_nothing_is_not_taken_for_a_fault_of_the_key():
    """boxes.CannotOpen is what migrate listens to: it is what every box of ours says of another key."""
    with pytest.raises(boxes.CannotOpen):
        boxes.decrypt(b"k" * 32, boxes.encrypt(b"x" * 32, b"text", "about"), "about")
