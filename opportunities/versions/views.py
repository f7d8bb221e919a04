"""What was published, to take away: the notice as it is, each of its versions, and the proof that the ledger has it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from marketplace.cache import public_page
from marketplace.files.downloads import download, json_download
from marketplace.ledger import checkpoints
from marketplace.models import LedgerPayload
from opportunities.models import NoticeVersion, Opportunity

_JSON = "application/json"
# What the entries that hold a version say besides, all of it public: an entry that said more would not be given here.
_TOLD = {
    *("action", "actor", "subject", "before", "after", "notice_version", "notice_sha256", "closes_at"),
    *("draw_commitment", "number", "text", "reason", "code", "vendor", "award_cents", "requested_by"),
}


def _public(number: str) -> Opportunity:
    """Http404 for what the public does not read, whoever asks."""
    return get_object_or_404(Opportunity.objects.public().select_related("body"), number=number)


@login_not_required
@public_page
@require_safe
def current(
    request: HttpRequest, number: str, award_of: Callable[[Opportunity], Mapping[str, Any]] | None = None
) -> HttpResponse:
    """The notice as its rows are now: the very bytes of its last version, or somebody changed one without an act.

    `award_of`: what the public reads of the standing award, given in marketplace/urls.py by the app that knows it.
    """
    opportunity = _public(number)
    live = NoticeVersion.objects.live(opportunity, award=award_of(opportunity) if award_of else {})
    if live is None:
        raise Http404
    return json_download(live, f"avis-{number}.json")


@login_not_required
@public_page
@require_safe
def version(request: HttpRequest, number: str, rank: int) -> HttpResponse:
    """One version, as it was kept when it was published."""
    row = get_object_or_404(NoticeVersion.objects.public(), opportunity__number=number, number=rank)
    return download(row.document.encode(), f"avis-{number}-version-{rank}.json", _JSON)


@login_not_required
@public_page
@require_safe
def proof(request: HttpRequest, number: str, rank: int) -> HttpResponse:
    """That the ledger holds this version's digest; 404 until a checkpoint covers it, or where no entry holds it."""
    opportunity = _public(number)
    acts = LedgerPayload.objects.about(opportunity.ledger_subject()).filter(body__notice_version=rank)
    payload = acts.first()
    if payload is None or not set(payload.body) <= _TOLD:
        raise Http404
    covering = checkpoints.covering(payload.entry_id)
    if covering is None:
        raise Http404
    proved = checkpoints.proof_of(payload.entry, covering, payload=True)
    return json_download(proved, f"preuve-avis-{number}-version-{rank}.json")
