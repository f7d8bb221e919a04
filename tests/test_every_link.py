"""No page leads a person where they may not go: every link of every page, followed as each role in the demo."""

from collections import Counter, deque
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import translation

from audit.flags import tasks
from demo import people
from marketplace.dates import clock
from marketplace.models import User
from tests import contract_cast as stage
from tests.cast import person
from tests.test_seed import DAYS
from vendors.models import VendorMembership

# How many pages of one kind are read, of one role: enough for each stage of an occasion.
EACH = {"opportunities:detail": 20, "proposals:evaluation": 10, "audit:timeline": 8, "opportunities:history": 10}
OTHERS = 4

pytestmark = pytest.mark.any_database


class Links(HTMLParser):
    """Where the links of a page lead, in its order."""

    def __init__(self, text):
        super().__init__()
        self.to = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        href = dict(attributes).get("href")
        if tag == "a" and href:
            self.to.append(href)


# Not ours to walk: tables of the administration have their own tests; signing out ends the walk.
LEFT_OUT = ("admin:", "account_logout")
ROLES = ("visitor", "buyer", "second_buyer", "officer", "nordet", "lea", "auditor", "administrator")
LEAST = {"visitor": 60, "buyer": 90, "officer": 110, "nordet": 70, "lea": 60, "auditor": 120, "administrator": 50}


def name_of(path: str) -> str:
    """The name of the address; "" where it is none of ours."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    return found.view_name


def walk(client: Client, start: list[str]) -> tuple[Counter, list]:
    """({name of the address: how many were asked}, [(page, its link, what it answers)] of those that refuse)."""
    waiting, seen, asked, dead = deque((path, "") for path in start), set(start), Counter(), []
    while waiting:
        address, page = waiting.popleft()
        name = name_of(urlsplit(address).path)
        if name.startswith(LEFT_OUT) or asked[name] >= EACH.get(name, OTHERS):
            continue
        asked[name] += 1
        answer = client.get(address)
        if answer.streaming:
            list(answer.streaming_content)  # read to its end, it closes its file
        if answer.status_code not in {200, 302} or not name:
            dead.append((page, address, answer.status_code))
            continue
        links = [answer["Location"]] if answer.status_code == 302 else []
        if not answer.streaming and "html" in answer["Content-Type"]:
            links += Links(answer.content.decode()).to
        for link in links:
            to = urldefrag(urljoin(address, link))[0]
            if urlsplit(to).netloc or not to.startswith("/") or to.startswith("/en/") or to in seen:
                continue
            seen.add(to)
            waiting.append((to, address))
    return asked, dead


def test_every_link_leads_somewhere(db):
    with clock.set_to(DAYS[1]), translation.override("fr-ca"):
        call_command("seed", verbosity=0)
        accounts = {role: people.ACCOUNTS[role].email for role in ROLES[1:]}
        asked, dead = {}, []
        for role in ROLES:
            client = Client()
            if role != "visitor":
                client.force_login(User.objects.get(email=accounts[role]))
            asked[role], refused = walk(client, ["/"] if role == "visitor" else ["/a-faire/", "/"])
            dead += [(role, *row) for row in refused]
    assert not dead
    seen = {role: sum(names.values()) for role, names in asked.items()}
    assert all(seen[role] >= least for role, least in LEAST.items()), seen
    # What the body and the auditors looked for and did not find.
    for role, names in {
        "buyer": {"opportunities:history"},
        "officer": {"opportunities:history", "audit:casefile", "audit:review", "contracts:duties"},
        "auditor": {"audit:timeline", "audit:casefile", "audit:open_monitoring", "audit:review"},
    }.items():
        assert names <= set(asked[role]), role


def test_people_of_two_hats_are_led_nowhere_that_they_may_not_go(cast):
    """Whoever also answers, or works for the body that they would audit: what is refused to them has no link."""
    stage.active(cast)
    cast.draft(title="Un brouillon")
    cast.in_review(title="Une révision")
    cast.submitted(cast.published(title="Une occasion ouverte"))
    opened, _proposals = cast.opened(title="Une évaluation")
    with clock.set_to(stage.SIGNED_AT):
        tasks.compute_flags()
    hats = {
        "tied buyer": cast.member("Béa Deux", "buyer"),
        "tied officer": cast.member("Oscar Deux", "officer"),
        "auditor of their own body": cast.member("Aude Deux", "officer"),
        "tied auditor": person("Alix Deux", is_auditor=True),
        "member": cast.vendor_member,
        "owner": cast.rival_owner,
    }
    for name in ("tied buyer", "tied officer", "tied auditor"):
        VendorMembership.objects.create(user=hats[name], vendor=cast.rival, role="owner")
    User.objects.filter(pk=hats["auditor of their own body"].pk).update(is_auditor=True)
    dead, seen = [], {}
    with clock.set_to(stage.SIGNED_AT), translation.override("fr-ca"):
        for name, who in hats.items():
            client = Client()
            client.force_login(User.objects.get(pk=who.pk))
            asked, refused = walk(client, ["/a-faire/", "/occasions/", opened.get_absolute_url()])
            seen[name] = sum(asked.values())
            dead += [(name, *row) for row in refused]
    assert not dead
    assert min(seen.values()) >= 50, seen
