"""A vendor's own proposals: the list of them, the page of one. Others get 404."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace import lists
from marketplace.dates import clock
from marketplace.files.downloads import json_download
from marketplace.requests import PersonRequest
from proposals.access import own_proposal
from proposals.deposit import declarations
from proposals.drafts import actions as draft_actions
from proposals.models import AFTER_OPENING, Proposal
from proposals.proponent import story
from vendors import taxes as vendor_taxes
from vendors.models import Vendor

LISTED = 100


@never_cache
@require_safe
def detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One's own proposal: where it stands, its receipts, its content, then its result."""
    now = clock.now()
    proposal = own_proposal(request, public_id, at=now)
    submissions = list(proposal.submissions.in_order())
    last = submissions[-1] if submissions else None
    opened = proposal.opened if proposal.state in AFTER_OPENING else None
    content = opened.content if opened else draft_actions.read(proposal)
    price = content.get("price_cents") if proposal.opportunity.asks_price else proposal.opportunity.budget_cents
    context = {
        "proposal": proposal,
        "opportunity": proposal.opportunity,
        "submissions": submissions[::-1],
        "last": last,
        "opened": opened,
        "content": content,
        "declarations": declarations.told(content) if opened and opened.readable else [],
        "price": vendor_taxes.charged(proposal.vendor, price) if price else None,
        "badge": story.badge(proposal, at=now),
        "next": story.next_step(proposal, last, at=now),
        "events": story.timeline(proposal, submissions),
        "debrief": story.debrief(proposal) if opened else None,
        "can_write": story.can_prepare(proposal, at=now),
        "can_withdraw": proposal.can("withdraw", request.user) and proposal.opportunity.accepts_proposals(at=now),
        "now": now,
    }
    return render(request, "proposals/detail.html", context)


@never_cache
@require_safe
def notes_json(request: PersonRequest, public_id: UUID, rank: int | None = None) -> HttpResponse:
    """One's own notes with their comments, as `tools/verify.py notes` reads them; 404 before the award."""
    proposal = own_proposal(request, public_id, at=clock.now())
    content = story.own_notes(proposal, rank)
    if content is None:
        raise Http404
    version = f"-v{rank}" if rank else ""
    return json_download(content, f"mes-notes-{proposal.opportunity.number}{version}.json")


@never_cache
@require_safe
def mine(request: PersonRequest) -> HttpResponse:
    """All of one's vendors' proposals, by what remains to be done; the most recent first."""
    now = clock.now()
    rows = Proposal.objects.visible_to(request.user, at=now).filter(vendor__in=Vendor.objects.acted_for(request.user))
    rows = rows.for_list().defer("draft").prefetch_related("submissions")
    page = lists.page(request, rows, order=["-pk"], size=LISTED, name="avant")
    titles = [
        ("todo", _("À déposer")),
        ("submitted", _("Déposées et scellées")),
        ("evaluation", _("En évaluation")),
        ("over", _("Terminées")),
    ]
    rows_of: dict[str, list[dict[str, Any]]] = {name: [] for name, _title in titles}
    for proposal in page.rows:
        last = max(proposal.submissions.all(), key=lambda row: row.version, default=None)
        rows_of[story.group(proposal, at=now)].append(
            {
                "proposal": proposal,
                "last": last,
                "badge": story.badge(proposal, at=now),
                "changed": story.has_changes(proposal, last),
            }
        )
    groups = [{"name": name, "title": title, "rows": rows_of[name]} for name, title in titles if rows_of[name]]
    context = {"groups": groups, "older_url": page.older, "now": now}
    return render(request, "proposals/mine.html", context)
