"""What was typed comes back, on every form: the session ended meanwhile, or a second factor began to be asked.

One walks the pages as each role at each stage, fills every form that is met, loses the session as it is sent, and looks
for each word on the page that comes next.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.cache import cache
from django.http import QueryDict
from django.test import Client
from django.urls import Resolver404, resolve

from marketplace.dates import clock
from tests import audit_moves, contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import signed_in, text_of
from tests.test_every_page import PRIVATE, address

MOST_PAGES = 90  # of one role at one stage
_TYPED = {"text", "email", "tel", "url", "search", "number", "date", "time", "datetime-local", ""}
# Never kept, and never shown: what proves who one is.
SECRETS = {"password", "code", "password1", "password2", "oldpassword"}


class Form(HTMLParser):
    """The posts of a page's main part: [(action, values, names of what is typed)]."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, QueryDict, list[str]]] = []
        self.links: list[str] = []
        self.current: tuple[str, QueryDict, list[str]] | None = None
        self.select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given and "download" not in given:
            self.links.append(given["href"])
        if tag == "form" and given.get("method", "").lower() == "post":
            self.current = (given.get("action", ""), QueryDict(mutable=True), [])
            self.forms.append(self.current)
        if self.current is None or not given.get("name") or "disabled" in given:
            self.select = "" if tag == "select" else self.select
            if self.current and tag == "option" and self.select and "selected" in given:
                self.current[1][self.select] = given.get("value", "")
            return
        name, (_action, values, typed), kind = given["name"], self.current, given.get("type", "text")
        if tag == "textarea" or (tag == "input" and kind in _TYPED):
            typed.append(name)
        elif tag == "select":
            self.select = name
        elif tag == "input" and (kind == "hidden" or ("checked" in given and kind in {"radio", "checkbox"})):
            values.appendlist(name, given.get("value", "on"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.current = None


def main_of(page) -> str:
    text = text_of(page)
    return text[text.index("<main") : text.index("</main>")] if "<main" in text and "</main>" in text else ""


def known(path: str):
    try:
        return resolve(path)
    except Resolver404:
        return None


def pages(client: Client, starts: list[str], within: tuple[str, ...]) -> Iterator[tuple[str, Form]]:
    """The pages that lead from one to the other, one of each route."""
    waiting, seen = list(starts), set()
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        match = known(urlsplit(path).path)
        if match is None or match.view_name in seen or match.view_name.startswith(("pages:", "opendata:")):
            continue
        if within and not urlsplit(path).path.startswith(within):
            continue
        seen.add(match.view_name)
        answer = client.get(path)
        if answer.streaming:
            list(answer.streaming_content)  # read to its end, it closes its file
            continue
        if answer.status_code != 200 or "html" not in answer["Content-Type"]:
            continue
        found = Form(main_of(answer))
        yield path, found
        links = [urljoin(path, link) for link in found.links if not link.startswith(("#", "http", "mailto:", "/en/"))]
        waiting += links


def lose(user, path: str, action: str, posted: QueryDict, settings, *, factor: bool):
    """The form is sent too late, or by somebody who must set a factor up first; then the page that comes next."""
    cache.clear()  # a caller keeps sixty texts an hour
    client = signed_in(user)
    client.cookies["csrftoken"] = "x" * 32
    where = urljoin(path, action) if action else path
    if factor:
        settings.SECOND_FACTOR_REQUIRED = True
        answer = client.post(where, posted.urlencode(), content_type="application/x-www-form-urlencoded")
        settings.SECOND_FACTOR_REQUIRED = False
        assert "/activer/" in answer["Location"], (where, answer.status_code)
    else:
        client.logout()
        client.cookies["csrftoken"] = "x" * 32
        answer = client.post(where, posted.urlencode(), content_type="application/x-www-form-urlencoded")
        assert "/compte/login/" in answer.get("Location", ""), (where, answer.status_code)
        client.force_login(user)
    going = QueryDict(urlsplit(answer["Location"]).query)["next"]
    return going, client.get(going)


def walk(user, starts, within, settings, done: set, *, factor: bool) -> list[str]:
    """Every form met for the first time; what did not come back."""
    lost = []
    for path, page in pages(signed_in(user), starts, within):
        for action, values, typed in page.forms:
            where = urlsplit(urljoin(path, action) if action else path).path
            match = known(where)
            names = [name for name in dict.fromkeys(typed) if name not in SECRETS and not name.startswith("confirm-")]
            key = (match and match.view_name, tuple(sorted(names)))
            if not names or match is None or key in done:
                continue
            done.add(key)
            written = {name: f"Témoin {number}" for number, name in enumerate(names)}
            for name, text in written.items():
                values[name] = text
            going, back = lose(user, path, action, values, settings, factor=factor)
            text = text_of(back)
            missing = [
                name
                for name, value in written.items()
                if f">{value}<" not in text.replace("\n", "") and f'"{value}"' not in text
            ]
            if back.status_code != 200 or missing or "rien n’est encore enregistré" not in text:
                lost.append(f"{match.view_name} {where} -> {going} {back.status_code} {missing}")
    return lost


def stage(cast, name: str) -> tuple[list[str], object]:
    """(where to begin, the instant)."""
    if name in {"draft", "in_review", "published", "opened", "recommended", "awarded"}:
        built = getattr(cast, name)()
        occasion = built[0] if isinstance(built, tuple) else built
        at = PUBLISHED_AT if name in {"draft", "in_review", "published"} else CLOSES_AT
        if name == "opened":
            cast.admit(built[1][0])
        return [f"/occasions/{occasion.number}/"], at
    if name == "monitoring":
        audit_moves.build_monitoring(cast, "explanation_requested")
        audit_moves.build_flag(cast, "new")
        return ["/verification/"], audit_moves.OPENED_AT
    contract = getattr(contract_cast, name.removeprefix("contract_"))(cast)
    if name == "contract_active":
        contract_cast.register(contract)
        contract_cast.delivered(contract)
        return [f"/contrats/{contract.number}/"], contract_cast.DELIVERED_AT
    return [f"/contrats/{contract.number}/"], contract_cast.SIGNED_AT


GENERAL = [
    "/a-faire/",
    "/mon-profil/",
    "/occasions/nouvelle/",
    "/verification/",
    "/prestataires/",
    "/prestataires/nouveau/",
    "/pilotage/",
    "/compte/email/",
]
# How many forms with words to write each shows, at least.
STAGES = {
    "general": 17, "draft": 1, "in_review": 2, "published": 3, "opened": 4, "recommended": 3, "awarded": 1,
    "monitoring": 3,
    "contract_draft": 2, "contract_offered": 4, "contract_active": 5,
}  # fmt: skip


@pytest.mark.any_database
@pytest.mark.parametrize("name", STAGES)
def test_every_form_gives_back_what_was_typed(cast, settings, name):
    lost, done = [], set()
    starts, at = (GENERAL, PUBLISHED_AT) if name == "general" else stage(cast, name)
    within = (
        () if name == "general" else ("/occasions/DAN", "/contrats/", "/propositions/", "/factures/", "/verification/")
    )
    with clock.set_to(at):
        for who in ("buyer", "officer", "auditor", "administrator"):
            lost += walk(getattr(cast, who), starts, within, settings, done, factor=True)
        for who in ("vendor_owner", "vendor_member", "outsider"):
            lost += walk(getattr(cast, who), starts, within, settings, done, factor=False)
    assert not lost, "\n".join(lost)
    assert len(done) >= STAGES[name], sorted(view for view, _names in done)


# Addresses that take a POST in which nothing is written: one button, or what proves who one is.
NOTHING_TYPED = {
    *("proposals:start", "proposals:remove_file", "proposals:admit", "proposals:withdraw_reversal"),
    *("vendors:invitation", "vendors:withdraw_invitation", "vendors:withdraw_paper"),
    *("contracts:retire_clause", "contracts:abandon_payment", "contracts:withdraw_payment_reversal"),
    "contracts:verify_attestation",
    *("audit:sign", "audit:flags_refresh", "accept_terms"),
    *("account_reauthenticate", "account_change_password", "account_set_password", "mfa_activate_totp"),
    *("mfa_replace_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes"),
    *("mfa_view_recovery_codes", "mfa_download_recovery_codes"),  # read only, behind a question
}


def test_every_other_address_takes_nothing_that_is_written(cast):
    """A new form is marked, or named above: nobody forgets it."""
    client, seen, forgotten = signed_in(cast.administrator), 0, []
    number = cast.draft().number
    for name, route in PRIVATE:
        view = resolve(address(route, number=number)).func if not name.startswith("admin:") else None
        if view is None or name in NOTHING_TYPED or getattr(view, "keeps_typed", False):
            seen += 1
        elif client.post(address(route, number=number)).status_code != 405:
            forgotten.append(name)
    assert not forgotten
    assert seen > 120
