#!/usr/bin/env python3
"""`make run`: migrate, add the demo data to an empty database, serve; with a simulated Stripe unless a key is set.

The simulator (tools/stripe_standin) is a process of its own on the loopback address: no account, no money. The periodic
tasks are another (`manage.py schedule`). Both stop with the server.

PORT, 8000. Inside a container (compose.demo.yml), HOST is the address to listen on and STRIPE_PUBLIC the one at which
browsers reach the simulator, on the port that it names.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.stripe_standin.client import KEY, SECRET, Standin  # noqa: E402


def manage(*arguments: str) -> None:
    """Run a command of manage.py; stop here when it fails."""
    process = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, check=False)
    if process.returncode:
        sys.exit(process.returncode)


def main() -> None:
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    base = os.environ.setdefault("BASE_URL", f"http://127.0.0.1:{port}")
    os.environ.setdefault("SECOND_FACTOR_REQUIRED", "false")  # a band says so: demo accounts have no telephone
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(0))
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var")
    os.umask(0o077)  # the database that is made here, its keys and its files are their owner's alone
    var.mkdir(parents=True, exist_ok=True)
    simulated = not os.environ.get("STRIPE_SECRET_KEY")
    shown = {}
    if public := os.environ.get("STRIPE_PUBLIC"):
        shown = {"port": urlsplit(public).port or 0, "host": host, "public": public}
    standin = Standin(state=var / "stripe-standin.sqlite3", webhook=f"{base}/stripe/evenements", **shown)
    with standin if simulated else nullcontext():
        if simulated:
            os.environ.update(STRIPE_SECRET_KEY=KEY, STRIPE_WEBHOOK_SECRET=SECRET, STRIPE_API_BASE=standin.url)
            print(f"run: Stripe is simulated at {standin.url} (no account, no money)", flush=True)
        print("run: migrating the database", flush=True)
        manage("migrate", "--verbosity", "0", "--by-app")
        before = _accounts(standin) if simulated else set()
        manage("seed", "--if-empty")
        for account in _accounts(standin) - before if simulated else ():
            standin.control("complete_account", account=account)  # the demo's vendors have finished registering
        print(f"run: {base}/ (demo accounts: README.md, « Demo accounts »; stop with Ctrl-C)", flush=True)
        with suppress(KeyboardInterrupt):
            sys.exit(serve(host, port))


def serve(host: str, port: str) -> int:
    """Serve until the server stops; its exit code. The periodic tasks run beside it, in a process that stops with it.

    With REDIS_URL they are Celery's: its worker and its beat are started apart.
    """
    with ExitStack() as started:
        server = _beside(started, "runserver", f"{host}:{port}")
        if os.environ.get("REDIS_URL"):
            print("run: REDIS_URL is set: start the worker and the beat (docs/operations.md)", flush=True)
            scheduler = None
        else:
            scheduler = _beside(started, "schedule", "--parent", str(os.getpid()))
        while True:
            try:
                return server.wait(timeout=1)
            except subprocess.TimeoutExpired:
                if scheduler is not None and (code := scheduler.poll()) is not None:
                    print(
                        f"run: the scheduler stopped (code {code}): nothing is done by itself any more. "
                        "Stop and start again, or run « manage.py schedule ».",
                        flush=True,
                    )
                    scheduler = None


def _beside(started: ExitStack, *command: str) -> subprocess.Popen:
    """A command of manage.py in a process of its own, which ends at the latest when the stack does."""
    process = subprocess.Popen([sys.executable, "manage.py", *command], cwd=ROOT)
    started.callback(_end, process)
    return process


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)  # a task that has begun is finished
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _accounts(standin: Standin) -> set[str]:
    return {account["id"] for account in standin.state().get("account", [])}


if __name__ == "__main__":
    main()
