#!/usr/bin/env python3
"""`python -m tools.drills.demonstration`: the demonstration whole, by the commands of compose.demo.yml, no engine.

As root, on a machine with mount namespaces: the image's world (tests/installed.py), read-only, as user 10001, /tmp in
memory; aiosmtpd in the mail catcher's place, on free ports. It looks at the pages, the simulated Stripe and a message.
Not part of `make test`: telling two years of purchases takes a minute.
"""

import http.client
import re
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from aiosmtpd.controller import Controller

from tests import installed
from tools.postgres import free_port


class Catcher:
    """What a mail catcher keeps."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.messages.append(envelope.content.decode("utf-8", "replace"))
        return "250 OK"


def main() -> int:
    if obstacle := installed.obstacle():
        print(f"demonstration: {obstacle}")
        return 1
    services = installed.compose("compose.demo.yml")["services"]
    said, (environment, _command, _health) = services["demo"], installed.image()
    site, stripe, mail = free_port(), free_port(), free_port()
    catcher = Catcher()
    controller = Controller(catcher, hostname="127.0.0.1", port=mail)
    controller.start()
    environment = environment | said["environment"] | {"PORT": str(site)}
    for before, after in ((":8000", f":{site}"), (":12111", f":{stripe}"), ("mail:1025", f"127.0.0.1:{mail}")):
        environment = {name: value.replace(before, after) for name, value in environment.items()}
    with tempfile.TemporaryDirectory(prefix="dan-demo-") as folder:
        world = installed.World(Path(folder) / "world")
        try:
            process = world.start("demo", said["command"], environment)
            process.until("run: http://")
            process.until("Starting development server")
            look(f"http://127.0.0.1:{site}", f"http://127.0.0.1:{stripe}", catcher)
        finally:
            world.close()
            controller.stop()
    print("demonstration: home, sign-in, a static file, the band, the simulated Stripe and a message: all there")
    return 0


def look(site: str, stripe: str, catcher: Catcher) -> None:
    """Raises AssertionError at the first thing that is not there."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(path: str, **form: str) -> str:
        data = urllib.parse.urlencode(form).encode() if form else None
        with opener.open(path if "://" in path else site + path, data, timeout=installed.PATIENCE) as answer:
            return answer.read().decode()

    home = ask("/")
    assert "tout est inventé" in home, "no band"
    assert "band" in ask(re.search(r'href="(/static/site[^"]*\.css)"', home)[1])
    assert "DAN-" in ask("/occasions/")
    page = ask(re.search(r'href="(/[^"]*)"[^>]*>\s*Connexion<', home)[1])
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    after = ask(
        "/compte/login/", csrfmiddlewaretoken=token, login="prestataire@exemple.invalid", password="Demo-avec-nous-2026"
    )
    assert "Déconnexion" in after, "the demo's vendor does not sign in"
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    reset = f"{site}/compte/password/reset/"
    page = visitor.open(reset, timeout=installed.PATIENCE).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = {"csrfmiddlewaretoken": token, "email": "prestataire@exemple.invalid"}
    visitor.open(reset, urllib.parse.urlencode(form).encode(), timeout=installed.PATIENCE).read()
    assert any("prestataire@exemple.invalid" in message for message in catcher.messages), "no message was caught"
    link = http.client.HTTPConnection(urllib.parse.urlsplit(stripe).netloc, timeout=installed.PATIENCE)
    link.request("GET", "/style.css")
    assert link.getresponse().status == 200, "the simulated Stripe does not answer"


if __name__ == "__main__":
    sys.exit(main())
