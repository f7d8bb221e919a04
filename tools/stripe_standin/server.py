"""The HTTP server: one thread per connection, kept alive; ``/v1``, ``/_control``, the hosted pages."""

import json
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tools.stripe_standin import checkout, pages
from tools.stripe_standin.api import Answer, Api, Call
from tools.stripe_standin.chaos import Chaos
from tools.stripe_standin.control import Control
from tools.stripe_standin.errors import Refused
from tools.stripe_standin.openapi import Contract, Violation
from tools.stripe_standin.state import State, dump
from tools.stripe_standin.webhooks import ANSWER_WITHIN, Deliverer

LONGEST_BODY = 1_000_000
READING = {"state", "requests", "violations", "deliveries", "events"}


class Server(ThreadingHTTPServer):
    """The stand-in. ``start()`` serves until ``stop()``; requests under way are finished."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        *,
        webhook: str | None,
        secret: str,
        validate: bool = False,
        public: str = "",
        debit_after: int = 30,
    ):
        super().__init__(address, Handler)
        self.debit_after = debit_after
        self.state = State(path)
        self.state.base_url = public or f"http://{self.server_address[0]}:{self.server_address[1]}"
        self.contract = Contract() if validate else None
        if self.contract:
            self.state.check = self.contract.check_event
        self.chaos = Chaos(self.state)
        self.deliverer = Deliverer(self.state, webhook, secret)
        self.api = Api(self.state, self.chaos, self.contract)
        self.control = Control(self.state, self.chaos, self.deliverer, secret)
        self.ticking = threading.Event()

    def start(self) -> None:
        if self.deliverer.url:
            self.deliverer.start()
        threading.Thread(target=self._tick, daemon=True, name="clock").start()
        self.serve_forever(poll_interval=0.2)

    def _tick(self) -> None:
        """What time does: sessions expire, debits settle."""
        while not self.ticking.wait(1):
            try:
                with self.state.transaction():
                    checkout.expire_due(self.state)
                    checkout.settle_due(self.state)
            except Exception:  # an object altered beyond sense must not stop the clock
                traceback.print_exc()

    def stop(self) -> None:
        self.ticking.set()
        self.deliverer.stop()
        if self.deliverer.is_alive():
            self.deliverer.join(timeout=ANSWER_WITHIN)
        self.chaos.release()
        self.shutdown()

    def handle_error(self, request, client_address) -> None:
        """A caller that went away is not news; the rest is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, finds its door, writes the answer in one packet."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_args) -> None:
        """Silent: the log is ``/_control/requests``."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        if length > LONGEST_BODY:
            self.close_connection = True
            return self._send(413, b"", {})
        try:
            body = self.rfile.read(length).decode()
        except UnicodeDecodeError:
            return self._send(400, b"not UTF-8", {"Content-Type": "text/plain"})
        if path.startswith("/v1/"):
            headers = {name.lower(): value for name, value in self.headers.items()}
            return self._answer(self.server.api.answer(Call(self.command, path, query, body, headers)))
        if path.startswith("/_control/"):
            return self._control(path.removeprefix("/_control/"), body)
        if path == "/style.css":
            return self._send(200, pages.STYLE.encode(), {"Content-Type": "text/css; charset=utf-8"})
        page = pages.answer(self.server.state, self.command, path, query, body, self.server.debit_after)
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
        self._send(page.status, page.body.encode(), headers | ({"Location": page.location} if page.location else {}))

    def _answer(self, answer: Answer) -> None:
        if answer.wait:
            time.sleep(answer.wait)
        if answer.status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer.status, answer.body, answer.headers)

    def _control(self, verb: str, body: str) -> None:
        status, content = 200, None
        try:
            given = json.loads(body) if body else {}
            if not isinstance(given, dict):
                raise Refused("A JSON object is expected.")
            if "Origin" in self.headers:
                raise Refused("The control door is not for pages of a browser.", status=403)
            if self.command == "GET" and verb not in READING:
                raise Refused("Ask with POST.", status=405)
            content = self.server.control.answer(verb, given)
        except Refused as refusal:
            status, content = refusal.status, refusal.body
        except Violation as wrong:
            status, content = 500, {"error": {"message": wrong.reason}}
            with self.server.state.transaction():
                self.server.state.violation(wrong.side, self.command, self.path, wrong.reason)
        except ValueError as wrong:
            status, content = 400, {"error": {"message": str(wrong)}}
        self._send(status, dump(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
