"""A vendor's own proposals: whose they are, the list of them, the page of one. Others get 404."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.dates import clock
from marketplace.money import taxes
from proposals.drafts import actions as draft_actions
from proposals.models import AFTER_OPENING, Proposal
from proposals.opening import actions as opening_actions
from proposals.vendor import story
from vendors.models import Vendor

LISTED = 100


def own_vendors(user):
    """Those one acts for. Not Vendor.visible_to: administrators see all and act for none."""
    return Vendor.objects.filter(memberships__user=user).order_by("legal_name", "pk")


def own(request: HttpRequest, public_id, *, at) -> Proposal:
    """One of one's own proposals, opened first if its occasion is due; 404 for everybody else."""
    mine = Proposal.objects.visible_to(request.user, at=at).filter(vendor__in=own_vendors(request.user))
    rows = mine.select_related("opportunity__body", "vendor")
    proposal = get_object_or_404(rows, public_id=public_id)
    if opening_actions.open_if_due(proposal.opportunity.number):
        proposal = rows.get(pk=proposal.pk)
    return proposal


@never_cache
@require_safe
def detail(request: HttpRequest, public_id) -> HttpResponse:
    """One's own proposal: where it stands, its receipts, its content, then its result."""
    now = clock.now()
    proposal = own(request, public_id, at=now)
    submissions = list(proposal.submissions.order_by("version"))
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
        "price": taxes(price) if price else None,
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
def mine(request: HttpRequest) -> HttpResponse:
    """All of one's vendors' proposals, by what remains to be done; the most recent first."""
    now = clock.now()
    rows = Proposal.objects.visible_to(request.user, at=now).filter(vendor__in=own_vendors(request.user)).for_list()
    before = request.GET.get("avant", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows.defer("draft").prefetch_related("submissions")[: LISTED + 1])
    older = f"?avant={shown[LISTED - 1].pk}" if len(shown) > LISTED else ""
    titles = [
        ("todo", _("À déposer")),
        ("submitted", _("Déposées et scellées")),
        ("evaluation", _("En évaluation")),
        ("over", _("Terminées")),
    ]
    groups = {name: {"name": name, "title": title, "rows": []} for name, title in titles}
    for proposal in shown[:LISTED]:
        last = max(proposal.submissions.all(), key=lambda row: row.version, default=None)
        groups[story.group(proposal, at=now)]["rows"].append(
            {
                "proposal": proposal,
                "last": last,
                "badge": story.badge(proposal, at=now),
                "changed": story.has_changes(proposal, last),
            }
        )
    context = {"groups": [row for row in groups.values() if row["rows"]], "older_url": older, "now": now}
    return render(request, "proposals/mine.html", context)
