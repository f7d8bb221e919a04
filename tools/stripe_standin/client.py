"""`Standin`: the stand-in as a test sees it, started on a free port and stopped with the ``with`` block."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk_test_simulateur"
SECRET = "whsec_simulateur"


class ControlRefused(Exception):
    """The control door refused; the message is its JSON answer. ``status`` is HTTP's."""

    def __init__(self, status: int, answer):
        super().__init__(f"{status}: {answer}")
        self.status, self.answer = status, answer


class Standin:
    """A stand-in process.

    ``webhook=None``: events queue until `take_events` hands them over; a test posts them itself through Django's
    client. ``state``: a SQLite file, kept; without it, one in a folder that goes away. Extra ``options`` are
    command-line options by name (``debit_after=0``). ``start`` and ``kill`` restart it on the same port and state.
    """

    def __init__(
        self,
        *,
        validate: bool = False,
        webhook: str | None = None,
        state: str | Path | None = None,
        secret: str = SECRET,
        port: int = 0,
        chaos: dict | None = None,
        **options,
    ):
        self.validate, self.webhook, self.secret, self.port = validate, webhook, secret, port
        self.chaos_at_start, self.options = chaos, options
        self._folder = None if state else tempfile.TemporaryDirectory(prefix="dan-stripe-")
        self.path = Path(state or Path(self._folder.name) / "state.sqlite3")
        self._local = threading.local()
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "Standin":
        self.start()
        return self

    def __exit__(self, *_exception) -> None:
        self.stop()
        if self._folder:
            self._folder.cleanup()

    def start(self) -> None:
        """Start the process; return when it listens. Raises RuntimeError with its last words."""
        command = [sys.executable, "-m", "tools.stripe_standin", "--port", str(self.port), "--state", str(self.path)]
        command += ["--secret", self.secret] + (["--validate"] if self.validate else [])
        command += ["--webhook", self.webhook] if self.webhook else []
        command += ["--chaos", json.dumps(self.chaos_at_start)] if self.chaos_at_start else []
        for name, value in self.options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("stripe stand-in: "):
            self.stop()
            raise RuntimeError(f"the stand-in did not start: {line or 'see its standard error'}")
        self.port = int(line.split()[2].rpartition(":")[2])

    def stop(self) -> None:
        """Stop it politely, else by force."""
        if self.process is None:
            return
        self._hang_up()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def kill(self) -> None:
        """As a power cut would: nothing is finished. `start` brings it back."""
        self._hang_up()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_addresses(self) -> dict[str, str]:
        """For ``stripe.StripeClient(KEY, base_addresses=…)``."""
        return {"api": self.url}

    # --- The control door --------------------------------------------------------------------------------------------
    def control(self, path: str, **given):
        """The control door's answer (``pay``, ``settle``…: see control.py). Raises `ControlRefused`."""
        return self._ask("POST", path, given)

    def requests(self) -> list[dict]:
        """Requests on ``/v1``: `{seq, at, method, path, params, key, status, replayed, fault}`; params decoded."""
        return [row | {"params": json.loads(row["params"])} for row in self._ask("GET", "requests")]

    def state(self) -> dict[str, list[dict]]:
        """Every object by kind, oldest first; ``balance`` too."""
        return self._ask("GET", "state")

    def violations(self) -> list[dict]:
        return self._ask("GET", "violations")

    def events(self) -> list[dict]:
        """Every event, delivered or not; ``delivery`` lists what became of its deliveries."""
        return self._ask("GET", "events")

    def take_events(self, at: int | None = None, limit: int = 1000) -> list[tuple[bytes, str]]:
        """The pending events as (body, ``Stripe-Signature`` header), signed at ``at`` (seconds) or now."""
        taken = self.control("take_events", at=at, limit=limit)
        return [(each["payload"].encode(), each["signature"]) for each in taken]

    def deliver(self) -> list[dict]:
        """Post what waits to the webhook address now: `[{id, type, answer}]`."""
        return self.control("deliver")

    def chaos(self, *script, **plan) -> dict:
        """The faults to come: ``chaos("500_after", "ok")`` or ``chaos(probability={…}, seed=1)``; none: calm again."""
        return self.control("chaos", **({"script": list(script)} if script else {}), **plan)

    def reset(self) -> None:
        self.control("reset")

    def _ask(self, method: str, verb: str, given: dict | None = None):
        body = json.dumps(given) if given else None
        for attempt in (1, 2):
            link = getattr(self._local, "link", None)
            if link is None:
                link = self._local.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
            try:
                link.request(method, f"/_control/{verb}", body)
                answer = link.getresponse()
                content = json.loads(answer.read())
                break
            except (ConnectionError, http.client.HTTPException):
                self._hang_up()
                if attempt == 2:
                    raise
        if answer.status != 200:
            raise ControlRefused(answer.status, content)
        return content

    def _hang_up(self) -> None:
        link = getattr(self._local, "link", None)
        if link:
            link.close()
        self._local.link = None
