"""Pictures of the main pages, from a throw-away database filled by ``manage.py seed``.

``python tools/screenshots.py [name …]`` writes ``docs/screenshots/<name>-<width>-<language>.png``; without a name, all
of them. ``--dark`` shows the dark scheme and ``--into FOLDER`` writes elsewhere. Needs Chromium (``TEST_CHROMIUM``).
"""

import argparse
import contextlib
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.stripe_standin.client import KEY, SECRET, Standin  # noqa: E402

WIDTHS = {1280: 900, 360: 740}
LANGUAGES = ("fr", "en")
FRENCH = ("fr",)
TALLEST = 2400  # pixels: a longer page is cut
COLOURS = 128
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--hide-scrollbars"]
STARTS_WITHIN = 60  # seconds
CARD = "article.card h3 a"
BUYER, OFFICER, VENDOR, ALONE, ADMINISTRATOR, AUDITOR = (
    f"{name}@exemple.invalid"
    for name in ("acheteuse", "responsable", "prestataire", "autonome", "pilote", "verificatrice")
)


@dataclass(frozen=True)
class Shot:
    """One page: who looks (one of the demo's accounts, or None), where one starts, which links one follows."""

    account: str | None
    path: str
    links: tuple[str, ...] = ()
    languages: tuple[str, ...] = LANGUAGES


SHOTS = {
    "accueil": Shot(None, "/"),
    "liste": Shot(None, "/occasions/"),
    "occasion": Shot(None, "/occasions/?q=limites+de+charge", (CARD,)),
    "connexion": Shot(None, "/compte/login/"),
    "ouverture": Shot(None, "/occasions/?etat=evaluation&q=anonymisation", (CARD, 'main a[href$="/ouverture/"]')),
    "attribution": Shot(None, "/attributions/", ('main a[href$="/attribution/"]',)),
    "a-faire-acheteuse": Shot(BUYER, "/a-faire/"),
    "evaluation": Shot(BUYER, "/occasions/?etat=evaluation&q=piste+cyclable", (CARD, 'main a[href$="/evaluation/"]')),
    "examen": Shot(
        BUYER,
        "/occasions/?etat=evaluation&q=anonymisation",
        (CARD, 'main a[href$="/evaluation/"]', 'main table a[href*="/evaluation/"]'),
    ),
    "a-faire-responsable": Shot(OFFICER, "/a-faire/"),
    "a-faire-prestataire": Shot(VENDOR, "/a-faire/"),
    "proposition": Shot(VENDOR, "/propositions/", ('main a[href$="/modifier/"]',)),
    "accuse": Shot(VENDOR, "/propositions/", (f"{CARD}:text('limites de charge')", 'main a[href*="/accuses/"]')),
    "contrat": Shot(None, "/contrats/?q=salles+communautaires", ("main table a",)),
    "contrat-organisme": Shot(BUYER, "/contrats/?q=salles+communautaires", ("main table a",), FRENCH),
    "contrat-preparer": Shot(BUYER, "/a-faire/", ('main a[href$="/preparer/"]',), FRENCH),
    "contrat-signer": Shot(ALONE, "/a-faire/", ('main a[href$="/signer/"]',), FRENCH),
    "jalon": Shot(BUYER, "/a-faire/", ('main a[href*="/jalons/"]',), FRENCH),
    "facture": Shot(OFFICER, "/factures/", ('main table a[href*="/factures/"]',), FRENCH),
    "payer": Shot(OFFICER, "/a-faire/", ('main a[href$="/payer/"]',), FRENCH),
    "versements": Shot(VENDOR, "/prestataires/", ("main table a", 'main a[href$="/versements/"]'), FRENCH),
    "code": Shot(None, "/code/"),
    "passeport": Shot(None, "/code/", (CARD,), FRENCH),
    "projets": Shot(OFFICER, "/projets/", (), FRENCH),
    "publications-seao": Shot(OFFICER, "/publications-seao/", (), FRENCH),
    "rapprochements": Shot(ADMINISTRATOR, "/paiements/rapprochements/", (), FRENCH),
    "registre": Shot(None, "/registre/", (), FRENCH),
    "signaux": Shot(None, "/signaux/", (), FRENCH),
    "verification": Shot(AUDITOR, "/verification/", (), FRENCH),
    "signal": Shot(AUDITOR, "/verification/signaux/?code=R028", ('main table a[href*="/signaux/"]',), FRENCH),
    "cas": Shot(AUDITOR, "/verification/dossiers/", ("main table a",), FRENCH),
    "attribution-verifiee": Shot(AUDITOR, "/verification/attributions/", ("main table a",), FRENCH),
    "images": Shot(AUDITOR, "/verification/images/", (), FRENCH),
}
TO_PREPARE = "/occasions/?etat=attribuee&q=inventaire+citoyen"  # awarded, and its contract not begun: see begin()


@contextlib.contextmanager
def server() -> Iterator[tuple[str, dict[str, str]]]:
    """The demo's address, and its passwords by account; its database and its process disappear with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="dan-screenshots-") as folder:
        inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        environment = inherited | {
            "VAR_DIR": folder,
            "LOG_LEVEL": "ERROR",
            "BASE_URL": address,
            "PYTHONUNBUFFERED": "1",
            "SECOND_FACTOR_REQUIRED": "false",  # as in `make run`: demo accounts have no telephone
        }
        manage = [sys.executable, str(ROOT / "manage.py")]
        with Standin(webhook=f"{address}/stripe/evenements") as standin:
            environment |= {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": standin.url}

            def run(command: str) -> str:
                asked = [*manage, command]
                return subprocess.run(asked, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout

            run("migrate")
            passwords = dict(re.findall(r"(\S+@\S+)\s+(\S+)$", run("seed"), re.MULTILINE))
            for account in standin.state().get("account", []):
                standin.control("complete_account", account=account["id"])
            run("reconcile")
            command = [*manage, "runserver", "--noreload", f"127.0.0.1:{port}"]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            try:
                _wait(address, process)
                standin.deliver()
                yield address, passwords
            finally:
                process.terminate()
                process.wait(timeout=10)


def _wait(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/sante", timeout=2):
            return
        time.sleep(0.1)
    raise SystemExit("The demo's server did not start.")


def sign_in(page: Page, account: str, password: str) -> None:
    page.goto("/compte/login/")
    page.fill('main [name="login"]', account)
    page.fill('main [name="password"]', password)
    page.press('main [name="password"]', "Enter")
    page.wait_for_url("**/a-faire/")


def begin(browser: Browser, address: str, passwords: dict) -> None:
    """What the demo leaves to its visitors, and pictures need: a contract in preparation."""
    context = browser.new_context(base_url=address)
    page = context.new_page()
    sign_in(page, BUYER, passwords[BUYER])
    page.goto(TO_PREPARE)
    page.goto(page.locator(CARD).first.get_attribute("href"))
    page.click('main form[action$="/contrat/"] button')
    page.wait_for_url("**/preparer/")
    context.close()


def take(page: Page, shot: Shot, language: str, height: int) -> bytes:
    """The PNG of the page, from its top, at most `TALLEST` pixels high."""
    page.goto(shot.path if language == "fr" else f"/{language}{shot.path}")
    for link in shot.links:
        page.goto(page.locator(link).first.get_attribute("href"))
    page.wait_for_load_state("networkidle")
    # What follows the scroll would lie across the whole page.
    page.evaluate("document.querySelectorAll('.sticky').forEach(node => node.classList.remove('sticky'))")
    tall = page.evaluate("() => document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": max(height, min(tall, TALLEST))}
    return page.screenshot(full_page=True, clip=clip, animations="disabled")


def save(png: bytes, path: Path) -> int:
    """Write it with few colours (pages are flat: nobody sees the difference); its size in bytes."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path.stat().st_size


def all_of(browser: Browser, address: str, passwords: dict, names: list[str], folder: Path, *, dark: bool) -> int:
    """Every picture asked for; the number of bytes written. One sign-in for each account and width."""
    total = 0
    accounts = dict.fromkeys(SHOTS[name].account for name in names)
    for width, height in WIDTHS.items():
        for account in accounts:
            context = browser.new_context(
                base_url=address,
                viewport={"width": width, "height": height},
                locale="fr-CA",
                timezone_id="America/Toronto",
                color_scheme="dark" if dark else "light",
            )
            page = context.new_page()
            if account:
                sign_in(page, account, passwords[account])
            for name in (name for name in names if SHOTS[name].account == account):
                for language in SHOTS[name].languages:
                    path = folder / f"{name}-{width}-{language}.png"
                    size = save(take(page, SHOTS[name], language, height), path)
                    total += size
                    print(f"{path.name:<40} {size / 1000:>6.0f} kB", flush=True)
            context.close()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(SHOTS))
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "screenshots", help="folder of the pictures")
    parser.add_argument("--dark", action="store_true", help="the dark scheme")
    args = parser.parse_args()
    if unknown := set(args.names) - set(SHOTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SHOTS)}")
    args.into.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("TEST_CHROMIUM", "/usr/bin/chromium")
    with server() as (address, passwords), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        begin(browser, address, passwords)
        total = all_of(browser, address, passwords, args.names or list(SHOTS), args.into, dark=args.dark)
        browser.close()
    print(f"{total / 1_000_000:.2f} MB")


if __name__ == "__main__":
    main()
