"""The server that is measured and the bounded load put on it: sixteen connections, each waiting for its answer.

wrk where it is installed (its own process costs little), else a few Python threads, which cost more processor time than
the server: figures taken with one are not to be compared with figures taken with the other.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from postgres import binaries

CONNECTIONS = 16
WORKERS = 2
WARM_UP = 1  # seconds, not measured
THREADS = 4  # of the fallback

# « unique »: another query string each time, so that no answer comes from the page cache.
_LUA = """
local cookie, unique, n, stamp = "", false, 0, ""
function init(args)
  cookie, unique, stamp = args[1] or "", args[2] == "unique", args[3] or ""
  if cookie ~= "" then wrk.headers["Cookie"] = cookie end
end
function request()
  if not unique then return wrk.format("GET") end
  n = n + 1
  local mark = string.find(wrk.path, "?", 1, true) and "&" or "?"
  return wrk.format("GET", wrk.path .. mark .. "banc=" .. stamp .. n)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass
class Figures:
    """One load: requests per second, latencies in milliseconds, answers that were errors or never came.

    cpu: the server's own processor time for one answer, in milliseconds, PostgreSQL's not counted: the figure that a
    busy machine disturbs least; None where /proc does not exist.
    """

    rate: float
    p50: float
    p99: float
    errors: int = 0
    cpu: float | None = None


def wrk() -> str | None:
    """Path of wrk, or None."""
    return shutil.which("wrk")


def put(port: int, process: subprocess.Popen, path: str, *, seconds: float, cookie="", unique=False) -> Figures:
    """GET `path` again and again for `seconds`, after a second of warm-up; a visitor's unless `cookie` says who."""
    once = _wrk if wrk() else _threads
    once(port, path, WARM_UP, cookie, unique)
    for _worker in range(WORKERS):  # what the warm-up left in the queue is answered before these are
        get(port, path, cookie)
    before, start = _cpu(process), time.monotonic()
    figures = once(port, path, seconds, cookie, unique)
    # Plus what each process was in the middle of, on average half done.
    answered = figures.rate * (time.monotonic() - start) + WORKERS / 2
    if before is not None and figures.rate:
        figures.cpu = (_cpu(process) - before) / answered * 1e3
    return figures


def _wrk(port: int, path: str, seconds: float, cookie: str, unique: bool) -> Figures:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_LUA)
        script.flush()
        report = subprocess.run(
            [wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", script.name]
            + [f"http://127.0.0.1:{port}{path}", "--", cookie, "unique" if unique else "same", f"{time.time_ns()}-"],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 60,
        ).stdout
    requests, micros, p50, p99, errors = map(int, report.rsplit("RESULT ", 1)[1].split())
    return Figures(requests / micros * 1e6, p50 / 1e3, p99 / 1e3, errors)


def _threads(port: int, path: str, seconds: float, cookie: str, unique: bool) -> Figures:
    taken: list[float] = []
    errors: list[str] = []
    until = time.monotonic() + seconds
    mark = "&" if "?" in path else "?"

    def work(number: int) -> None:
        n = 0
        while time.monotonic() < until:
            n += 1
            target = f"{path}{mark}banc={time.time_ns()}-{number}-{n}" if unique else path
            start = time.monotonic()
            try:
                get(port, target, cookie)
            except OSError as error:
                errors.append(str(error))
            else:
                taken.append(time.monotonic() - start)

    workers = [threading.Thread(target=work, args=[i], daemon=True) for i in range(THREADS)]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 60)
    return summary(taken, time.monotonic() - start, len(errors))


def summary(taken: list[float], elapsed: float, errors: int = 0) -> Figures:
    """Figures of a list of durations in seconds."""
    if not taken:
        return Figures(0.0, 0.0, 0.0, errors)
    ordered = sorted(taken)
    return Figures(
        len(taken) / elapsed, ordered[len(ordered) // 2] * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3, errors
    )


def get(port: int, path: str, cookie: str = "") -> tuple[int, int]:
    """(status, bytes of the body) of one GET."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        link.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = link.getresponse()
        return answer.status, len(answer.read())
    finally:
        link.close()


@contextlib.contextmanager
def server(root: Path, log: Path) -> Iterator[tuple[int, subprocess.Popen]]:
    """gunicorn with two processes on a free loopback port, stopped with the block; (port, process)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "marketplace.wsgi", "--workers", str(WORKERS), "--no-control-socket"]
            + ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", "--chdir", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tools'}"},
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its own session: nothing else is in that group
            process.wait()


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            if get(port, "/sante")[0] == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"gunicorn does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def _children(process: subprocess.Popen) -> list[str]:
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()


def _cpu(process: subprocess.Popen) -> float | None:
    """Seconds of processor time taken so far by the server's processes."""
    try:
        # After the name, which may hold anything: state, then utime and stime as the 12th and 13th fields.
        stats = [Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split() for child in _children(process)]
        return sum(int(ticks) for stat in stats for ticks in stat[11:13]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def memory(process: subprocess.Popen) -> list[int]:
    """Resident megabytes of each server process; empty where /proc does not exist."""
    megabytes = []
    with contextlib.suppress(OSError):
        for child in _children(process):
            for line in Path(f"/proc/{child}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    megabytes.append(int(line.split()[1]) // 1024)
    return megabytes


# --- Floors of the database ----------------------------------------------------------------------------------------
def raw_reads(url: str, seconds: float) -> list[tuple[str, Figures]]:
    """What PostgreSQL alone answers to four clients: nothing, then the rows of one page of the list."""
    sql = {
        "PostgreSQL: SELECT 1": "SELECT 1",
        "PostgreSQL: the rows of a list page": (
            "SELECT o.id, o.number, o.title, o.teaser, o.budget_cents, o.closes_at, b.name, b.acronym"
            " FROM opportunities_opportunity o JOIN opportunities_publicbody b ON b.id = o.body_id"
            " WHERE o.state = 'published' AND o.closes_at > clock_timestamp() ORDER BY o.closes_at, o.id LIMIT 21"
        ),
    }
    folder = binaries()
    if folder is None or not (folder / "pgbench").exists():
        return []
    return [(name, _pgbench(folder / "pgbench", url, text, seconds)) for name, text in sql.items()]


def _pgbench(program: Path, url: str, sql: str, seconds: float) -> Figures:
    parts = urlsplit(url)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    env |= {
        "PGPASSWORD": unquote(parts.password or ""),
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or ""),
    }
    env |= {"PGUSER": unquote(parts.username or "")}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "read.sql"
        script.write_text(sql + ";\n")
        subprocess.run(
            [program, "--no-vacuum", "--client=4", "--protocol=prepared", f"--time={max(1, round(seconds))}", "--log"]
            + [f"--log-prefix={folder}/log", f"--file={script}", unquote(parts.path.lstrip("/"))],
            env=env,
            check=True,
            capture_output=True,
            timeout=seconds + 60,
        )
        taken = [int(row.split()[2]) / 1e6 for log in Path(folder).glob("log.*") for row in log.open()]
    return summary(taken, seconds)
