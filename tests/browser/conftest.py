"""People who use the site with Chromium, through the screens only; axe looks at every page that they cross.

Nothing here waits for a fixed time: the clock of the site (marketplace.dates.clock) is moved by the test.
"""

import contextlib
import hashlib
import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.test import Client

from contracts.payments import stripe_gateway
from marketplace.accounts.second_factor import is_missing
from marketplace.dates import clock
from tests.cast import PASSWORD
from tests.conftest import NOW
from tests.payment_cast import use
from tools.stripe_standin.client import Standin

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
TIMEOUT_MS = 15_000
PERIOD = 30  # seconds that a code lasts
# An answer that refuses (402, 403, 409, 410, 422) is written to the console by Chromium: the page did nothing wrong.
REFUSAL = re.compile(r"^Failed to load resource: .* status of (402|403|404|409|410|422) ")
# Everything that axe knows, in the page; only what is serious comes back, as the HTML that is wrong (a selector for
# each node costs axe a tenth of its time).
JUDGE = """() => axe.run({resultTypes: ["violations"], preload: false, selectors: false}).then(found => found.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .map(one => `${one.id} (${one.impact}): ` + one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join("; ")))"""
# What differs between two renderings of the same page, and axe does not judge: keys, tokens, digests, hours, port.
DRAWN = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{12,}\b|\b[0-9A-Za-z+/_-]{32,}={0,2}"
    r"|(?<=localhost:)\d+|(?<=datetime=\")[^\"]+|\d{1,2}(?:&nbsp;h&nbsp;|:)\d\d(?:&nbsp;min&nbsp;[\d,]+&nbsp;s|:[\d.]+)?"
)
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="package")
def chromium():
    """One browser for all the tests; each person has a context of their own."""
    path = os.environ.get("TEST_CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.skip(f"Chromium not found at {path}: set TEST_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop in this thread: Django would take our readings of the database for async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            yield browser
            browser.close()


class Clock:
    """The site's clock, moved by the test; it stands still in between."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self.now: datetime = NOW

    def move(self, to: datetime | timedelta) -> None:
        """To an instant, or forward by a duration. Pages kept for visitors are dropped: they hold real seconds."""
        self.now = self.now + to if isinstance(to, timedelta) else to
        self._stack.close()
        self._stack.enter_context(clock.set_to(self.now))
        cache.clear()

    def close(self) -> None:
        self._stack.close()


class Findings:
    """What was looked at, and what is wrong: all of it is told at the end, page by page."""

    def __init__(self, judged: Path):
        self.checked: list[str] = []
        self.problems: list[str] = []
        self.spared = 0
        self._axe, self._judged = Axe(), judged

    def look(self, page, *, axe: bool = True, label: str = "") -> None:
        """The page has one h1, a language, a title, no horizontal scroll, and nothing serious for axe."""
        page.wait_for_load_state()
        where = label or re.sub(r"^https?://[^/]+", "", page.url)
        self.checked.append(where)
        if (headings := page.locator("h1").count()) != 1:
            self.problems.append(f"{where}: {headings} h1")
        expected = "en-CA" if re.search(r"^https?://[^/]+/en(/|$)", page.url) else "fr-CA"
        if (language := page.locator("html").get_attribute("lang")) != expected:
            self.problems.append(f"{where}: lang={language}, not {expected}")
        if (extra := page.evaluate(OVERFLOW)) > 0:
            self.problems.append(f"{where}: {extra} px too wide for {page.viewport_size['width']}")
        if axe:
            self._judge(page, where)

    def _judge(self, page, where: str) -> None:
        """Half of the browser's time: a page that is the same, word for word, in the same width and colours, passed
        once and passes again, on the second database too."""
        mark = self._judged / self._fingerprint(page)
        if mark.exists():
            self.spared += 1
            return
        if not page.evaluate("() => 'axe' in window"):  # the page was looked at in another width
            page.evaluate(self._axe.axe_script)
        violations = page.evaluate(JUDGE)
        self.problems += [f"{where}: {violation}" for violation in violations]
        if not violations:
            mark.touch()

    @staticmethod
    def _fingerprint(page) -> str:
        dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
        text = f"{page.viewport_size['width']} {dark} {DRAWN.sub('…', page.content())}"
        return hashlib.sha256(text.encode()).hexdigest()

    def report(self) -> str:
        return "\n".join(dict.fromkeys(self.problems))


def code_at(secret: str, period: int) -> str:
    """What an application with this secret shows during that period."""
    return format_hotp_value(hotp_value(secret, period))


class Person:
    """One browser context: its cookies, its page, and what its console said."""

    def __init__(self, browser, address: str, findings: Findings, clock: Clock, *, name: str, **options):
        self.name, self.findings, self.address, self.clock = name, findings, address, clock
        self.email = ""
        self.scripts = options.get("java_script_enabled", True)
        options = {"viewport": WIDE, "locale": "fr-CA", "timezone_id": "America/Toronto"} | options
        self.context = browser.new_context(base_url=address, accept_downloads=True, **options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: findings.problems.append(f"{name}: script error: {error}"))
        self.page.on("console", self._console)

    def _console(self, message) -> None:
        if message.type == "error" and not REFUSAL.match(message.text):
            self.findings.problems.append(f"{self.name}: console, {self.page.url}: {message.text}")

    # --- Acts ----------------------------------------------------------------------------------------------------
    def go(self, path: str, status: int = 200) -> None:
        answer = self.page.goto(path)
        assert answer.status == status, f"{self.name}: {path} answered {answer.status}, not {status}\n{self.text()}"

    def look(self) -> None:
        self.findings.look(self.page, axe=self.scripts)

    def visit(self, path: str, status: int = 200) -> None:
        """Go there and look."""
        self.go(path, status)
        self.look()

    def link(self, name: str, *, exact: bool = False) -> None:
        """The link of that name in the page itself; the page it leads to has arrived when this returns."""
        with self.page.expect_navigation():
            self.page.get_by_role("main").get_by_role("link", name=name, exact=exact).first.click()

    def press(self, name: str, *, exact: bool = False) -> None:
        """The button of that name in the page itself; the answer has arrived when this returns."""
        with self.page.expect_navigation():
            self.page.get_by_role("main").get_by_role("button", name=name, exact=exact).first.click()

    def fill(self, **values) -> None:
        """Each field by its HTML name: texts are typed, True ticks; {"choice": value} presses a radio button."""
        for name, value in values.items():
            field = self.page.locator(f'main [name="{name}"]')
            if value is True or value is False:
                field.set_checked(value)
            elif isinstance(value, dict):
                self.page.locator(f'main [name="{name}"][value="{value["choice"]}"]').check()
            elif field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        code = self.page.locator('main [name="code"]')
        if values.get("password") == PASSWORD and code.count():  # who is there: both factors are asked together
            code.fill(self.telephone())

    def download(self, name: str) -> bytes:
        """What the link of that name in the page itself downloads."""
        with self.page.expect_download() as download:
            self.page.get_by_role("main").get_by_role("link", name=name).first.click()
        return download.value.path().read_bytes()

    def attach(self, name: str, filename: str, content: bytes, kind: str = "text/plain") -> None:
        self.page.set_input_files(f'main [name="{name}"]', [{"name": filename, "mimeType": kind, "buffer": content}])

    def sign_in(self, email: str) -> None:
        """With a code where the account has an application; staff who have none set one up, and come back."""
        self.email = email
        self.go("/compte/login/")
        self.fill(login=email, password=PASSWORD)
        self.press("Se connecter")
        if "/deux-etapes/code/" in self.page.url:
            self.fill(code=self.telephone())
            self.press("Se connecter")
        elif "/activer/" in self.page.url:
            self._set_up()
        assert self.page.url.endswith("/a-faire/"), self.text()

    def _set_up(self) -> None:
        """The second factor, as whoever just became staff meets it: asked first who is there, in an old session."""
        if "/reauthenticate/" in self.page.url:
            self.look()
            self.fill(password=PASSWORD)
            self.press("Confirmer", exact=True)
        self.sees("À faire avant toute chose")
        self.look()
        secret = self.page.locator("#secret").inner_text().replace(" ", "")
        self.fill(code=code_at(secret, int(self.clock.now.timestamp()) // PERIOD))
        self.press("Activer")
        self.sees("Codes de secours")
        self.look()
        self.link("C’est noté")

    def telephone(self) -> str:
        """A code that the application accepts and that has not served: the last, this one, the next, then later."""
        application = Authenticator.objects.get(user__email=self.email, type=Authenticator.Type.TOTP)
        spent, period = application.data.get("spent", 0), int(self.clock.now.timestamp()) // PERIOD
        if spent > period:
            self.clock.move(timedelta(seconds=PERIOD * (spent - period)))
            period = spent
        return code_at(get_adapter().decrypt(application.data["secret"]), max(spent + 1, period - 1))

    def enter_as(self, user) -> None:
        """Signed in without the screen, for tests about other pages; staff with the application that it must have."""
        self.email = user.email
        if is_missing(user):
            TOTP.activate(user, generate_totp_secret())
            RecoveryCodes.activate(user)
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.address}])

    # --- What is seen ----------------------------------------------------------------------------------------------
    def text(self) -> str:
        """The words of the page, fixed spaces as spaces, one space between them."""
        return " ".join(self.page.locator("body").inner_text().split())

    def sees(self, *words: str) -> None:
        text = self.text()
        for word in words:
            assert " ".join(word.split()) in text, f"{self.name}: « {word} » is not on {self.page.url}:\n{text}"

    def sees_not(self, *words: str) -> None:
        text = self.text()
        for word in words:
            assert " ".join(word.split()) not in text, f"{self.name}: « {word} » is on {self.page.url}:\n{text}"

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.address)

    # --- With the keyboard only --------------------------------------------------------------------------------------
    def tab_to(self, selector: str, most: int = 120) -> None:
        """Press Tab until the element has the focus, and check that one sees it there."""
        for _press in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                break
        else:
            raise AssertionError(f"{self.name}: Tab never reaches {selector} on {self.page.url}")
        outline = "getComputedStyle(document.activeElement)"
        shown = self.page.evaluate(f"() => {outline}.outlineStyle !== 'none' || {outline}.boxShadow !== 'none'")
        assert shown, f"{self.name}: the focus on {selector} cannot be seen on {self.page.url}"

    def enter(self) -> None:
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


def verify_address(user) -> None:
    """As if the person had followed the link of the e-mail: without it, nobody signs in."""
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


@pytest.fixture(scope="session")
def judged(tmp_path_factory):
    """A folder with a mark for each page that passed; tools/test.py keeps it from one database to the next."""
    folder = Path(os.environ.get("TEST_JUDGED") or tmp_path_factory.mktemp("judged"))
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def findings(judged):
    return Findings(judged)


@pytest.fixture
def site_clock():
    """A clock at NOW; `site_clock.move(...)` goes on from there, for the server too: it is a thread of this process."""
    made = Clock()
    made.move(NOW)
    yield made
    made.close()


@pytest.fixture
def people(chromium, live_server, settings, findings, site_clock):
    """people("name", **context options) -> Person; closed at the end, whatever happens."""
    made: list[Person] = []
    settings.SECOND_FACTOR_REQUIRED = True  # with real codes, by the clock of the site
    settings.BASE_URL = live_server.url  # what e-mails call our address

    def new(name: str, **options) -> Person:
        made.append(Person(chromium, live_server.url, findings, site_clock, name=name, **options))
        return made[-1]

    yield new
    for person in made:
        person.context.close()


@pytest.fixture
def mails():
    """mails() -> the messages sent so far; mails("address") -> those to that address."""
    return lambda to=None: [message for message in mail.outbox if to in (None, message.to[0])]


@pytest.fixture
def standin(live_server, settings, monkeypatch):
    """The Stripe stand-in, its pages open to the browsers; its webhooks wait for `deliver`, so that who asks first
    is the test's choice."""
    for name in ("TIMEOUT", "RETRIES"):  # `use` sets them for the whole process
        monkeypatch.setattr(stripe_gateway, name, getattr(stripe_gateway, name))
    with Standin(validate=True, webhook=f"{live_server.url}/stripe/evenements") as running:
        use(settings, running)
        running.control("hold")
        yield running
        assert running.violations() == []
