"""What a vendor does at a browser: read a page, save a draft, check it, deposit it."""

import re

from django.urls import reverse

from proposals.drafts import actions as draft_actions
from proposals.models import Proposal

PDF = b"%PDF-1.4 un plan"


def text_of(response) -> str:
    return response.content.decode().replace("\u00a0", " ")


def number_in(page) -> str:
    """The number of the form of the act, in the page's main part; "" where the page offers none."""
    found = re.search(r'name="key" value="([0-9a-f-]{36})"', page.content.decode().partition("<main")[2])
    return found[1] if found else ""


def url(name: str, proposal, *args) -> str:
    return reverse(f"proposals:{name}", args=[proposal.public_id, *args])


def draft_of(proposal) -> dict:
    return draft_actions.read(Proposal.objects.get(pk=proposal.pk))


def save(client, proposal, *, files=(), **posted):
    stamp = Proposal.objects.get(pk=proposal.pk).updated_at.isoformat()
    values = {"text": "Nous ferons le travail.", "comments": "", "price": "60 000", "stamp": stamp} | posted
    return client.post(url("edit", proposal), values | {"files": list(files)})


def accepted(client, proposal, **changes) -> dict:
    """What the check page would post, boxes ticked."""
    page = client.get(url("submit", proposal))
    return {
        "key": number_in(page),
        "stamp": page.context["stamp"],
        "terms": str(page.context["terms"].version),
        "integrity": "on",
        "no_collusion": "on",
        "lobbying": "none",
        "accept_terms": "on",
    } | changes


def put(client, proposal, **changes):
    return client.post(url("submit", proposal), accepted(client, proposal, **changes))
