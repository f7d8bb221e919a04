"""An installation as it runs, without a container engine: the same paths, the same user, nothing to write on.

Each process gets a mount namespace of its own where /opt holds the code and a Python with what the image installs and
no more, /srv the data, /run/secrets what the service is given, /tmp is empty, and all the rest is read-only; it becomes
user 10001, without capabilities. So the commands of Dockerfile, docker-compose.yml, the units and the documents run as
they are written. Needs root and `unshare` (util-linux).
"""

import fnmatch
import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
USER = 10001
PATIENCE = 120  # seconds, on a machine that does much else; nothing waits when all goes well
# $1: the world's folder; $2: the developers' environment; $3: its Python; $4: the folder that hides it, or "";
# $5: « build » for root with everything writable, else the image's user; then the command.
ENTER = r"""
set -e
world=$1 environment=$2 python=$3 hidden=$4 mode=$5
shift 5
mount --bind "$world/opt" /opt
mount --bind "$environment" /opt/dev
mount --bind "$world/srv" /srv
mount --bind "$world/media" /srv/media
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/secrets
if [ -d "$world/secrets-$mode" ]; then mount --bind "$world/secrets-$mode" /run/secrets; fi
if [ -n "$hidden" ]; then
  mount --bind "$python" /mnt
  mount -t tmpfs -o mode=0755 tmpfs "$hidden"
  mkdir -p "$python"
  mount --bind /mnt "$python"
  umount /mnt
fi
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd /opt/app
if [ "$mode" = build ]; then exec "$@"; fi
for place in / /opt /srv; do mount -o remount,bind,ro "$place"; done
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def obstacle() -> str:
    """Why this machine cannot show it, or ""."""
    if os.geteuid() != 0:
        return "needs root: processes of another user, in mount namespaces"
    if not all(shutil.which(program) for program in ("unshare", "setpriv", "openssl", "psql", "redis-server")):
        return "needs unshare, setpriv, openssl, psql and redis-server: run `make services`"
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return "" if tried.returncode == 0 else "needs mount namespaces, which this machine refuses"


# --- What the files say ----------------------------------------------------------------------------------------------
def compose(name: str = "docker-compose.yml") -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, text), continued lines joined as the engine joins them."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def image() -> tuple[dict[str, str], list[str], list[str]]:
    """The final stage's (environment, command, health command)."""
    last = [index for index, (word, _text) in enumerate(dockerfile()) if word == "FROM"][-1]
    environment: dict[str, str] = {"HOME": "/nonexistent"}
    said = {}
    for word, text in dockerfile()[last:]:
        if word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in shlex.split(text))
        said[word] = text
    environment["PATH"] = environment["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
    health = said["HEALTHCHECK"].partition("CMD ")[2]
    return environment, json.loads(said["CMD"]), json.loads(health)


def settings_file(text: str) -> dict[str, str]:
    """A file of variables, as systemd, compose and a shell read it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: "".join(shlex.split(value)) for name, value in (line.split("=", 1) for line in lines)}


def unit(name: str) -> dict[str, list[str]]:
    """A systemd unit's {key: values}."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "deploy" / "systemd" / f"{name}.service").read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


# --- The world -------------------------------------------------------------------------------------------------------
class World:
    """Folders as the image has them. `name` tells several apart; processes that were started are stopped by `close`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.started: list[Process] = []
        for name in ("opt/dev", "opt/app", "opt/etc", "srv/var", "srv/media", "media"):
            (folder / name).mkdir(parents=True)
        os.chown(folder / "media", USER, USER)
        (folder / "media").chmod(0o700)
        self._copy()
        self._python()

    def _copy(self) -> None:
        """`COPY . .`, without what .dockerignore leaves out; compiled code comes along, in place of `compileall`."""
        ignored = [
            line.removeprefix("**/")
            for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#") and "__pycache__" not in line
        ]

        def leave(folder: str, names: list[str]) -> set[str]:
            patterns = ignored if Path(folder) == ROOT else [each for each in ignored if each == "*.mo"]
            return {name for name in names for pattern in patterns if fnmatch.fnmatch(name, pattern)}

        shutil.copytree(ROOT, self.folder / "opt/app", ignore=leave, dirs_exist_ok=True)

    def _python(self) -> None:
        """A virtual environment with the distributions that pyproject.toml needs to run, and not one more."""
        venv = self.folder / "opt/venv"
        packages = venv / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        packages.mkdir(parents=True)
        (venv / "bin").mkdir()
        (venv / "pyvenv.cfg").write_text(f"home = {sys.base_prefix}/bin\ninclude-system-site-packages = false\n")
        for name in ("python", "python3"):
            (venv / "bin" / name).symlink_to(Path(sys.base_prefix) / "bin" / f"python{sysconfig.get_python_version()}")
        theirs = Path("/opt/dev") / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
        for name in needed():
            for file in distribution(name).files or ():
                top = file.parts[0]
                if top not in {"..", "__pycache__"} and not (packages / top).is_symlink():
                    (packages / top).symlink_to(theirs / top)
        for name in ("gunicorn", "celery", "pybabel"):
            (point,) = [
                entry
                for package in ("gunicorn", "celery", "Babel")
                for entry in distribution(package).entry_points
                if entry.group == "console_scripts" and entry.name == name
            ]
            script = venv / "bin" / name
            script.write_text(
                f"#!/opt/venv/bin/python\nimport sys\n\nfrom {point.module} import {point.attr}\n\n"
                f"sys.exit({point.attr}())\n"
            )
            script.chmod(0o755)

    def _entered(self, mode: str, command: list[str], environment: dict[str, str]) -> list[str]:
        hidden = next(
            (str(parent) for parent in reversed(Path(sys.base_prefix).parents) if not parent.stat().st_mode & 0o001), ""
        )
        variables = [f"{name}={value}" for name, value in environment.items()]
        place = [str(self.folder), sys.prefix, sys.base_prefix, hidden, mode]
        enter = ["unshare", "--mount", "--propagation=private", "sh", "-c", ENTER, "enter", *place]
        return [*enter, "env", "-i", *variables, *command]

    def run(self, mode: str, command: list[str], environment: dict[str, str], **options) -> subprocess.CompletedProcess:
        """One command to its end. `mode`: « build », or the service whose secrets it is given."""
        return subprocess.run(
            self._entered(mode, command, environment), capture_output=True, text=True, timeout=PATIENCE, **options
        )

    def start(self, mode: str, command: list[str], environment: dict[str, str]) -> "Process":
        process = Process(self._entered(mode, command, environment))
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            process.end()


class Process:
    """A process that goes on, and everything that it says."""

    def __init__(self, command: list[str]):
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def until(self, words: str) -> str:
        """The first line, from now on, that holds these words; AssertionError with all that was said otherwise."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            assert line is not None, f"« {words} » was not said:\n" + "\n".join(self.said[-60:])
            self.said.append(line)
            if words in line:
                return line

    def end(self) -> int:
        """Ask it to stop, as an engine or systemd does; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        while (line := self._lines.get()) is not None:
            self.said.append(line)
        self._lines.put(None)
        self._process.stdout.close()
        return code


def needed() -> set[str]:
    """Names of the distributions that running needs: pyproject.toml's, and what they need in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(line) for line in project["dependencies"]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        key = (wanted.name.lower(), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(wanted.name).requires or ():
            other = Requirement(line)
            extras = wanted.extras or {""}
            if other.marker is None or any(other.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(other)
    return {name for name, _extras in seen}
