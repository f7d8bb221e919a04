"""A private, throw-away PostgreSQL cluster: for the tests, for measurements, for trying a restore.

Uses the server binaries of the machine (Debian's, else those on PATH); needs no running service and no privilege.
The cluster listens on a free loopback port and on a unix socket in its own folder, keeps nothing on purpose
(``fsync=off``), and disappears with the ``with`` block, even after a failure.

By hand: ``python tools/postgres.py [command …]`` runs the command with ``DATABASE_URL`` set, or, without a command,
prints the URL and waits for Ctrl-C.
"""

import contextlib
import glob
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROLE = "marketplace"
DATABASE = "marketplace"
TRIES = 3


class PostgresUnavailable(RuntimeError):
    """No server binaries on this machine, or they would not start; the message says which."""


def binaries() -> Path | None:
    """Folder of ``initdb``, ``pg_ctl`` and ``psql``: Debian's newest major version, else PATH; ``None`` if absent."""
    debian = [Path(name).parent for name in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    if debian:
        return max(debian, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextlib.contextmanager
def private_cluster(max_connections: int = 300) -> Iterator[str]:
    """Start a cluster and yield its ``DATABASE_URL`` (a superuser with a random password, on 127.0.0.1).

    Raises `PostgresUnavailable`.
    """
    folder = binaries()
    if folder is None:
        raise PostgresUnavailable("PostgreSQL not found")
    base = Path(tempfile.mkdtemp(prefix="dan-pg-", dir=_traversable_folder()))
    cluster = _Cluster(folder, base)
    try:
        cluster.create()
        cluster.start(max_connections)
        cluster.prepare()
        yield cluster.url
    finally:
        cluster.stop()
        shutil.rmtree(base, ignore_errors=True)


class _Cluster:
    """One data folder under ``base`` and the server on it."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.bin = folder
        self.base = base
        self.data = base / "data"
        self.log = base / "log"
        self.password = secrets.token_urlsafe(18)
        self.port = 0
        self.account = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = _unprivileged_user()
            self.account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(base, user.pw_uid, user.pw_gid)

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def run(self, name: str, *args: str, **env: str) -> None:
        """Run one of the server's programs; raise with what it said when it fails."""
        # Not a pipe: the server that pg_ctl leaves behind inherits the output and would keep the pipe open for ever.
        with tempfile.TemporaryFile() as output:
            code = subprocess.run(
                [self.bin / name, *args],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.base,
                env=_clean_environment() | env,
                start_new_session=True,  # Ctrl-C is for us: the server is stopped below, in order
                **self.account,
            ).returncode
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if code:
            raise PostgresUnavailable(f"{name} failed ({code}): {said}\n{self._end_of_log()}".strip())

    def create(self) -> None:
        password_file = self.base / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.account:
            os.chown(password_file, self.account["user"], self.account["group"])
        self.run(
            "initdb",
            f"--pgdata={self.data}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",  # other users of the machine can reach loopback
            "--encoding=UTF8",
            f"--locale={'en_US.UTF-8' if sys.platform == 'darwin' else 'C.UTF-8'}",
            "--no-sync",
        )
        password_file.unlink()

    def start(self, max_connections: int) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.base),
            "max_connections": str(max_connections),
            "shared_buffers": "256MB",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "timezone": "UTC",
        }
        for attempt in range(1, TRIES + 1):
            self.port = free_port()
            flags = " ".join(f"-c {name}={value}" for name, value in options.items())
            try:
                self.run(
                    "pg_ctl",
                    f"--pgdata={self.data}",
                    f"--log={self.log}",
                    "--wait",
                    "--timeout=60",
                    f"--options=-p {self.port} {flags}",
                    "start",
                )
                return
            except PostgresUnavailable:
                # The free port may have been taken meanwhile: the one failure worth a second try.
                if attempt == TRIES or "already in use" not in self._end_of_log():
                    raise

    def prepare(self) -> None:
        self.sql(f"CREATE DATABASE {DATABASE}")

    def sql(self, statement: str) -> None:
        """Run one statement in ``template1``."""
        self.run(
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--host=127.0.0.1",
            f"--port={self.port}",
            f"--username={ROLE}",
            "--dbname=template1",
            f"--command={statement}",
            PGPASSWORD=self.password,
        )

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            with contextlib.suppress(PostgresUnavailable):
                self.run("pg_ctl", f"--pgdata={self.data}", "--mode=immediate", "--wait", "--timeout=30", "stop")

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


def _clean_environment() -> dict[str, str]:
    """The caller's environment without libpq's variables, which would send psql to another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresUnavailable("PostgreSQL refuses to run as root, and there is no user « postgres » or « nobody »")


def _traversable_folder() -> Path:
    """A temporary folder that another user can enter, short enough for a unix socket's path (107 bytes)."""
    for candidate in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        path = Path(candidate).resolve()
        if len(str(path)) < 70 and all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents)):
            return path
    raise PostgresUnavailable("no temporary folder that another user can enter")


def free_port() -> int:
    """A port of the loopback address on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with private_cluster() as url:
        if sys.argv[1:]:
            return subprocess.run(sys.argv[1:], env=os.environ | {"DATABASE_URL": url}).returncode
        print(url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
