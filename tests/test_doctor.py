"""`manage.py doctor`: each thing that can break is found, named with what to do, and nothing secret is said."""

import smtplib
import socket
import ssl
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from marketplace import keys
from marketplace.dates import clock
from marketplace.files import store
from marketplace.ledger import checkpoints
from marketplace.mail import smtp
from marketplace.models import LedgerEntry, OutgoingEmail
from marketplace.service import checks, doctor, heartbeat, probes
from marketplace.service.doctor import ATTENTION, FAULT, OK
from marketplace.urls import GAUGES
from tests.cast import CLOSES_AT, PUBLISHED_AT

PASSWORD = "motdepasse-du-serveur"


class Mail:
    """A mail server that lets us in; `refuses` one step."""

    refuses: str = ""
    steps: list[str] = []

    def __init__(self, host, port, timeout, local_hostname=None):
        assert timeout * smtp.TIMES <= 15  # the whole conversation
        type(self).steps = []
        self._step("connect")

    def _step(self, name):
        self.steps.append(name)
        if name == self.refuses:
            raise smtplib.SMTPAuthenticationError(535, f"wrong: {PASSWORD}".encode())

    def starttls(self, context):
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
        self._step("starttls")

    def login(self, user, password):
        assert password == PASSWORD
        self._step("login")

    def noop(self):
        self._step("noop")

    def quit(self):
        pass

    close = quit


@pytest.fixture
def well(cast, settings, monkeypatch, tmp_path):
    """An installation where everything answers, its keys its own and private."""
    monkeypatch.setattr(probes.shutil, "disk_usage", lambda folder: (100, 0, 60))
    monkeypatch.setattr(smtp, "Conversation", Mail)
    monkeypatch.setattr(Mail, "refuses", "")
    settings.EMAIL_BACKEND = "marketplace.mail.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "courriel.exemple.invalid", True
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "envoi", PASSWORD
    keys.check()
    for name in ("SEAL_KEY_FILE", "SIGNING_KEY_FILE"):
        copy = tmp_path / getattr(settings, name).name
        copy.write_bytes(getattr(settings, name).read_bytes())
        copy.chmod(0o400)
        setattr(settings, name, copy)
    occasion = cast.published()
    cast.submitted(occasion)
    with clock.set_to(PUBLISHED_AT):
        checkpoints.make(at=PUBLISHED_AT)
        for name in ("scheduler", "mail"):
            heartbeat.beat(at=PUBLISHED_AT, name=name)
        yield cast


def run() -> tuple[dict[str, str], str]:
    """({what: state}, everything said); the state of a thing that has several lines is the worst."""
    out = StringIO()
    try:
        call_command("doctor", stdout=out)
        failed = False
    except CommandError as error:
        assert error.returncode == 1
        failed = True
    states: dict[str, str] = {}
    for line in out.getvalue().splitlines():
        state, _space, rest = line.partition(" ")
        if state in {OK, ATTENTION, FAULT}:
            what = rest.strip().partition(" : ")[0]
            states[what] = max(states.get(what, OK), state, key=[OK, ATTENTION, FAULT].index)
    assert failed == (FAULT in states.values())
    return states, out.getvalue()


def wrong(states: dict[str, str]) -> dict[str, str]:
    return {what: state for what, state in states.items() if state != OK}


# On PostgreSQL the tests connect as the owner, which the doctor says; in production that is a fault.
OWNER = {"Rôle de la base": ATTENTION} if connection.vendor == "postgresql" else {}
DEMO = {"Réglages": ATTENTION} | OWNER


def test_all_is_well(well):
    states, said = run()
    assert wrong(states) == DEMO
    assert len(states) == 10 + len(GAUGES) and Mail.steps == ["connect", "starttls", "login", "noop"]
    assert all(str(gauge.label) in states for gauge in GAUGES)
    assert f"{len(said.splitlines()) - 1 - said.count('→')} examens" in said


def stopped_scheduler(well, settings, monkeypatch):
    heartbeat.Heartbeat.objects.filter(name="scheduler").update(at=PUBLISHED_AT - timedelta(minutes=6))


def stopped_mail_worker(well, settings, monkeypatch):
    heartbeat.Heartbeat.objects.filter(name="mail").update(at=PUBLISHED_AT - timedelta(minutes=6))


def lost_key(well, settings, monkeypatch):
    settings.SEAL_KEY_FILE.unlink()


def readable_key(well, settings, monkeypatch):
    settings.SIGNING_KEY_FILE.chmod(0o440)


def keys_among_the_files(well, settings, monkeypatch):
    settings.MEDIA_ROOT = settings.SEAL_KEY_FILE.parent


def another_seal_key(well, settings, monkeypatch):
    monkeypatch.setattr(keys, "_master", lambda: b"\1" * 32)


def missing_migration(well, settings, monkeypatch):
    known = checks._last_migrations()
    monkeypatch.setattr(checks, "_last_migrations", lambda: known | {("marketplace", "9999_tomorrow")})


def drift(seconds):
    def change(well, settings, monkeypatch):
        real = clock.database_now
        monkeypatch.setattr(clock, "database_now", lambda: real() + timedelta(seconds=seconds))

    change.__name__ = f"drift_of_{seconds}"
    return change


def changed_entry(well, settings, monkeypatch):
    chained = LedgerEntry.chained
    monkeypatch.setattr(LedgerEntry, "chained", lambda entry: chained(entry) | {"action": "other"})


def changed_past(well, settings, monkeypatch):
    monkeypatch.setattr(checkpoints, "root_of", lambda start, end: b"\0" * 32)


def other_ledger(well, settings, monkeypatch):
    settings.LEDGER_ORIGIN = "ailleurs.exemple/registre"


def console_mail(well, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"


def mail_refuses(well, settings, monkeypatch):
    Mail.refuses = "login"


def storage_refuses(well, settings, monkeypatch):
    def full(name, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.storage, "write", full)


def storage_lies(well, settings, monkeypatch):
    write = store.storage.write
    monkeypatch.setattr(store.storage, "write", lambda name, content: write(name, b"other"))


def scanner_down(well, settings, monkeypatch):
    monkeypatch.setattr(probes, "scanner", lambda: False)


def broker_down(well, settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def cache_down(well, settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CACHE_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"


TABLE = [
    (stopped_scheduler, {"Tâches automatiques": FAULT}),
    (stopped_mail_worker, {"Exécuteur des courriels": FAULT}),
    (lost_key, {"Clés": FAULT}),
    (readable_key, {"Clés": ATTENTION}),
    (keys_among_the_files, {"Clés": FAULT}),
    (another_seal_key, {"Clé de scellement": FAULT}),
    (missing_migration, {"Migrations": FAULT}),
    (drift(1), {}),
    (drift(5), {"Horloges": ATTENTION}),
    (drift(-90), {"Horloges": FAULT}),
    (changed_entry, {"Registre": FAULT}),
    (changed_past, {"Registre": FAULT}),
    (other_ledger, {"Registre": FAULT}),
    (console_mail, {"Serveur de courriel": ATTENTION}),
    (mail_refuses, {"Serveur de courriel": FAULT}),
    (storage_refuses, {"Stockage": FAULT}),
    (storage_lies, {"Stockage": FAULT}),
    (scanner_down, {"Antivirus": ATTENTION}),
    (broker_down, {"Serveur des files de tâches": FAULT}),
    (cache_down, {"Serveur du cache": ATTENTION}),
]


@pytest.mark.parametrize(("breaks", "found"), TABLE, ids=[breaks.__name__ for breaks, _found in TABLE])
def test_what_breaks_is_found_alone(well, settings, monkeypatch, breaks, found):
    breaks(well, settings, monkeypatch)
    states, said = run()
    assert wrong(states) == DEMO | found
    assert PASSWORD not in said
    assert said.count("→") == len([line for line in said.splitlines() if line.startswith((ATTENTION, FAULT))])


def test_a_due_occasion(well):
    OutgoingEmail.objects.all().delete()
    with clock.set_to(CLOSES_AT + timedelta(minutes=3)):
        for name in ("scheduler", "mail"):
            heartbeat.beat(at=clock.now(), name=name)
        states, said = run()
    assert wrong(states) == DEMO | {"Ouverture en retard": FAULT} and "3\u00a0minutes" in said


def test_without_its_database_the_doctor_still_looks_at_the_rest(well, monkeypatch):
    def refuse():
        raise OperationalError(f"password authentication failed: {PASSWORD}")

    monkeypatch.setattr(probes, "database", refuse)
    states, said = run()
    assert wrong(states) == {"Réglages": ATTENTION, "Base de données": FAULT}
    assert states["Stockage"] == states["Serveur de courriel"] == OK and PASSWORD not in said


def test_whether_somebody_deposited_is_not_told(cast, settings):
    """The same words before and after the first deposit of all: the seal key's row is made with it."""

    def told():
        return [line for line in run()[1].splitlines() if "Clé de scellement" in line or "Registre" in line]

    with clock.set_to(PUBLISHED_AT):
        occasion = cast.published()
        before = told()
        cast.submitted(occasion)
        assert told() == before and len(before) == 2


def test_a_try_leaves_no_file_behind(well):
    def files():
        return sorted(path for path in store.location().rglob("*") if path.is_file())

    before = files()
    list(doctor._storage())
    assert files() == before


@pytest.mark.postgres
def test_the_role_of_production_is_out_of_reach(well, settings, db):
    settings.PRODUCTION = True
    assert [line.state for line in doctor._role()] == [FAULT]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE doctor_probe")
        cursor.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO doctor_probe")
        cursor.execute("SET LOCAL ROLE doctor_probe")
    (line,) = doctor._role()
    assert line.state == OK and "hors d’atteinte" in line.seen
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("GRANT DELETE ON marketplace_ledgerentry TO doctor_probe")
        cursor.execute("SET LOCAL ROLE doctor_probe")
    (line,) = doctor._role()
    assert line.state == FAULT and "1 tables sur" in line.seen
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
