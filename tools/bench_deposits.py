"""What a dépôt costs: by function calls, one after another, and as four vendors do it in their browsers at once."""

import http.client
import re
import threading
import time
import uuid
from urllib.parse import urlencode

from bench_load import Figures, summary
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from marketplace.dates import clock
from marketplace.mail import outbox
from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import Proposal, Submission
from vendors.models import Vendor

AT_MOST = 300
BROWSERS = 4
_TEXT = "Nous ferons le travail en trois livraisons. " * 45  # 2 000 characters, as the loaded ones
_CSRF = "a" * 32  # the same in the cookie and in the form: what a browser that visited before would send
_HIDDEN = re.compile(r'<input type="hidden" name="(stamp|terms|key)" value="([^"]*)"')


def session(user) -> str:
    """The Cookie header of a new session of this person."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


def by_calls(seconds: float) -> tuple[Figures, int | None]:
    """Start, write, seal, prove, receipt, in this process; and how many queries one takes."""
    taken, queries = [], None
    start = time.monotonic()
    with outbox.held():
        for i, (occasion, firm, owner) in enumerate(_free_places(oldest=True)):
            if time.monotonic() - start > seconds:
                break
            before = time.monotonic()
            if i == 5:  # once everything lazy is loaded; its duration is not kept
                with CaptureQueriesContext(connection) as captured:
                    _deposit(occasion, firm, owner)
                queries = len(captured)
                continue
            _deposit(occasion, firm, owner)
            taken.append(time.monotonic() - before)
    return summary(taken, sum(taken) or 1), queries


def _deposit(occasion, firm, owner) -> None:
    at = clock.now()
    proposal = draft_actions.start(occasion, firm, by=owner, at=at)
    draft_actions.write(proposal, at=at, text=_TEXT, comments=_TEXT[:200])
    deposit_actions.deposit(
        proposal,
        by=owner,
        idempotency_key=uuid.uuid4(),
        integrity=True,
        no_collusion=True,
        lobbying="none",
        accept_terms=True,
    )


def _free_places(*, oldest: bool) -> list[tuple]:
    """(open occasion, firm that has not answered it, its owner), each occasion once; two disjoint sets of firms."""
    firms = Vendor.objects.filter(kind="company").order_by("pk" if oldest else "-pk")[:20]
    owners = [(firm, firm.memberships.get(role="owner").user) for firm in firms]
    occasions = Opportunity.objects.open(at=clock.now()).order_by("closes_at", "pk")[:AT_MOST]
    places = []
    for i, occasion in enumerate(occasions):
        taken = set(occasion.proposals.values_list("vendor_id", flat=True))
        # Never the same firm for two browsers at once: i % BROWSERS says which browser's it is.
        mine = [pair for k, pair in enumerate(owners) if k % BROWSERS == i % BROWSERS]
        places.append((occasion, *next(pair for pair in mine if pair[0].pk not in taken)))
    return places


def by_browsers(port: int, seconds: float) -> tuple[Figures, Figures]:
    """Four at once, each in its own session: (the whole visit in five requests, its last request: the dépôt).

    RuntimeError when a page answers otherwise than a browser expects.
    """
    places = _free_places(oldest=False)
    cookies = {owner.pk: session(owner) for _occasion, _firm, owner in places}
    visits: list[float] = []
    deposits: list[float] = []
    failures: list[Exception] = []
    before = Submission.objects.count()
    start = time.monotonic()

    def browse(number: int) -> None:
        for occasion, firm, owner in places[number::BROWSERS]:
            if time.monotonic() - start > seconds or failures:
                return
            began = time.monotonic()
            try:
                deposits.append(_visit(port, cookies[owner.pk], occasion, firm))
            except Exception as error:  # told by the caller: a thread's own exception would be lost
                failures.append(error)
                return
            visits.append(time.monotonic() - began)

    threads = [threading.Thread(target=browse, args=[i], daemon=True) for i in range(BROWSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 60)
    elapsed = time.monotonic() - start
    if failures:
        raise RuntimeError(f"a dépôt by HTTP failed: {failures[0]}")
    if Submission.objects.count() - before != len(visits):
        raise RuntimeError("the database does not hold every dépôt that was answered")
    return summary(visits, elapsed), summary(deposits, elapsed)


def _visit(port: int, cookie: str, occasion, firm) -> float:
    """Choose the vendor, read and write the draft, read and send the dépôt; seconds that the last request took."""
    cookie = f"{cookie}; {settings.CSRF_COOKIE_NAME}={_CSRF}"
    edit = _ask(port, cookie, reverse("proposals:start", args=[occasion.number]), vendor=str(firm.public_id))
    hidden = dict(_HIDDEN.findall(_ask(port, cookie, edit)))
    submit = _ask(port, cookie, edit, text=_TEXT, comments=_TEXT[:200], stamp=hidden["stamp"], verifier="1")
    hidden = dict(_HIDDEN.findall(_ask(port, cookie, submit)))
    began = time.monotonic()
    _ask(port, cookie, submit, integrity="on", no_collusion="on", lobbying="none", accept_terms="on", **hidden)
    return time.monotonic() - began


def _ask(port: int, cookie: str, path: str, **fields) -> str:
    """The page (GET), or where it sends the browser (POST)."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": cookie}
    try:
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            link.request("POST", path, urlencode(fields | {"csrfmiddlewaretoken": _CSRF}), headers)
        else:
            link.request("GET", path, headers=headers)
        answer = link.getresponse()
        page = answer.read().decode()
        expected = 302 if fields else 200
        if answer.status != expected:
            raise RuntimeError(f"{path} answers {answer.status} instead of {expected}")
        return answer.headers["Location"] if fields else page
    finally:
        link.close()


def some_vendor() -> object:
    """The owner of a firm that has proposals: who « signed-in vendor » is."""
    return Proposal.objects.filter(vendor__kind="company").order_by("pk").first().created_by
