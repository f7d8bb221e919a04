"""Every address: private unless it is in this list, and every public page is a whole page."""

import re
import uuid
from html.parser import HTMLParser

import pytest
from django.urls import get_resolver
from django.utils import translation

from marketplace.dates import clock
from tests.cast import CLOSES_AT, PUBLISHED_AT

# Read by anybody. Adding a line here is a decision: say in the commit why a visitor needs it.
PUBLIC = {
    "health", "workflow", "public_keys", "stripe_events", "home", "ledger", "signals", "styleguide",
    "ledger_checkpoints",
    # What machines read first: which pages there are, and whom to tell of a flaw.
    "robots", "sitemap", "sitemap_section", "security_text", "security_moved", "icon", "change_password",
    # Machines ask whether we are ready; Prometheus shows a token of its own; anybody may know how the service is.
    "ready", "metrics", "status",
    "opportunities:list", "opportunities:detail", "opportunities:attachment",
    # What the ledger holds the digest of, for whoever wants to verify it; all of it is on the occasion's page.
    "opportunities:notice", "opportunities:notice_version", "opportunities:notice_proof",
    "proposals:awards", "proposals:minutes", "proposals:minutes_json", "proposals:award", "proposals:draw_json",
    "proposals:opening_state", "proposals:verify", "proposals:notes_json",
    "contracts:list", "contracts:detail",
    "contracts:code_list", "contracts:code", "contracts:code_json", "contracts:code_pdf", "contracts:code_publiccode",
    "opendata:contract",
    "opendata:verifier", "opendata:checkpoints", "opendata:checkpoint", "opendata:consistency", "opendata:proof",
    "pages:how", "pages:accessibility", "pages:sitemap", "pages:access", "pages:privacy", "pages:about",
    "pages:contact", "pages:help", "pages:terms",
    "account_login", "account_logout", "account_inactive", "account_signup", "account_email_verification_sent",
    "account_reset_password", "account_confirm_login_code", "account_confirm_email",
    "account_reset_password_from_key_done", "account_reset_password_from_key", "account_reset_password_done",
    "mfa_authenticate", "admin:login",
    "account_undo",  # a message's link: whoever lost the account to another cannot sign in
}  # fmt: skip
# The ledger's downloads, for whoever wants to verify it; each says so in its view.
DATA = {"health", "workflow", "public_keys", "robots", "sitemap", "sitemap_section", "security_text"}
# No page: tests/test_ready.py, tests/test_metrics.py, tests/test_opening_pages.py.
TO_MACHINES = {"ready": {200, 503}, "metrics": {404}, "proposals:opening_state": {200, 204}}
LEADING = {"security_moved", "icon", "change_password"}  # to where the thing is: tests/test_other_truths.py
SAME_FORM_TWICE = {"/guide-de-style/"}  # a component as it starts, and as it is with errors
FILLED = {
    "key": "abc",
    "section": "pages",
    "uidb36": "1",
    "content_type_id": "1",
    "object_id": "1",
    "app_label": "proposals",
    "url": "nulle-part/",
    "invitation_id": uuid.UUID(int=1),
    "paper_id": uuid.UUID(int=3),
    "person_id": uuid.UUID(int=2),
    "sha256": "0" * 64,
    "digest": "0" * 64,
    "size": 1,
    "pk": 1,
    "first": 1,
    "second": 2,
    "clause_id": 1,
    "duty_id": 1,
    "rank": 1,
    "seq": 1,
    "body_id": 1,
    "position": 1,
    "occasion": "DAN-2026-0001",
    "token": "00:00",
}


def routes(resolver=None, names=(), prefix=""):
    """(name, route, pattern) of every address."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern, [*names, *filter(None, [pattern.namespace])], route)
        else:
            yield ":".join([*names, pattern.name or "?"]), route, pattern


ROUTES = list(routes())
PRIVATE = [(name, route) for name, route, _p in ROUTES if name not in PUBLIC]


def address(route: str, **values) -> str:
    """The route with its parameters filled."""
    values = (
        FILLED | {"public_id": uuid.uuid4(), "file_id": uuid.uuid4(), "receipt_number": "AD-2222-3333-4444"} | values
    )
    path = re.sub(
        r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route)
    )
    return "/" + re.sub(r"[\^$]", "", path).replace("\\Z", "")


def test_the_public_list_is_the_one_that_the_code_declares():
    declared = {name for name, _route, p in ROUTES if not getattr(p.callback, "login_required", True)}
    assert declared == PUBLIC
    assert len(PUBLIC) == 69
    assert len(PRIVATE) > 60


@pytest.mark.parametrize("instant", [PUBLISHED_AT, CLOSES_AT])
def test_private_pages_ask_who_it_is(cast, client, instant):
    """For a GET and for a POST, whether the object exists or not: a redirection to the sign-in, nothing else."""
    occasion = cast.published()
    proposal = cast.submitted(occasion)
    values = {
        "number": occasion.number,
        "public_id": proposal.public_id,
        "receipt_number": proposal.submissions.get().receipt_number,
    }
    wrong = []
    with clock.set_to(instant):
        for name, route in PRIVATE:
            path = address(route, **values)
            for ask in (client.get, client.post):
                answer = ask(path)
                # The administration has its own sign-in.
                doors = ("/compte/login/", "/pilotage/login/") if name.startswith("admin:") else ("/compte/login/",)
                if answer.status_code != 302 or not answer.get("Location", "").startswith(doors):
                    wrong.append((path, answer.status_code, answer.get("Location")))
    assert not wrong


@pytest.fixture(autouse=True)
def _french():
    """A request leaves its language behind it in the thread; the next test's links must not be in English."""
    with translation.override("fr-ca"):
        yield


class Outline(HTMLParser):
    """Counts what each page has once, and what it must not have."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.titles, self.inside, self.bad, self.ids, self.lang = {}, "", "", [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.inside = tag
        names = dict(attributes)
        self.lang = names.get("lang", self.lang) if tag == "html" else self.lang
        self.ids += [names["id"]] if "id" in names else []
        self.bad += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        if (tag == "script" and "src" not in names) or tag == "style":
            self.bad.append(tag)
        if tag == "img" and "alt" not in names:
            self.bad.append("img without alt")

    def handle_data(self, data):
        if self.inside == "title" and not self.titles:
            self.titles = data.strip()


def assert_whole(path, answer):
    text = answer.content.decode()
    page = Outline(text)
    assert (page.tags.get("h1"), page.tags.get("main"), page.tags.get("title", 0) >= 1) == (1, 1, True), path
    assert page.titles and page.lang[:2] in {"fr", "en"}, path
    assert "{{" not in text and "{%" not in text and "{#" not in text, path
    assert not page.bad, (path, page.bad)
    twice = sorted({i for i in page.ids if page.ids.count(i) > 1})
    assert not twice or path in SAME_FORM_TWICE, (path, twice)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy, path
    assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize("stage", ["published", "opened", "awarded"])
def test_public_pages_are_whole(cast, client, stage):
    occasion = cast.published() if stage == "published" else getattr(cast, stage)()[0]
    instant = PUBLISHED_AT if stage == "published" else CLOSES_AT
    seen = 0
    with clock.set_to(instant):
        for name, route, _pattern in ROUTES:
            if name not in PUBLIC:
                continue
            path = address(route, number=occasion.number)
            answer = client.get(path)
            elsewhere = {302, 409} if name.startswith(("account_", "mfa_")) or name == "admin:login" else set()
            if name == "stripe_events":
                elsewhere = {405}  # Stripe posts there, signed: tests/test_webhooks.py
            elsewhere |= TO_MACHINES.get(name, set()) | ({302} if name in LEADING else set())
            assert answer.status_code in {200, 404} | elsewhere, (path, answer.status_code)
            if name in DATA:
                assert answer.status_code == 200
            elif (
                name not in TO_MACHINES
                and answer.status_code in {200, 404}
                and "html" in answer["Content-Type"]
                and name != "admin:login"
            ):
                assert_whole(path, answer)
                seen += 1
    assert seen > 20


@pytest.mark.parametrize("who", ["buyer", "officer", "vendor_owner", "auditor", "administrator", "outsider"])
def test_private_pages_are_whole_or_refused(cast, client, who):
    """Each signed-in person, each address: a whole page, a redirection, or a refusal; never a broken page."""
    occasion, pair = cast.recommended()
    values = {"number": occasion.number, "public_id": pair[0].public_id}
    values["receipt_number"] = pair[0].submissions.get().receipt_number
    client.force_login(getattr(cast, who))
    seen = 0
    with clock.set_to(CLOSES_AT):
        for name, route in PRIVATE:
            if name.startswith(("admin:", "account_")):
                continue
            path = address(route, **values)
            answer = client.get(path)
            assert answer.status_code in {200, 302, 403, 404, 405, 409}, (path, answer.status_code)
            html = "html" in answer.get("Content-Type", "") and not answer.streaming and answer.content
            if answer.streaming:
                list(answer.streaming_content)  # read to its end, it closes its file
            if html and answer.status_code != 302:
                assert_whole(path, answer)
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("path", ["/nulle-part/", "/occasions/DAN-2099-0001/", "/propositions/", "/en/nowhere/"])
def test_what_does_not_exist_is_a_whole_page_too(cast, client, path):
    answer = client.get(path)
    if path == "/propositions/":
        assert answer.status_code == 302
    else:
        assert answer.status_code == 404
        assert_whole(path, answer)


def test_the_error_pages_are_whole(cast, client, settings):
    from django.template.loader import render_to_string

    for name in ("400.html", "403.html", "404.html", "500.html"):
        text = render_to_string(name)
        page = Outline(text)
        assert (page.tags.get("h1"), page.tags.get("main")) == (1, 1), name
        assert page.titles and not page.bad and "{{" not in text


def test_french_and_english_addresses(cast, client):
    occasion = cast.published()
    with clock.set_to(PUBLISHED_AT):
        for path in ("/", f"/occasions/{occasion.number}/", "/comment-ca-marche/"):
            french, english = client.get(path), client.get("/en" + path)
            assert (french.status_code, english.status_code) == (200, 200)
            assert Outline(french.content.decode()).lang.startswith("fr")
            assert Outline(english.content.decode()).lang.startswith("en")
