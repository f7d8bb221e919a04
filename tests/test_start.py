"""The product starts where it is installed: the image's way and the way without containers, by the files' own commands.

tests/installed.py tells how: nothing here is an engine, and nothing is imitated but the servers' addresses and ports.
Redis stands in for Valkey. What cannot run here (the build itself, systemd, Caddy, clamd) is named in
docs/operations.md.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import jsonschema
import psycopg
import pytest
from celery import Celery

from tests import installed
from tests.installed import ROOT, World, compose, image, settings_file, unit
from tools import postgres
from tools.postgres import free_port

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
FILES = ("docker-compose.yml", "compose.demo.yml")
SITE = "marche.example.org"
EMAIL, PASSWORD = "pilote@example.org", "Correct-cheval-pile-2026"
APPLICATION = ("web", "worker", "worker-mail", "worker-payments", "beat")
SECRETS = {name: each["file"].removeprefix("./secrets/") for name, each in compose()["secrets"].items()}


# --- The files themselves --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", FILES)
def test_compose_files_are_as_their_specification_says(name):
    """By the Compose Specification's own schema (tests/schemas, Apache-2.0), plus `name`, which came to it later."""
    schema = json.loads((ROOT / "tests/schemas/compose-spec.json").read_text(encoding="utf-8"))
    schema["properties"]["name"] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}
    said = compose(name)
    check = jsonschema.Draft201909Validator(schema)
    assert not [f"{list(error.path)}: {error.message}" for error in check.iter_errors(said)]
    assert [*check.iter_errors(said | {"service": {}})], "the schema refuses nothing"
    for key, service in said["services"].items():
        for kind in ("secrets", "configs", "networks"):
            named = [each["source"] if isinstance(each, dict) else each for each in service.get(kind, [])]
            assert set(named) - {"default"} <= set(said.get(kind, {})), (key, kind)
        assert set(service.get("depends_on", {})) <= set(said["services"]), key
        volumes = {each.partition(":")[0] for each in service.get("volumes", [])}
        assert volumes <= set(said.get("volumes", {})), key
        times = [service.get("stop_grace_period", "1s")]
        times += [service.get("healthcheck", {}).get(word, "1s") for word in ("interval", "timeout", "start_period")]
        assert all(re.fullmatch(r"\d+s", each) for each in times), key


def test_one_service_builds_and_the_others_use_its_image():
    services = compose()["services"]
    ours = {name: each for name, each in services.items() if each["image"] == "developpe-avec-nous"}
    assert set(ours) == {"migrate", *APPLICATION}
    assert [name for name, each in ours.items() if "build" in each] == ["migrate"]
    assert all(ours[name]["pull_policy"] == "never" and "migrate" in ours[name]["depends_on"] for name in APPLICATION)
    others = [each["image"] for name, each in services.items() if name not in ours]
    others.append(compose("compose.demo.yml")["services"]["mail"]["image"])
    assert len(others) == 5 and all(re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", each) for each in others), "not pinned"


def test_what_a_container_may_touch_and_how_long_its_words_are_kept():
    services = compose()["services"]
    for name, service in services.items():
        assert service["logging"]["driver"] == "json-file", name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
    for name in ("migrate", *APPLICATION):
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"], name
    owners = {name for name, service in services.items() if "database_owner_url" in service.get("secrets", [])}
    assert owners == {"migrate"}
    assert {name for name in services if "ports" in services[name]} == {"web"}
    for service in (*services.values(), *compose("compose.demo.yml")["services"].values()):
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_each_queue_has_its_worker():
    queues = [
        word for name in APPLICATION for word in compose()["services"][name].get("command", []) if "--queues" in word
    ]
    assert sorted(queues) == ["--queues=celery", "--queues=mail", "--queues=payments"]
    units = [unit(f"developpe-{name}")["ExecStart"][0].replace("%%", "%") for name in APPLICATION]
    commands = [" ".join(compose()["services"][name].get("command", image()[1])) for name in APPLICATION]
    assert [line.removeprefix("/opt/venv/bin/") for line in units] == commands


def test_units_are_hardened_and_say_where_things_are():
    paths = settings_file((ROOT / "deploy/systemd/paths.env").read_text(encoding="utf-8"))
    given = compose()["x-environment"]
    assert set(paths) == set(given) | {"VAR_DIR", "MEDIA_ROOT"}
    for name in APPLICATION:
        said = unit(f"developpe-{name}")
        assert said["User"] == said["Group"] == [str(installed.USER)]
        assert said["ProtectSystem"] == ["strict"] and said["ReadWritePaths"] == [paths["MEDIA_ROOT"]]
        assert said["NoNewPrivileges"] == ["yes"] and said["CapabilityBoundingSet"] == [""]
        assert said["EnvironmentFile"] == ["/opt/app/deploy/systemd/paths.env", "/opt/etc/production.env"]
        assert {"PrivateTmp", "ProtectHome", "SystemCallFilter", "TimeoutStopSec"} <= set(said)


def test_the_roles_are_made_by_one_file():
    said = compose()
    assert said["configs"]["database_roles"] == {"file": "./deploy/database_roles.sh"}
    assert said["services"]["postgres"]["configs"][0]["source"] == "database_roles"
    assert "sh deploy/database_roles.sh" in OPERATIONS
    lines = (ROOT / "deploy/database_roles.sh").read_text(encoding="utf-8")
    assert "GRANT" not in OPERATIONS and lines.count("NOSUPERUSER") == 2 and "EXTENSION" not in lines


# --- Servers of this machine -----------------------------------------------------------------------------------------
@contextlib.contextmanager
def valkey(folder: Path, name: str):
    """The compose file's own command, by Redis, on a free port; its address."""
    port = free_port()
    (folder / name).mkdir()
    command = [word.replace("valkey-server", "redis-server") for word in compose()["services"][name]["command"]]
    process = subprocess.Popen([*command, "--port", str(port)], cwd=folder / name, stdout=subprocess.PIPE, text=True)
    try:
        while line := process.stdout.readline():
            if "Ready to accept connections" in line:
                break
        assert line, f"{name}: redis-server did not start"
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Site:
    """The world, its servers, and what an operator would have written."""

    def __init__(self, folder: Path, database: str, addresses: dict[str, str]):
        self.world = World(folder)
        self.database, self.addresses = database, addresses
        self.written = {
            "BASE_URL": f"https://{SITE}",
            "ALLOWED_HOSTS": SITE,
            "DEFAULT_FROM_EMAIL": "Développe avec nous <envoi@example.org>",
            "CONTACT_EMAIL": "aide@example.org",
            "OCDS_PREFIX": "ocds-a1b2c3",
            "TRUSTED_PROXIES": "1",
            "LOG_LEVEL": "INFO",
        }
        template = (ROOT / "deploy/production.env").read_text(encoding="utf-8")
        assert set(settings_file(template)) == set(self.written)
        self.secrets = folder / "opt/etc/secrets"
        host = self.database.rpartition("@")[2].partition("/")[0]
        command = re.search(r"^ *(sh deploy/secrets\.sh) secrets postgres:5432", OPERATIONS, re.MULTILINE)[1]
        subprocess.run([*command.split(), self.secrets, host], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        again = subprocess.run([*command.split(), self.secrets, host], cwd=ROOT, capture_output=True, text=True)
        assert again.returncode == 1 and "nothing was written" in again.stderr
        self._secret("email.url", "smtp://127.0.0.1:1")

    def _secret(self, name: str, value: str) -> None:
        (self.secrets / name).write_text(value)
        os.chown(self.secrets / name, installed.USER, installed.USER)
        (self.secrets / name).chmod(0o400)

    def make_roles(self) -> None:
        """deploy/database_roles.sh, on a server that has nothing of ours."""
        with psycopg.connect(self.database.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            connection.execute("DROP DATABASE marketplace")
            user, password, host, port = (
                getattr(connection.info, name) for name in ("user", "password", "host", "port")
            )
        asked = compose()["services"]["postgres"]["environment"]
        files = {
            name: str(self.secrets / SECRETS[Path(asked[name]).name])
            for name in ("OWNER_PASSWORD_FILE", "APP_PASSWORD_FILE")
        }
        subprocess.run(
            ["sh", "deploy/database_roles.sh"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "POSTGRES_USER": user, "PGPASSWORD": password, "PGHOST": host}
            | {"PGPORT": str(port)}
            | files,
            check=True,
        )

    def build(self) -> None:
        """The Dockerfile's steps that make something of the code, as its build runs them."""
        steps = [text for word, text in installed.dockerfile() if word == "RUN" and "/opt/venv/bin" not in text]
        steps = [text for text in steps if "pybabel" in text or "collectstatic" in text]
        assert len(steps) == 2
        said = {"PATH": image()[0]["PATH"], "VAR_DIR": image()[0]["VAR_DIR"], "HOME": "/root"}
        for step in steps:
            done = self.world.run("build", ["sh", "-c", f"umask 022; {step}"], said)
            assert done.returncode == 0, done.stdout + done.stderr

    def service(self, name: str, port: int = 0) -> tuple[list[str], dict[str, str]]:
        """(command, environment) of a container of this service, its secrets laid as the engine lays them."""
        said, (environment, command, _health) = compose()["services"][name], image()
        folder = self.world.folder / f"secrets-{name}"
        if not folder.exists():
            folder.mkdir()
            for secret in said["secrets"]:
                copy = folder / secret
                shutil.copy2(self.secrets / SECRETS[secret], copy)
                os.chown(copy, installed.USER, installed.USER)
        assert said["env_file"] == ["production.env"]
        environment = environment | self.written | said["environment"]
        for server, address in self.addresses.items():
            environment = {
                key: value.replace(f"redis://{server}:6379/0", address) for key, value in environment.items()
            }
        environment |= {"HOSTNAME": socket.gethostname()} | ({"PORT": str(port)} if port else {})
        return said.get("command", command), environment

    def run(self, service: str, command: list[str], **options) -> subprocess.CompletedProcess:
        return self.world.run(service, command, self.service(service)[1], **options)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    obstacle = installed.obstacle() or ("" if postgres.binaries() else "needs PostgreSQL: run `make services`")
    if obstacle:
        pytest.skip(obstacle)
    folder = tmp_path_factory.mktemp("installed")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(postgres.private_cluster(max_connections=60))
        addresses = {name: stack.enter_context(valkey(folder, name)) for name in ("queue", "cache")}
        made = Site(folder / "world", database, addresses)
        stack.callback(made.world.close)
        made.make_roles()
        made.build()
        command, environment = made.service("migrate")
        done = made.world.run("migrate", command, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "migrate: marketplace_app a ses droits" in done.stdout
        yield made


# --- What a browser sees ---------------------------------------------------------------------------------------------
class Browser:
    """Behind the proxy: TLS ended, the caller's address written."""

    def __init__(self, port: int):
        self.port, self.cookies = port, SimpleCookie()

    def ask(self, path: str, form: dict | None = None, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=installed.PATIENCE)
        proxy = {"Host": SITE, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "Accept-Language": "fr"}
        proxy["Cookie"] = "; ".join(f"{name}={each.value}" for name, each in self.cookies.items())
        body = None
        if form is not None:
            proxy |= {"Referer": f"https://{SITE}{path}", "Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(form | {"csrfmiddlewaretoken": self.cookies["csrftoken"].value})
        link.request("GET" if form is None else "POST", path, body, proxy | headers)
        answer = link.getresponse()
        content = answer.read()
        link.close()
        for header in answer.headers.get_all("Set-Cookie") or ():
            self.cookies.load(header)
        encoded = answer.headers.get("Content-Encoding")
        return answer.status, encoded or content.decode("utf-8", "replace"), answer.headers


def assert_serves(port: int) -> Browser:
    """Home, sign-in, a static file whole and compressed, health."""
    browser = Browser(port)
    assert browser.ask("/sante")[0] == 200
    status, home, _headers = browser.ask("/")
    assert status == 200 and "Développe avec nous" in home and 'class="demonstration"' not in home
    sheet = re.search(r'href="(/static/site\.[0-9a-f]{12}\.css)"', home)[1]
    status, content, headers = browser.ask(sheet)
    assert status == 200 and ".band" in content and "immutable" in headers["Cache-Control"]
    assert browser.ask(sheet, **{"Accept-Encoding": "gzip"})[:2] == (200, "gzip")
    assert browser.ask("/occasions/")[0] == 200  # the database answers
    status, page, _headers = browser.ask(re.search(r'href="(/[^"]*)"[^>]*>\s*Connexion<', home)[1])
    assert status == 200 and "csrfmiddlewaretoken" in page
    return browser


def assert_json(process) -> None:
    """Each line is a JSON object, with its level and its instant; but what Celery's signal handler says at the end."""
    lines = [line for line in process.said if line not in {"", "worker: Warm shutdown (MainProcess)"}]
    assert len(lines) >= 2
    for line in lines:
        said = json.loads(line)
        assert {"event", "level", "timestamp"} <= set(said), line


# --- The image's way -------------------------------------------------------------------------------------------------
@pytest.mark.drill
def test_the_image_starts_serves_and_works(site):
    port = free_port()
    started = {}
    for name in APPLICATION:
        command, environment = site.service(name, port)
        started[name] = site.world.start(name, command, environment)
    started["web"].until("Listening at")
    browser = assert_serves(port)

    done = site.world.run("web", image()[2], site.service("web", port)[1])
    assert done.returncode == 0, done.stdout + done.stderr

    # An administrator made there signs in there.
    command = ["python", "manage.py", "create_admin", "--email", EMAIL, "--name", "Ada Poulin"]
    done = site.run("web", command, input=f"{PASSWORD}\n")
    assert done.returncode == 0 and "adresse confirmée" in done.stdout, done.stdout + done.stderr
    status, _page, headers = browser.ask("/compte/login/", {"login": EMAIL, "password": PASSWORD})
    assert status == 302, status
    assert browser.ask("/a-faire/")[0] == 200 or headers["Location"]

    started["worker"].until("ready.")
    started["worker-mail"].until("ready.")
    started["worker-payments"].until("ready.")
    started["beat"].until("Sending due task")
    kind, test = compose()["services"]["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    done = site.run("worker", ["sh", "-c", test.replace("$$", "$")])
    assert done.returncode == 0, done.stdout + done.stderr
    with Celery(broker=site.addresses["queue"]) as broker:
        host = socket.gethostname()
        answers = broker.control.ping(
            destination=[f"{name}@{host}" for name in ("worker", "mail", "payments")],
            timeout=installed.PATIENCE,
            limit=3,
        )
        assert len(answers) == 3, answers
        broker.send_task("marketplace.tasks.sweep_emails", queue="celery")
    started["worker"].until("succeeded")

    for name, process in started.items():
        assert process.end() == 0, (name, process.said[-20:])
        assert_json(process)


@pytest.mark.drill
def test_a_container_writes_nowhere_but_in_its_files(site):
    places = (
        "/opt/app",
        "/opt/venv",
        "/srv/var",
        "/srv/var/static",
        "/run/secrets",
        "/nonexistent",
        "/etc",
        "/tmp",
        "/srv/media",
    )
    script = 'for place in "$@"; do touch "$place/x" 2>/dev/null && echo "$place"; done; id -u; ls /run/secrets'
    done = site.run("web", ["sh", "-c", script, "sh", *places])
    assert done.stdout.split() == [
        "/tmp",
        "/srv/media",
        str(installed.USER),
        *sorted(compose()["services"]["web"]["secrets"]),
    ]


@pytest.mark.drill
def test_the_owner_is_no_superuser_and_the_application_owns_nothing(site):
    owner, application = (
        (site.secrets / f"database-{role}.url").read_text(encoding="utf-8") for role in ("owner", "app")
    )
    with psycopg.connect(owner) as connection:
        rows = connection.execute("SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles").fetchall()
        assert {row[0]: any(row[1:]) for row in rows if row[0].startswith("marketplace_")} == {
            "marketplace_owner": False,
            "marketplace_app": False,
        }
        extensions = connection.execute("SELECT extname FROM pg_extension").fetchall()
        assert extensions == [("plpgsql",)]
    for statement in (
        "DELETE FROM marketplace_ledgerpayload",
        "UPDATE proposals_award SET amount_cents = 1",
        "UPDATE proposals_openedproposal SET price_cents = 1",
        "ALTER TABLE marketplace_ledgerentry DISABLE TRIGGER ALL",
        "CREATE TABLE mine (n integer)",
        "CREATE TEMPORARY TABLE mine (n integer)",
    ):
        with psycopg.connect(application) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.drill
def test_without_its_static_files_the_web_process_refuses_to_start(site):
    command, environment = site.service("web", free_port())
    done = site.world.run("web", command, environment | {"VAR_DIR": "/tmp/elsewhere"})
    assert done.returncode != 0
    assert "There are no static files in /tmp/elsewhere/static: run `manage.py collectstatic`" in done.stderr


# --- Without containers ----------------------------------------------------------------------------------------------
@pytest.mark.drill
def test_the_way_without_containers_starts_and_serves(site):
    """The commands of docs/operations.md, then those of the units, with what the units give them."""
    folder, port = site.world.folder, free_port()
    shutil.rmtree(folder / "srv/var")
    (folder / "srv/var").mkdir(mode=0o755)
    lines = site.written | {"REDIS_URL": site.addresses["queue"], "CACHE_URL": site.addresses["cache"]}
    (folder / "opt/etc/production.env").write_text("".join(f'{name}="{value}"\n' for name, value in lines.items()))
    (folder / "opt/etc/production.env").chmod(0o600)
    system = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    block = OPERATIONS.partition("### Without containers")[2].partition("\n#")[0]
    commands = re.findall(r"^ *(sh deploy/manage\.sh [^#\n]+?) *(?:#.*)?$", block, re.MULTILINE)
    assert [command.split()[2] for command in commands] == ["collectstatic", "migrate", "create_admin"]
    for command in commands[:2]:
        done = site.world.run("build", ["sh", "-c", f"umask 077; {command}"], system)
        assert done.returncode == 0, done.stdout + done.stderr

    started = {}
    for name in ("web", "worker", "beat"):
        said = unit(f"developpe-{name}")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        for file in said["EnvironmentFile"]:
            text = (folder / file.removeprefix("/")).read_text(encoding="utf-8")
            environment |= settings_file(text)
        environment |= dict(pair.split("=", 1) for pair in said["Environment"][0].split())
        environment |= {"GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{port}"}  # not 8000, which may be taken here
        command = said["ExecStart"][0].replace("%%", "%").split()
        started[name] = site.world.start("unit", command, environment)
    started["web"].until("Listening at")
    assert_serves(port)
    started["worker"].until("ready.")
    started["beat"].until("Sending due task")
    for name, process in started.items():
        assert process.end() == 0, (name, process.said[-20:])
        assert_json(process)
