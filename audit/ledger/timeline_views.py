"""The whole story of one procurement, told from the ledger: every act, who did it, about what, with its proof.

For auditors, from its publication; for the people of its body, from its draft, without what was only tried or read.
"""

from itertools import groupby
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit.access import auditors_only, occasion_for
from audit.ledger import acts
from audit.ledger.story import Story, entries_of, story_of
from contracts.models import Document
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import labels as ledger_labels
from marketplace.lists import page
from marketplace.requests import PersonRequest
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from opportunities.search.labels import public_badge
from proposals.access import refuse_if_tied

PAGE = 300


def _narrowed(rows, kinds: set[str]):
    """Entries of some kinds, read in the payload's own action for those that were sealed."""
    codes = [code for code in ledger_labels.codes() if acts.kind_of(code) in kinds]
    refused = [f"{code}.refused" for code in codes]
    return rows.filter(Q(action__in=codes + refused) | Q(action="sealed", payload__action__in=codes))


@require_safe
@auditors_only
def timeline(request: PersonRequest, number: str) -> HttpResponse:
    """`?type=` narrows to some kinds of acts, reads only when asked; `?apres=<entry>` goes on."""
    opportunity = occasion_for(request, number)
    story = story_of(opportunity, request.user)
    context = _page(request, story, entries_of(story), own=False) | {
        "standing": [flag for flag in story.flags if flag.ceased_at is None and flag.state != "dismissed"],
    }
    return render(request, "audit/timeline.html", context)


# What is told to the body elsewhere, if it is (audit/cases, audit/flags, audit/reviews), or is no act.
_NOT_TOLD = ("verification", "lectures")


@never_cache
@require_safe
def history(request: PersonRequest, number: str) -> HttpResponse:
    """The same for the buyers and officers of the body, wired in marketplace/urls.py; 404 for everybody else.

    Of proposals, what was opened: nothing of them before the opening, nothing ever of one that was not deposited.
    """
    rows = Opportunity.objects.visible_to(request.user).select_related("body", "author")
    opportunity = get_object_or_404(rows, number=number)
    if not occasion_rules.works_there(opportunity, request.user):
        raise Http404
    refuse_if_tied(opportunity, request.user)
    story = story_of(opportunity, request.user)
    done = entries_of(story).exclude(action__endswith=".refused").exclude(payload__action__endswith=".refused")
    for start in acts.AUDITED:
        done = done.exclude(action__startswith=start)
    context = _page(request, story, done, own=True) | {
        "has_file": opportunity.is_public() and occasion_rules.is_officer(opportunity, request.user),
    }
    return render(request, "audit/history.html", context)


def _page(request: PersonRequest, story: Story, rows, *, own: bool) -> dict[str, Any]:
    """One page of acts, by day, with the filter of their kinds, and what surrounds it. own: see acts.told."""
    opportunity = story.opportunity
    offered = {code: label for code, (label, _starts) in acts.KINDS.items() if not (own and code in _NOT_TOLD)}
    kinds = {kind for kind in request.GET.getlist("type") if kind in offered}
    rows = _narrowed(rows, kinds) if kinds else rows.exclude(action__startswith="read.")
    entries = page(request, rows, order=("seq",), size=PAGE, pairs=[("type", kind) for kind in sorted(kinds)])
    page_acts = acts.told(entries.rows, request.user, own=own)
    for act in page_acts:
        act.what, act.url = story.objects.get(act.subject, (act.subject, ""))
        act.document = _document(act, story)
    return {
        "opportunity": opportunity,
        "badge": public_badge(opportunity, clock.now()),
        "days": [(day, list(group)) for day, group in groupby(page_acts, key=lambda act: local(act.entry.at).date())],
        "count": len(page_acts),
        "kinds": [(code, label, code in kinds) for code, label in offered.items()],
        "story": story,
        "award": next((award for award in story.awards if award.reversed_at is None), None),
        "files": _files(story),
        "more": entries.older,
        "first": entries.first,
        "audits": not own,
    }


def _document(act: acts.Act, story: Story) -> tuple[str, str] | None:
    """(words, address) of the document that an act made, where it made one."""
    body = act.body or {}
    if act.action == "opening.minutes":
        return _("Procès-verbal"), reverse("proposals:minutes", args=[story.opportunity.number])
    kind = ""
    if act.action.startswith("contract.") and body.get("text_sha256"):
        kind = "signed" if act.action == "contract.sign" else "offered"
    elif act.action == "amendment.accept":
        kind = "amendment"
    for row in story.documents if kind else ():
        if row.kind == kind and row.at == act.entry.at:
            return _contract_pdf(row)
    if body.get("invoice") and act.action in {"milestone.invoice", "invoice.holdback", "invoice.interest"}:
        return body["invoice"], reverse("contracts:invoice_pdf", args=[body["invoice"]])
    return None


def _contract_pdf(row: Document) -> tuple[str, str]:
    return row.get_kind_display(), reverse("contracts:document", args=[row.contract.number, row.sha256])


def _files(story: Story) -> list[tuple[str, str]]:
    """(words, address) of every document of the procurement."""
    number = story.opportunity.number
    files = [
        (row.name, reverse("opportunities:attachment", args=[number, row.public_id]))
        for row in story.opportunity.attachments.all()
    ]
    for proposal in story.proposals:
        for item in proposal.opened.content.get("files", []):
            address = reverse("proposals:file", args=[proposal.public_id, item["id"]])
            files.append((f"{proposal.vendor}, {item['name']}", address))
    files += [_contract_pdf(row) for row in story.documents]
    contract_numbers = {contract.pk: contract.number for contract in story.contracts}
    for delivery in story.deliveries:
        contract = contract_numbers[delivery.milestone.contract_id]
        for row in delivery.files.all():
            files.append((row.name, reverse("contracts:delivery_file", args=[contract, row.public_id])))
    return files + [(row.number, reverse("contracts:invoice_pdf", args=[row.number])) for row in story.invoices]


urlpatterns = [path("occasions/<code:number>/", timeline, name="timeline")]
