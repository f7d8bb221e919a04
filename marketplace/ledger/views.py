"""Public pages of the ledger: its last public entries, and the signed checkpoints that nobody can go back on."""

import re
from collections.abc import Callable
from itertools import zip_longest

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace import keys
from marketplace.cache import public_page
from marketplace.ledger import labels
from marketplace.models import Checkpoint, LedgerEntry

PAGE = 50
CHECKPOINTS_PAGE = 20


@login_not_required
@require_safe
@public_page
def entries(request: HttpRequest, named: Callable[..., dict] | None = None) -> HttpResponse:
    """What the public sees of the ledger: its last public entries, their proofs and how to verify them.

    `named`: what the higher apps say of their objects (opendata/subjects.py), wired in marketplace/urls.py.
    Neither sealed entries nor numbers: a gap between two numbers would tell how many were deposited.
    """
    found = LedgerEntry.objects.public().order_by("-seq")
    before = request.GET.get("avant", "")
    if re.fullmatch("[0-9a-f]{64}", before):
        found = found.filter(seq__lte=LedgerEntry.objects.filter(hash=before).values("seq")[:1])
    rows = list(found[: PAGE + 1])
    last = Checkpoint.objects.order_by("-size").first()
    words = named({entry.subject for entry in rows[:PAGE]}) if named else {}
    for entry in rows:
        entry.about = words.get(entry.subject)
        entry.label = labels.label(entry.action)
        entry.proved = last is not None and entry.seq <= last.size
    context = {
        "entries": rows[:PAGE],
        "older": rows[PAGE].hash if len(rows) > PAGE else None,
        "example": next((entry.hash[:16] for entry in rows[:PAGE] if entry.proved), ""),
        "last": last,
        "key_id": keys.key_id(),
    }
    return render(request, "ledger.html", context)


@login_not_required
@require_safe
@public_page
def checkpoints(request: HttpRequest) -> HttpResponse:
    """The signed checkpoints, the last one first; `?avant=<size>` goes on."""
    found = Checkpoint.objects.order_by("-size")
    before = request.GET.get("avant", "")
    going_on = re.fullmatch("[1-9][0-9]{0,17}", before, re.ASCII)
    if going_on:
        found = found.filter(size__lt=int(before))
    rows = list(found[: CHECKPOINTS_PAGE + 1])
    pairs = list(zip_longest(rows, rows[1:]))[:CHECKPOINTS_PAGE]  # each with the one before it
    context = {
        "pairs": pairs,
        "older": pairs[-1][0].size if len(rows) > CHECKPOINTS_PAGE else None,
        "going_on": bool(going_on),
        "key_id": keys.key_id(),
    }
    return render(request, "checkpoints.html", context)
