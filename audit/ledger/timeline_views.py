"""The whole story of one procurement, told from the ledger: every act, who did it, about what, with its proof."""

from dataclasses import dataclass, field
from itertools import groupby
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit.access import auditors_only, occasion_for
from audit.ledger import acts
from audit.models import AwardReview, Monitoring, RedFlag
from contracts.models import Amendment, Contract, Delivery, Document, Invoice, Milestone, Payment
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.ledger import labels as ledger_labels
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.search.labels import public_badge
from proposals.models import Award, Proposal

PAGE = 300
READS = "lectures"


@dataclass
class Story:
    """What hangs from an occasion, as this person sees it: rows already fetched, in a fixed number of queries.

    `objects`: {ledger subject: (words, address or "")}.
    """

    opportunity: object
    proposals: list
    awards: list
    contracts: list
    milestones: list
    invoices: list
    payments: list
    amendments: list
    documents: list
    deliveries: list
    monitorings: list
    flags: list
    reviews: list
    objects: dict = field(default_factory=dict)

    @property
    def proposal_subjects(self) -> list[str]:
        return [proposal.ledger_subject() for proposal in self.proposals]


def story_of(opportunity, user) -> Story:
    """Only what this person may read: no proposal before its opening, nor ever one that was not opened."""
    contracts = list(Contract.objects.visible_to(user).filter(award__opportunity=opportunity).for_list().order_by("pk"))
    inside = {"contract__in": contracts}
    proposals = Proposal.objects.visible_to(user).opened().filter(opportunity=opportunity)
    deliveries = Delivery.objects.filter(milestone__contract__in=contracts).select_related("milestone")
    invoices = list(Invoice.objects.visible_to(user).filter(**inside).select_related("contract").order_by("pk"))
    awards = Award.objects.filter(opportunity=opportunity).select_related("proposal__vendor", "confirmed_by")
    story = Story(
        opportunity=opportunity,
        proposals=list(
            proposals.select_related("vendor", "opened__submission").defer("draft", "opened__data_key").order_by("pk")
        ),
        awards=list(awards.order_by("pk")),
        contracts=contracts,
        milestones=list(Milestone.objects.filter(**inside).select_related("contract").order_by("contract", "position")),
        invoices=invoices,
        payments=list(Payment.objects.filter(invoice__in=invoices).select_related("invoice__contract").order_by("pk")),
        amendments=list(
            Amendment.objects.visible_to(user)
            .filter(**inside)
            .select_related("contract")
            .order_by("contract", "number")
        ),
        documents=list(Document.objects.filter(**inside).select_related("contract").order_by("pk")),
        deliveries=list(deliveries.prefetch_related("files").order_by("pk")),
        monitorings=list(Monitoring.objects.visible_to(user).filter(opportunity=opportunity).order_by("pk")),
        flags=list(
            RedFlag.objects.visible_to(user).filter(opportunity=opportunity).select_related("vendor").order_by("pk")
        ),
        reviews=list(
            AwardReview.objects.visible_to(user)
            .filter(award__opportunity=opportunity)
            .select_related("by")
            .order_by("pk")
        ),
    )
    story.objects = _objects(story)
    return story


def _objects(story: Story) -> dict:
    occasion = story.opportunity
    found = {
        occasion.ledger_subject(): (occasion.number, occasion.get_absolute_url()),
        f"award:{occasion.number}": (_("Attribution"), reverse("proposals:award", args=[occasion.number])),
    }
    for row in story.proposals:
        name = _("Proposition : %s") % row.vendor
        found[row.ledger_subject()] = (name, reverse("proposals:examine", args=[occasion.number, row.public_id]))
    for row in story.contracts:
        found[row.ledger_subject()] = (row.number, row.get_absolute_url())
    for row in story.milestones:
        place = [row.contract.number, row.position]
        found[row.ledger_subject()] = (_("Jalon %d") % row.position, reverse("contracts:milestone", args=place))
    for row in story.payments:
        found[row.ledger_subject()] = (_("Paiement, facture %s") % row.invoice.number, row.invoice.get_absolute_url())
    for row in story.amendments:
        found[row.ledger_subject()] = (str(row), reverse("contracts:amendment", args=[row.contract.number, row.number]))
    for row in story.monitorings:
        found[row.ledger_subject()] = (row.number, row.get_absolute_url())
    for row in story.flags:
        found[row.ledger_subject()] = (_("Signal %s") % row.code, "")
    return found


def entries_of(story: Story):
    """Every entry about the procurement; those that were sealed too, once opened."""
    unsealed = LedgerPayload.objects.filter(subject__in=story.proposal_subjects).values("entry_id")
    return LedgerEntry.objects.filter(Q(subject__in=list(story.objects)) | Q(seq__in=unsealed)).order_by("seq")


def _narrowed(rows, kinds: set[str]):
    """Entries of some kinds, read in the payload's own action for those that were sealed."""
    codes = [code for code in _actions() if acts.kind_of(code) in kinds]
    refused = [f"{code}.refused" for code in codes]
    return rows.filter(Q(action__in=codes + refused) | Q(action="sealed", payload__action__in=codes))


def _actions() -> list[str]:
    return ledger_labels.codes()


@require_safe
@auditors_only
def timeline(request: HttpRequest, number: str) -> HttpResponse:
    """`?type=` narrows to some kinds of acts, reads only when asked; `?apres=<entry>` goes on."""
    opportunity = occasion_for(request, number)
    story = story_of(opportunity, request.user)
    kinds = {kind for kind in request.GET.getlist("type") if kind in acts.KINDS}
    rows = entries_of(story)
    rows = _narrowed(rows, kinds) if kinds else rows.exclude(action__startswith="read.")
    after = request.GET.get("apres", "")
    if after.isascii() and after.isdigit() and len(after) < 18:
        rows = rows.filter(seq__gt=int(after))
    page = list(rows[: PAGE + 1])
    told = acts.told(page[:PAGE], request.user)
    for act in told:
        act.what, act.url = story.objects.get(act.subject, (act.subject, ""))
        act.document = _document(act, story)
    pairs = [("type", kind) for kind in sorted(kinds)]
    context = {
        "opportunity": opportunity,
        "badge": public_badge(opportunity, clock.now()),
        "days": [(day, list(group)) for day, group in groupby(told, key=lambda act: local(act.entry.at).date())],
        "count": len(told),
        "kinds": [(code, label, code in kinds) for code, (label, _starts) in acts.KINDS.items()],
        "story": story,
        "award": next((award for award in story.awards if award.reversed_at is None), None),
        "standing": [flag for flag in story.flags if flag.ceased_at is None and flag.state != "dismissed"],
        "files": _files(story),
        "more": f"?{urlencode([*pairs, ('apres', page[PAGE - 1].seq)])}" if len(page) > PAGE else None,
        "first": f"?{urlencode(pairs)}" if after else None,
    }
    return render(request, "audit/timeline.html", context)


def _document(act, story: Story) -> tuple[str, str] | None:
    """(words, address) of the document that an act made, where it made one."""
    body = act.body or {}
    if act.action == "opening.minutes":
        return _("Procès-verbal"), reverse("proposals:minutes", args=[story.opportunity.number])
    if act.action.startswith("contract.") and body.get("text_sha256"):
        kind = "signed" if act.action == "contract.sign" else "offered"
        found = [row for row in story.documents if row.kind == kind and row.at == act.entry.at]
        return _contract_pdf(found[0]) if found else None
    if act.action == "amendment.accept":
        found = [row for row in story.documents if row.kind == "amendment" and row.at == act.entry.at]
        return _contract_pdf(found[0]) if found else None
    if body.get("invoice") and act.action in {"milestone.invoice", "invoice.holdback", "invoice.interest"}:
        return body["invoice"], reverse("contracts:invoice_pdf", args=[body["invoice"]])
    return None


def _contract_pdf(row: Document) -> tuple[str, str]:
    return row.get_kind_display(), reverse("contracts:document", args=[row.contract.number, row.sha256])


def _files(story: Story) -> list[tuple[str, str]]:
    """(words, address) of every document of the procurement."""
    number, found = story.opportunity.number, []
    for row in story.opportunity.attachments.all():
        found.append((row.name, reverse("opportunities:attachment", args=[number, row.public_id])))
    for proposal in story.proposals:
        for item in proposal.opened.content.get("files", []):
            address = reverse("proposals:file", args=[proposal.public_id, item["id"]])
            found.append((f"{proposal.vendor}, {item['name']}", address))
    found += [_contract_pdf(row) for row in story.documents]
    for delivery in story.deliveries:
        contract = next(row for row in story.contracts if row.pk == delivery.milestone.contract_id)
        for row in delivery.files.all():
            found.append((row.name, reverse("contracts:delivery_file", args=[contract.number, row.public_id])))
    found += [(row.number, reverse("contracts:invoice_pdf", args=[row.number])) for row in story.invoices]
    return found


urlpatterns = [path("occasions/<code:number>/", timeline, name="timeline")]
