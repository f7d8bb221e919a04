"""Public pages of the ledger: its last public entries, and the signed checkpoints that nobody can go back on."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace import keys, lists
from marketplace.cache import public_page
from marketplace.ledger import labels
from marketplace.models import Checkpoint, LedgerEntry

Names = Callable[[set[str]], dict[str, tuple[str, str]]]
PAGE = 50
CHECKPOINTS_PAGE = 20


@dataclass(frozen=True)
class Line:
    """One row of the public page. `about`: (words, address or "") of the act's object, None when it has no words."""

    entry: LedgerEntry
    label: str
    about: tuple[str, str] | None
    proved: bool  # a signed checkpoint covers it


@login_not_required
@require_safe
@public_page
def entries(request: HttpRequest, named: Names | None = None) -> HttpResponse:
    """What the public sees of the ledger: its last public entries, their proofs and how to verify them.

    `named`: what the higher apps say of their objects (opendata/subjects.py), wired in marketplace/urls.py.
    Neither sealed entries nor numbers: a gap between two numbers would tell how many were deposited.
    """
    rows = LedgerEntry.objects.public().order_by("-seq")
    # Not marketplace.lists, whose cursor is the key: it would tell the number. Here the hash says where to go on.
    before = request.GET.get("avant", "")
    if re.fullmatch("[0-9a-f]{64}", before):
        rows = rows.filter(seq__lte=LedgerEntry.objects.filter(hash=before).values("seq")[:1])
    shown = list(rows[: PAGE + 1])
    last = Checkpoint.objects.order_by("-size").first()
    words = named({entry.subject for entry in shown[:PAGE]}) if named else {}
    lines = [
        Line(entry, labels.label(entry.action), words.get(entry.subject), last is not None and entry.seq <= last.size)
        for entry in shown[:PAGE]
    ]
    context = {
        "lines": lines,
        "older": f"?avant={shown[PAGE].hash}" if len(shown) > PAGE else None,
        "example": next((line.entry.hash[:16] for line in lines if line.proved), ""),
        "last": last,
        "key_id": keys.key_id(),
    }
    return render(request, "ledger.html", context)


@login_not_required
@require_safe
@public_page
def checkpoints(request: HttpRequest) -> HttpResponse:
    """The signed checkpoints, the last one first; each knows the size of the one before it."""
    smaller = Checkpoint.objects.filter(size__lt=OuterRef("size")).order_by("-size")
    rows = Checkpoint.objects.annotate(before=Subquery(smaller.values("size")[:1]))
    page = lists.page(request, rows, order=("-size",), size=CHECKPOINTS_PAGE, name="avant")
    context = {"checkpoints": page.rows, "older": page.older, "first": page.first, "key_id": keys.key_id()}
    return render(request, "checkpoints.html", context)
