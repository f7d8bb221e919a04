"""Accusés de dépôt: the page, the signed file, the sealed envelope, and the public check of any receipt."""

import json
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from marketplace import keys
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.files.downloads import download
from marketplace.ledger import checkpoints
from marketplace.ledger.entries import LedgerPayload
from marketplace.models import Checkpoint
from marketplace.requests import PersonRequest
from opportunities.models import Opportunity
from proposals import rules
from proposals.deposit import receipt
from proposals.deposit.forms import VerifyForm
from proposals.enums import State
from proposals.models import OpenedProposal, Proposal, SealedEnvelope, Submission
from proposals.opening import actions as opening_actions

_JSON = "application/json; charset=utf-8"


def _submission(request: PersonRequest, receipt_number: str, *, at: datetime) -> Submission:
    """A receipt of a proposal that this person may see, else 404."""
    scope = Proposal.objects.visible_to(request.user, at=at)
    receipts = Submission.objects.filter(proposal__in=scope).select_related(
        "proposal__opportunity__body", "proposal__vendor", "submitted_by"
    )
    return get_object_or_404(receipts, receipt_number=receipt_number)


@never_cache
@require_safe
def page(request: PersonRequest, receipt_number: str) -> HttpResponse:
    """What was received, when, and its digest; what can still be done about it."""
    now = clock.now()
    submission = _submission(request, receipt_number, at=now)
    if opening_actions.ask(submission.proposal.opportunity.number):
        submission = _submission(request, receipt_number, at=now)
    proposal = submission.proposal
    others = {row.version: row for row in proposal.submissions.in_order()}
    last = others[max(others)]
    own = rules.is_author(proposal, request.user)
    recorded, covering = _recorded(submission) if own else (None, None)
    context = {
        "submission": submission,
        "proposal": proposal,
        "opportunity": proposal.opportunity,
        "own": own,
        "now": now,
        "previous": others.get(submission.version - 1),
        "last": last,
        "replaced": last != submission,
        "withdrawn": others[submission.version].withdrawn,
        "sealed": proposal.state == State.SUBMITTED,
        "due": proposal.opportunity.is_due(at=now),
        "opened": OpenedProposal.objects.filter(submission=submission).select_related("opening").first(),
        "provable": covering is not None,
        "to_be_proved": recorded is not None and covering is None,
        "has_envelope": own and SealedEnvelope.objects.filter(submission=submission).exists(),
        "can_change": own
        and proposal.state == State.SUBMITTED
        and proposal.opportunity.accepts_proposals(at=now)
        and rules.can_deposit(proposal, request.user),
    }
    return render(request, "proposals/receipt.html", context)


def _indented(value: dict[str, Any], name: str, *, sort_keys: bool = False) -> HttpResponse:
    """A file that people open, too."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=sort_keys) + "\n"
    return download(text.encode(), name, _JSON)


@never_cache
@require_safe
def as_json(request: PersonRequest, receipt_number: str) -> HttpResponse:
    """The receipt as it was signed: what tools/verify.py reads."""
    submission = _submission(request, receipt_number, at=clock.now())
    return _indented(submission.receipt, f"accuse-{submission.receipt_number}.json", sort_keys=True)


@never_cache
@require_safe
def envelope(request: PersonRequest, receipt_number: str) -> HttpResponse:
    """The sealed bytes whose SHA-256 the receipt states: the vendor's own people only; 404 once destroyed."""
    submission = _submission(request, receipt_number, at=clock.now())
    if not rules.is_author(submission.proposal, request.user):
        raise Http404
    sealed = get_object_or_404(SealedEnvelope.objects.filter(submission=submission))
    return download(bytes(sealed.content), f"enveloppe-{submission.receipt_number}.json", _JSON)


def _recorded(submission: Submission) -> tuple[LedgerPayload | None, Checkpoint | None]:
    """The ledger's own record of a dépôt (None once erased), and the last checkpoint that covers it (None before)."""
    acts = LedgerPayload.objects.about(submission.proposal.ledger_subject()).filter(action="proposal.submit")
    payload = next((row for row in acts if row.body["version"] == submission.version), None)
    if payload is None:
        return None, None
    return payload, checkpoints.covering(payload.entry_id)


@never_cache
@require_safe
def proof(request: PersonRequest, receipt_number: str) -> HttpResponse:
    """That the dépôt is in the signed ledger, for the vendor's own people; 404 until a checkpoint covers it."""
    submission = _submission(request, receipt_number, at=clock.now())
    if not rules.is_author(submission.proposal, request.user):
        raise Http404
    payload, covering = _recorded(submission)
    if payload is None or covering is None:
        raise Http404
    proved = checkpoints.proof_of(payload.entry, covering, payload=True)
    return _indented(proved, f"preuve-{submission.receipt_number}.json")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _after_opening(body: dict[str, Any]) -> dict[str, Any]:
    """Once the occasion is opened: whether this digest is among the opened envelopes. Nothing before."""
    opening_actions.ask(body["occasion"])
    opportunity = Opportunity.objects.public().filter(number=body["occasion"]).first()
    if opportunity is None:
        return {}
    opened = OpenedProposal.objects.filter(opening__opportunity=opportunity)
    return {
        "opportunity": opportunity,
        "is_open": hasattr(opportunity, "opening"),
        "among": opened.filter(submission__envelope_sha256=body["envelope_sha256"]).exists(),
    }


@login_not_required
@sensitive_post_parameters()
@csrf_exempt  # changes nothing, knows nobody: a check made from a command line is as good
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
def verify(request: HttpRequest) -> HttpResponse:
    """Anybody pastes a receipt or sends its file: is it ours, whole, and among the opened envelopes?"""
    form = VerifyForm(request.POST, request.FILES) if request.method == "POST" else VerifyForm()
    context: dict[str, Any] = {"form": form, "key_id": keys.key_id()}
    if form.is_valid():
        body = form.cleaned_data["receipt"]
        context["verdict"] = verdict = receipt.check(body)
        if verdict == "valid":
            instants = {name: _instant(body[name]) for name in ("received_at", "closes_at")}
            context |= {"receipt": body} | instants | _after_opening(body)
        if verdict == "malformed":
            form.add_error(None, _("Ce n’est pas un accusé de dépôt de « Développe avec nous »."))
    return render(request, "proposals/verify.html", context, status=422 if form.errors else 200)
