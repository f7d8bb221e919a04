"""Production does not start on a placeholder; every refusal is one sentence that names the variable."""

import base64
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.contrib.staticfiles.finders import get_finders
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from kombu import Connection

from marketplace import env, keys, production
from marketplace.files import static

ROOT = Path(__file__).resolve().parent.parent
SECRET = "k" * 25 + "Z9" * 15


@pytest.fixture
def good(tmp_path) -> dict:
    """A complete production environment."""
    seal, signing = tmp_path / "seal.key", tmp_path / "signing.pem"
    seal.write_bytes(base64.b64encode(b"s" * 32))
    signing.write_bytes(keys.new_signing_key())
    return {
        "PRODUCTION": "true",
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": "exemple.invalid",
        "BASE_URL": "https://exemple.invalid",
        "OCDS_PREFIX": "ocds-a1b2c3",
        "DATABASE_URL": "postgres://u:p@h/n",
        "EMAIL_URL": "smtp+tls://u:p@courriel.exemple.test:587",
        "DEFAULT_FROM_EMAIL": "Plateforme <envoi@exemple.test>",
        "CONTACT_EMAIL": "aide@exemple.test",
        "SEAL_KEY_FILE": str(seal),
        "SIGNING_KEY_FILE": str(signing),
        "VAR_DIR": str(tmp_path / "var"),
    }


SETTINGS = (
    "import marketplace.settings as s; print(s.PRODUCTION, s.DEBUG, s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT)"
)
WEB = "import marketplace.wsgi; print('ready')"
WORKER = "import marketplace.celery as c, django; c.app.loader.import_default_modules(); django.setup(); print('ready')"


def start(values: dict, code: str = SETTINGS) -> tuple[int, str]:
    """Run `code` in a process of its own, the settings' import by default: (exit code, what it said)."""
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


def test_in_production_the_ledger_has_the_sites_name(good):
    name = "import marketplace.settings as s; print(s.LEDGER_ORIGIN)"
    assert start(good, name) == (0, "exemple.invalid/registre\n")
    assert start(good | {"LEDGER_ORIGIN": "ancien.example/registre"}, name) == (0, "ancien.example/registre\n")


def test_the_cache_may_have_a_server_of_its_own(good, tmp_path):
    shown = "import marketplace.settings as s; print(s.CACHES['default']['LOCATION'], s.CELERY_BROKER_URL)"
    queue = {"REDIS_URL": "redis://queue.invalid/0"}
    assert start(good | queue, shown) == (0, "redis://queue.invalid/0 redis://queue.invalid/0\n")
    (tmp_path / "cache").write_text("redis://:secret@cache.invalid/0\n")
    own = {"CACHE_URL_FILE": str(tmp_path / "cache")}
    assert start(good | queue | own, shown) == (0, "redis://:secret@cache.invalid/0 redis://queue.invalid/0\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DEBUG": "true"}, "DEBUG"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
        ({"BASE_URL": None}, "BASE_URL"),
        ({"OCDS_PREFIX": None}, "OCDS_PREFIX"),
        ({"SEAL_KEY_FILE": None}, "SEAL_KEY_FILE"),
        ({"PRODUCTION": "oui"}, "PRODUCTION"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"EMAIL_URL": None}, "EMAIL_URL"),
        ({"CONTACT_EMAIL": None}, "CONTACT_EMAIL"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
        ({"LOG_LEVEL": "verbose"}, "LOG_LEVEL"),
        ({"REDIS_URL": f"127.0.0.1:{SECRET}"}, "REDIS_URL"),
        ({"CACHE_URL": f"sentinel://:{SECRET}@h:26379/0"}, "CACHE_URL"),
        ({"DATABASE_URL": f"postgres://u:{SECRET}[x@h/db"}, "DATABASE_URL"),
        ({"CLAMD_URL": "clamd:3310"}, "CLAMD_URL"),
        ({"S3_ENDPOINT_URL": "https://h:port"}, "S3_ENDPOINT_URL"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_production_refuses(good, change, named):
    values = {name: value for name, value in (good | change).items() if value is not None}
    code, said = start(values)
    last = said.strip().splitlines()[-1]
    assert code == 1 and "ImproperlyConfigured" in last and named in last
    assert SECRET not in said


@pytest.mark.parametrize("entry", [WEB, WORKER], ids=["web", "worker"])
def test_web_and_worker_stop_on_a_file_that_is_not_a_key(good, entry):
    Path(good["SEAL_KEY_FILE"]).write_text("[project]\nname = 'x'\n", encoding="utf-8")
    code, said = start(good, entry)
    assert code == 1 and "ImproperlyConfigured: SEAL_KEY_FILE must hold" in said.strip().splitlines()[-1]


def collected(values: dict, *without: str) -> None:
    """As if `collectstatic` had run, but for these files: what the web process asks is listed, each name one file."""
    folder = Path(values["VAR_DIR"]) / "static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.css").write_text("")
    names = [name for finder in get_finders() for name, _storage in finder.list([])]
    assert len(names) > 100
    paths = dict.fromkeys(set(names) - set(without), "one.css")
    (folder / "staticfiles.json").write_text(json.dumps({"version": "1.1", "paths": paths, "hash": ""}))


def test_the_web_starts_on_good_keys_and_collected_files(good):
    """Its database does not answer here: it starts, and says that it has not seen yet whether the key is its own."""
    collected(good)
    code, said = start(good, WEB)
    assert (code, said.splitlines()[0]) == (0, "ready") and "The seal key is not checked yet" in said


def test_the_web_refuses_to_start_without_its_static_files(good):
    code, said = start(good, WEB)
    assert code == 1 and "ImproperlyConfigured: There are no static files in" in said.strip().splitlines()[-1]
    collected(good, "site.css")
    code, said = start(good, WEB)
    assert code == 1 and "The static file site.css is not in" in said and "manage.py collectstatic" in said
    assert start(good, WORKER) == (0, "ready\n")  # who serves no page asks for none


def test_collected_files_are_readable_whatever_the_umask(tmp_path):
    (tmp_path / "made").mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        storage = static.CollectedFiles(location=str(tmp_path / "made"))
        storage.save("deep/site.css", ContentFile((ROOT / "static/site.css").read_bytes()))
        assert list(storage.post_process({"deep/site.css": (storage, "deep/site.css")}))
        storage.save_manifest()
        list(storage.post_process({}))
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "made").rglob("*")}
    assert any(path.suffix == ".gz" for path in modes) and (tmp_path / "made").stat().st_mode & 0o777 == 0o755
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o644}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o755}


@pytest.fixture
def complete(tmp_path) -> dict:
    """What settings.py would hand over in a good production."""
    (tmp_path / "key").write_text("x")
    return {
        "DEBUG": False,
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": ["exemple.test"],
        "BASE_URL": "https://exemple.test",
        "OCDS_PREFIX": "ocds-a1b2c3",
        "SEAL_KEY_FILE": tmp_path / "key",
        "SIGNING_KEY_FILE": tmp_path / "key",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "DEFAULT_FROM_EMAIL": "Développe avec nous <envoi@exemple.test>",
        "STRIPE_API_BASE": "",
        "STRIPE_SECRET_KEY": "sk_live_essai",
        "STRIPE_WEBHOOK_SECRET": "whsec_essai",
        "CONTACT_EMAIL": "aide@exemple.test",
        "METRICS_TOKEN": "m" * 32,
        "SECOND_FACTOR_REQUIRED": True,
        "CONFIRMATION_MINUTES": 15,
    }


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("DEBUG", True, "DEBUG"),
        ("SECRET_KEY", "embedded-default-not-for-production", "SECRET_KEY"),
        ("SECRET_KEY", "k" * 49, "SECRET_KEY"),
        ("ALLOWED_HOSTS", [], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["exemple.test", "*"], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["*.exemple.test"], "ALLOWED_HOSTS"),
        ("BASE_URL", "http://exemple.test", "BASE_URL"),
        ("BASE_URL", "exemple.test", "BASE_URL"),
        ("BASE_URL", "https://", "BASE_URL"),
        ("BASE_URL", "https://localhost", "BASE_URL"),
        ("BASE_URL", "https://LOCALHOST:8000", "BASE_URL"),
        ("BASE_URL", "https://a.localhost", "BASE_URL"),
        ("BASE_URL", "https://127.0.0.1", "BASE_URL"),
        ("BASE_URL", "https://[::1]:8000", "BASE_URL"),
        ("BASE_URL", "https://0.0.0.0", "BASE_URL"),
        ("BASE_URL", "https://exemple.test:port", "BASE_URL"),
        ("BASE_URL", "https://exemple.test/marche", "BASE_URL"),
        ("BASE_URL", "https://u@exemple.test", "BASE_URL"),
        ("OCDS_PREFIX", "ocds-xxxxxx", "OCDS_PREFIX"),
        ("SEAL_KEY_FILE", Path("/nulle/part"), "SEAL_KEY_FILE"),
        ("SIGNING_KEY_FILE", Path("/nulle/part"), "SIGNING_KEY_FILE"),
        ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}}, "DATABASE_URL"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "EMAIL_URL"),
        ("DEFAULT_FROM_EMAIL", "Développe avec nous <ne-pas-repondre@exemple.invalid>", "DEFAULT_FROM_EMAIL"),
        ("DEFAULT_FROM_EMAIL", "Développe avec nous", "DEFAULT_FROM_EMAIL"),
        ("CONTACT_EMAIL", "aide@exemple.invalid", "CONTACT_EMAIL"),
        ("CONTACT_EMAIL", "aide@", "CONTACT_EMAIL"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111", "STRIPE_API_BASE"),
        ("STRIPE_SECRET_KEY", "", "STRIPE_SECRET_KEY"),
        ("STRIPE_WEBHOOK_SECRET", "", "STRIPE_SECRET_KEY"),
        ("METRICS_TOKEN", "m" * 31, "METRICS_TOKEN"),
        ("SECOND_FACTOR_REQUIRED", False, "SECOND_FACTOR_REQUIRED"),
        ("CONFIRMATION_MINUTES", 61, "CONFIRMATION_MINUTES"),
    ],
)
def test_production_refuses_each_placeholder(complete, name, value, named):
    production.refuse_placeholders(complete)
    with pytest.raises(ImproperlyConfigured, match=rf"^{named}\b.*\.$") as caught:
        production.refuse_placeholders(complete | {name: value})
    assert "\n" not in str(caught.value) and SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["https://exemple.test", "https://exemple.test:8443", "https://192.0.2.7"])
def test_public_addresses_are_accepted(complete, url):
    production.refuse_placeholders(complete | {"BASE_URL": url})


def test_what_a_key_file_may_hold():
    assert keys.seal_key(base64.b64encode(b"s" * 32) + b"\n") == b"s" * 32
    for content in (b"", b"-", b"s" * 32, base64.b64encode(b"s" * 31), base64.b64encode(b"s" * 33), b"\xff" * 44):
        with pytest.raises(ImproperlyConfigured, match="^SEAL_KEY_FILE"):
            keys.seal_key(content)
    keys.signing_key(keys.new_signing_key())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    other = X25519PrivateKey.generate().private_bytes(pem, pkcs8, serialization.NoEncryption())
    locked = Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"mot"))
    for content in (b"", b"-", base64.b64encode(b"s" * 32), other, locked):
        with pytest.raises(ImproperlyConfigured, match="^SIGNING_KEY_FILE"):
            keys.signing_key(content)


def test_the_embedded_default_needs_nothing(tmp_path):
    assert start({"VAR_DIR": str(tmp_path)}) == (0, "False False False False\n")


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
    monkeypatch.setenv("X", "-1")
    assert env.integer("X", 1) == -1
    with pytest.raises(ImproperlyConfigured, match="^X='-1' must be at least 0"):
        env.integer("X", 1, minimum=0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("console://", {"HOST": "", "USER": "", "PASSWORD": ""}),
        ("smtp://h", {"HOST": "h", "PORT": 25, "USE_SSL": False, "USE_TLS": False}),
        ("smtps://u%40d:p%2Fss%23%3A@h:465", {"USER": "u@d", "PASSWORD": "p/ss#:", "PORT": 465, "USE_SSL": True}),
        ("smtp+tls://u:p@h:587", {"USE_TLS": True, "USE_SSL": False, "PORT": 587}),
    ],
)
def test_mail_urls(monkeypatch, url, expected):
    monkeypatch.setenv("X", url)
    made = env.email("X", "console://")
    assert {name: made[name] for name in expected} == expected
    assert made["BACKEND"].split(".")[-2] == url.partition(":")[0].partition("+")[0].replace("smtps", "smtp")


@pytest.mark.parametrize(
    "url",
    ["http://h", "h", "smtp://", "smtp://h:port", "smtp://h:99999", "smtp://u:secret/x@h", "smtp://u:secret#x@h",
     "smtp://u@h/secret", "smtp://[h"],
)  # fmt: skip
def test_mail_urls_refused(monkeypatch, url):
    monkeypatch.setenv("X", url)
    with pytest.raises(ImproperlyConfigured, match="^X") as caught:
        env.email("X", "console://")
    told = traceback.format_exception(caught.value, limit=0)  # what an operator reads, causes included
    assert "secret" not in "".join(told)


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("du-fichier\n", encoding="utf-8")
    monkeypatch.setenv("X", "de-la-variable")
    assert env.secret("X") == "de-la-variable"
    monkeypatch.setenv("X_FILE", str(tmp_path / "secret"))
    assert env.secret("X") == "du-fichier"
    for name, content in (("absent", None), ("empty", b" \n"), ("bytes", b"\xff\xfedu-fichier")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        monkeypatch.setenv("X_FILE", str(tmp_path / name))
        with pytest.raises(ImproperlyConfigured, match="^X_FILE") as caught:
            env.secret("X")
        assert "du-fichier" not in "".join(traceback.format_exception(caught.value, limit=0))


def test_addresses_that_hold_a_password_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "database").write_text("postgres://u:p@h/n\n", encoding="utf-8")
    (tmp_path / "mail").write_text("smtps://u:p@m:465\n", encoding="utf-8")
    monkeypatch.setenv("X_FILE", str(tmp_path / "database"))
    monkeypatch.setenv("Y_FILE", str(tmp_path / "mail"))
    assert env.database("X", Path("unused"))["PASSWORD"] == "p" and env.email("Y", "console://")["PORT"] == 465


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


def test_what_is_committed_outlives_a_power_cut(tmp_path):
    """In the embedded database too: SQLite syncs each commit (2 is FULL)."""
    options = env.database("X", tmp_path / "x.sqlite3")["OPTIONS"]
    with contextlib.closing(sqlite3.connect(tmp_path / "x.sqlite3")) as database:
        database.executescript(options["init_command"])
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize(
    "url",
    ["mysql://h/n", "n", "postgres://h:port/n", "postgres://h:99999/n", "postgres://u:secret[x@h/n",
     "postgres://u:secret]x@h/n", "postgres://u:secret/x@h/n", "postgres://u:secret\u2100@h/n"],
)  # fmt: skip
def test_database_urls_refused(monkeypatch, url):
    refused(monkeypatch, url, lambda: env.database("X", Path("unused")))


def refused(monkeypatch, value, read):
    """One sentence that names the variable, and nothing of a secret, causes included."""
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=r"^X\b.*\.$") as caught:
        read()
    assert "secret" not in "".join(traceback.format_exception(caught.value, limit=0))


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://h", "redis://h"),
        ("redis://:p%40ss@h:6380/2", "redis://:p%40ss@h:6380/2"),
        ("rediss://u:p@h:6380/0?ssl_cert_reqs=required", "rediss://u:p@h:6380/0?ssl_cert_reqs=required"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:p%40ss@/run/redis.sock?db=2", "redis+socket://:p%40ss@/run/redis.sock?virtual_host=2"),
        ("", ""),
    ],
)
def test_addresses_of_redis(monkeypatch, url, broker):
    """The cache reads it as it is; Celery has its own words for a socket."""
    monkeypatch.setenv("X", url)
    assert env.redis("X", "") == url and env.broker(url) == broker
    if broker:
        assert Connection(broker).transport_cls in {"redis", "rediss"}
        RedisCache(url, {})._cache.get_client("k")


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:56380", "h", "sentinel://:secret@h:26379/0", "http://h", "memory://", "redis://h:notaport/0",
     "redis://:secret@h:99999", "redis://:secret[x@h/0", "redis://:secret/x@h/0", "redis://h/secret", "redis://h/0/1",
     "unix://", "unix://h", "redis://h?socket_timeout=secret", "redis:secret@h", "://secret"],
)  # fmt: skip
def test_addresses_of_redis_refused(monkeypatch, url):
    refused(monkeypatch, url, lambda: env.redis("X", ""))


@pytest.mark.parametrize("url", ["clamd:3310", "tcp://", "tcp://h:port", "http://h", "h", "tcp://[h"])
def test_addresses_of_servers_refused(monkeypatch, url):
    refused(monkeypatch, url, lambda: env.server("X", "tcp"))
    monkeypatch.setenv("X", "tcp://[::1]:3310")
    assert env.server("X", "tcp") == "tcp://[::1]:3310"


def test_a_choice(monkeypatch):
    refused(monkeypatch, "secret", lambda: env.choice("X", "A", ["A", "B"]))
    monkeypatch.setenv("X", "b")
    assert env.choice("X", "A", ["A", "B"]) == "B"
