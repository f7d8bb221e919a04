"""The ledger's signed checkpoints and proofs, for machines: what tools/verify.py and any log monitor read."""

import json

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from marketplace.cache import public_page
from marketplace.files.downloads import download
from marketplace.ledger import checkpoints
from marketplace.ledger import verifier as published
from marketplace.models import Checkpoint, LedgerEntry


def _text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Access-Control-Allow-Origin": "*"})


def _json(value: dict) -> HttpResponse:
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    headers = {"Access-Control-Allow-Origin": "*"}
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


@login_not_required
@require_safe
@public_page
def checkpoints_text(request: HttpRequest) -> HttpResponse:
    """Every checkpoint, oldest first, one after the other: a file that only grows, fit for git."""
    return _text("\n".join(Checkpoint.objects.order_by("size").values_list("note", flat=True)))


@login_not_required
@require_safe
@public_page
def checkpoint_text(request: HttpRequest, size: int) -> HttpResponse:
    return _text(get_object_or_404(Checkpoint.objects.filter(size=size)).note)


@login_not_required
@require_safe
@public_page
def consistency(request: HttpRequest, first: int, second: int) -> HttpResponse:
    """That the checkpoint of size `second` changed nothing of the one of size `first`."""
    rows = {row.size: row for row in Checkpoint.objects.filter(size__in=[first, second])}
    if not {first, second} <= set(rows) or first > second:
        raise Http404
    return _json(checkpoints.consistency_of(rows[first], rows[second]))


@login_not_required
@require_safe
@public_page
def proof(request: HttpRequest, digest: str) -> HttpResponse:
    """That a public entry, named by its hash, is in the ledger; 404 until a checkpoint covers it."""
    entry = get_object_or_404(LedgerEntry.objects.public(), hash=digest)
    covering = checkpoints.covering(entry.seq)
    if covering is None:
        raise Http404
    return _json(checkpoints.proof_of(entry, covering))


@login_not_required
@require_safe
@public_page
def verifier(request: HttpRequest) -> HttpResponse:
    """tools/verify.py itself: whoever checks us needs nothing else, and compares its SHA-256 with other copies."""
    answer = download(published.content(), "verify.py", "text/x-python; charset=utf-8")
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
