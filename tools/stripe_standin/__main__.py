"""``python -m tools.stripe_standin``: start the stand-in and say where it listens, on one line."""

import argparse
import json
import signal
import threading

from tools.stripe_standin.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.stripe_standin", description="Stripe, simulated: no money.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (the control door has no password)")
    parser.add_argument("--port", type=int, default=12111, help="0 takes a free one")
    parser.add_argument("--public", default="", help="address of the hosted pages as browsers see it")
    parser.add_argument("--state", default=":memory:", metavar="FILE", help="SQLite file; without it, memory only")
    parser.add_argument("--webhook", metavar="URL", help="where events are posted; without it they wait to be taken")
    parser.add_argument("--secret", default="whsec_simulateur", help="secret that signs the events")
    parser.add_argument("--validate", action="store_true", help="check everything against Stripe's OpenAPI description")
    parser.add_argument("--chaos", type=json.loads, metavar="JSON", help="faults to come (see chaos.py)")
    parser.add_argument("--debit-after", type=int, default=30, metavar="SECONDS", help="delay of a debit's answer")
    asked = parser.parse_args()
    server = Server(
        (asked.host, asked.port),
        asked.state,
        webhook=asked.webhook,
        secret=asked.secret,
        validate=asked.validate,
        public=asked.public,
        debit_after=asked.debit_after,
    )
    if asked.chaos:
        server.control.answer("chaos", asked.chaos)

    def leave(*_args) -> None:
        threading.Thread(target=server.stop).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    host, port = server.server_address[:2]
    print(f"stripe stand-in: http://{host}:{port} (no money, test keys only)", flush=True)
    server.start()
    server.server_close()
    server.state.close()


if __name__ == "__main__":
    main()
