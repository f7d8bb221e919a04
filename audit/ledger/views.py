"""The ledger as auditors work with it: search, one entry and its proof, export by range, a checkpoint now."""

import json
from functools import partial
from itertools import chain

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from audit.access import auditors_only
from audit.ledger import acts
from audit.ledger import export as export_module
from audit.ledger.search import in_period, matching
from marketplace import keys
from marketplace.acts import act_page, show
from marketplace.dates import clock
from marketplace.dates.fields import day_field
from marketplace.files.downloads import as_download, download
from marketplace.keep import data_of
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.lists import FilterForm, WordsField, page
from marketplace.models import Checkpoint, LedgerEntry
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts
from marketplace.twice.once import once

PAGE = 50
SEQ_MAX = 2**62


class Rank(forms.IntegerField):
    """An entry's number."""

    def __init__(self, **options):
        super().__init__(min_value=1, max_value=SEQ_MAX, **options)


class SearchForm(FilterForm):
    """A day that is not understood is left out of the search, and said."""

    q = WordsField()
    du = day_field(gettext_lazy("Du"))
    au = day_field(gettext_lazy("Au"))


class ExportForm(PlainTexts, forms.Form):
    """Bounds of an export, both included."""

    first = Rank(label=gettext_lazy("De l’inscription"))
    last = Rank(
        label=gettext_lazy("À l’inscription"), required=False, help_text=gettext_lazy("Vide : jusqu’à la dernière.")
    )
    details = forms.BooleanField(
        label=gettext_lazy("Joindre les détails"), required=False,
        help_text=gettext_lazy(
            "Ils contiennent des renseignements personnels. Jamais ceux d’une proposition scellée, d’un avis non "
            "publié, ni de ce qu’un prestataire ou une personne fait pour soi."
        ),
    )  # fmt: skip

    def __init__(self, *args, end: int, **kwargs):
        self.end = end
        super().__init__(*args, **kwargs)

    def clean(self):
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and first > self.end:
            self.add_error("first", _("Le registre n’a pas encore d’inscription %d.") % first)
        elif first and last and last < first:
            self.add_error("last", _("La dernière inscription vient avant la première."))
        elif last:
            values["last"] = min(last, self.end)  # what is recorded and named is what the file holds
        return values


def _end() -> int:
    return LedgerEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


@require_safe
@auditors_only
def search(request: PersonRequest) -> HttpResponse:
    """Entries, the last one first, with their numbers; `?q=`, `?du=`, `?au=`; `?avant=<number>` goes on."""
    form = SearchForm(request.GET)
    asked = form.asked
    rows = in_period(matching(asked["q"], request.user) if asked["q"] else acts.listed(), asked["du"], asked["au"])
    entries = page(request, rows, order=("-seq",), size=PAGE, pairs=form.pairs, name="avant")
    context = {
        "form": form,
        "acts": acts.told(entries.rows, request.user),
        "older": entries.older,
        "first": entries.first,
        "last_checkpoint": Checkpoint.objects.order_by("-size").first(),
        "key_id": keys.key_id(),
    }
    return render(request, "audit/ledger.html", context)


def _entry(seq: int) -> LedgerEntry:
    if seq > SEQ_MAX:
        raise Http404
    return get_object_or_404(acts.listed(), seq=seq)


@require_safe
@auditors_only
def entry(request: PersonRequest, seq: int) -> HttpResponse:
    """One entry: its fields, its detail if it may be told, its proof, what stands beside it."""
    entry = _entry(seq)
    act = acts.told([entry], request.user)[0]
    context = {
        "entry": entry,
        "act": act,
        "covering": checkpoints.covering(seq),
        "fields": json.dumps(entry.chained(), ensure_ascii=False, indent=1),
        "body": json.dumps(act.body, ensure_ascii=False, indent=1) if act.body is not None else "",
        "before": acts.listed().filter(seq__lt=seq).order_by("-seq").first(),
        "after": acts.listed().filter(seq__gt=seq).order_by("seq").first(),
    }
    return render(request, "audit/entry.html", context)


@require_safe
@auditors_only
def entry_proof(request: PersonRequest, seq: int) -> HttpResponse:
    """What tools/verify.py proof reads; with the detail when it may be told. 404 until a checkpoint covers it."""
    entry = _entry(seq)
    covering = checkpoints.covering(seq)
    if covering is None:
        raise Http404
    detailed = acts.told([entry], request.user)[0].body is not None
    proof = checkpoints.proof_of(entry, covering, payload=detailed)
    content = json.dumps(proof, ensure_ascii=False, indent=1) + "\n"
    return download(content.encode(), f"preuve-{seq}.json", "application/json; charset=utf-8")


@act_page
@auditors_only
def export(request: PersonRequest) -> HttpResponseBase:
    """A form, then the download, streamed. The export is itself recorded first, with its bounds."""
    end = _end()
    form = ExportForm(data_of(request), end=end, initial={"first": 1})
    if request.method != "POST" or not form.is_valid():
        return show(request, "audit/export.html", {"form": form, "end": end, "key_id": keys.key_id()})
    first, last, details = (form.cleaned_data[name] for name in ("first", "last", "details"))
    if details and request.user.vendor_memberships.exists():
        raise PermissionDenied(_("Vous êtes membre d’un prestataire : les détails ne vous sont pas montrés."))
    checkpoints.check_origin()  # refused before it is recorded
    with transaction.atomic():
        ledger.record(
            "read.export", "ledger", by=request.user, at=clock.now(), first=first, last=last, with_payloads=details
        )
    withheld = partial(acts.withheld, user=request.user)
    lines = export_module.lines(first=first, last=last, with_payloads=details, withheld=withheld)
    header = next(lines)  # a problem is told as a page, not in the middle of a file
    answer = StreamingHttpResponse(chain([header], lines), content_type="application/jsonl; charset=utf-8")
    return as_download(answer, f"registre-{first}-{last or 'fin'}.jsonl")


@require_POST
@auditors_only
@once
def sign(request: PersonRequest) -> HttpResponse:
    """« Signer un relevé maintenant »."""
    checkpoint = checkpoints.make(by=request.user, at=clock.now())
    messages.success(request, _("Relevé signé : il atteste %d inscriptions.") % checkpoint.size)
    return redirect("audit:ledger")


urlpatterns = [
    path("registre/", search, name="ledger"),
    path("registre/exporter/", export, name="export"),
    path("registre/signer/", sign, name="sign"),
    path("registre/<int:seq>/", entry, name="entry"),
    path("registre/<int:seq>/preuve.json", entry_proof, name="entry_proof"),
]
