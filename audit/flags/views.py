"""Pages of the signals: the list, one signal with its formula and its peers, what people say of it.

For auditors, and for the officers of the body; 404 for everybody else and for whoever answered the occasion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit import rules
from audit.access import auditors_only
from audit.enums import FlagState
from audit.flags import actions, tasks
from audit.flags.catalogue import CATALOGUE
from audit.flags.thresholds import START, THRESHOLDS
from audit.models import FlagPeers, RedFlag
from marketplace.acts import show_at
from marketplace.dates.localtime import local, to_utc
from marketplace.keep import data_of, keeps_typed
from marketplace.ledger import labels as ledger_labels
from marketplace.lifecycle import gate
from marketplace.models import LedgerPayload
from marketplace.reasons import ReasonForm
from opportunities.models import PublicBody

PAGE = 30
WIDTH, EDGE = 600, 30  # of the drawing
TONES = {
    FlagState.NEW: "warn",
    FlagState.EXPLAINED: "info",
    FlagState.MONITORED: "info",
    FlagState.DISMISSED: "neutral",
}


# --- The list --------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def flags(request: HttpRequest) -> HttpResponse:
    """Every signal that the person may see, with how many there are of each code. Unknown filters are left out."""
    if not rules.is_auditor(None, request.user):
        raise Http404
    return _list(request, RedFlag.objects.visible_to(request.user), "audit:flags")


@never_cache
@require_safe
def body_flags(request: HttpRequest) -> HttpResponse:
    """The same, for an officer: about their bodies."""
    bodies = request.user.body_memberships.filter(role="officer").values("body")
    if not bodies.exists():
        raise Http404
    seen = RedFlag.objects.visible_to(request.user).filter(opportunity__body__in=bodies)
    return _list(request, seen, "audit:body_flags")


def _list(request: HttpRequest, seen, name: str) -> HttpResponse:
    bodies = list(PublicBody.objects.filter(opportunities__flags__in=seen).distinct().order_by("name"))
    asked = _asked(request.GET, {str(body.pk) for body in bodies})
    rows = _matching(seen, asked)
    counted = rows.values("code").annotate(n=Count("pk")).order_by("code")
    counts = {row["code"]: row["n"] for row in counted}
    if asked["code"]:
        rows = rows.filter(code=asked["code"])
    last_seen = request.GET.get("apres", "")
    after = None
    if last_seen.isdecimal() and len(last_seen) < 18:
        after = seen.filter(pk=int(last_seen)).values_list("first_at", "pk").first()
    if after:
        rows = rows.filter(Q(first_at__lt=after[0]) | Q(first_at=after[0], pk__lt=after[1]))
    page = list(rows.for_list()[: PAGE + 1])
    pairs = [(key, value) for key, value in asked.items() if value]
    more = [*pairs, ("apres", page[PAGE - 1].pk)] if len(page) > PAGE else None
    context = {
        "rows": [(row, TONES[row.shown]) for row in page[:PAGE]],
        "asked": asked,
        "filtered": bool(pairs),
        "bodies": [(str(body.pk), body.name) for body in bodies],
        "states": FlagState.choices,
        "codes": [(code, CATALOGUE[code].title, counts.get(code, 0)) for code in CATALOGUE],
        "total": sum(counts.values()),
        "computed_at": FlagPeers.objects.aggregate(at=Max("at"))["at"],
        "audits": name == "audit:flags",
        "url": reverse(name),
        "older": f"?{urlencode(more)}" if more else None,
        "first": f"{request.path}?{urlencode(pairs)}" if after else None,
    }
    return render(request, "audit/flags.html", context)


def _asked(data, bodies: set[str]) -> dict[str, str]:
    known = {"code": set(CATALOGUE), "etat": set(FlagState.values), "organisme": bodies, "anciens": {"1"}}
    asked = {name: data.get(name, "") if data.get(name, "") in values else "" for name, values in known.items()}
    return asked | {name: _day(data.get(name, "")) for name in ("du", "au")}


def _day(text: str) -> str:
    """An ISO day that people may have meant; an empty text otherwise."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return ""
    return found.isoformat() if 2000 <= found.year < 2200 else ""


def _matching(rows, asked: dict[str, str]):
    """All filters but the code's: the counts per code answer to the others."""
    if asked["etat"]:
        rows = rows.filter(shown=asked["etat"])
    if asked["organisme"]:
        rows = rows.filter(opportunity__body=asked["organisme"])
    if not asked["anciens"]:
        rows = rows.filter(ceased_at=None)
    if asked["du"]:
        rows = rows.filter(first_at__gte=_midnight(date.fromisoformat(asked["du"])))
    if asked["au"]:
        rows = rows.filter(first_at__lt=_midnight(date.fromisoformat(asked["au"]) + timedelta(days=1)))
    return rows


def _midnight(on: date) -> datetime:
    return to_utc(datetime.combine(on, time()), fold=0)


# --- One signal ------------------------------------------------------------------------------------------------------
def flag_of(request: HttpRequest, pk: int) -> RedFlag:
    return get_object_or_404(RedFlag.objects.visible_to(request.user).for_list().select_related("decided_by"), pk=pk)


@never_cache
@require_safe
def flag(request: HttpRequest, pk: int) -> HttpResponse:
    """Its formula, threshold, value among its peers, why it may be normal, and what was said of it."""
    user = request.user
    row = flag_of(request, pk)
    peers = FlagPeers.objects.filter(code=row.code).first()
    context = {
        "flag": row,
        "entry": CATALOGUE.get(row.code),
        "tone": TONES[row.shown],
        "since": _since(row),
        "origin": START,
        "peers": peers,
        "box": drawing(row.value, row.threshold, peers.quartiles) if peers else None,
        "history": _history(row),
        "acts": _acts(row, user),
        "audits": rules.is_auditor(row, user),
        "answers": rules.can_answer(row, user),
    }
    return render(request, "audit/flag.html", context)


def _since(row: RedFlag) -> date | None:
    """The first day of the threshold that was compared with; None when it was computed (quartiles)."""
    on = local(row.opportunity.published_at).date()
    return max((since for since, _value in THRESHOLDS.get(row.code, []) if since <= on), default=None)


def drawing(value: Decimal, threshold: Decimal, quartiles: tuple) -> dict:
    """Places of a box plot, in whole units of a drawing WIDTH wide: {value, threshold, q1, median, q3, box}.

    `low` and `high`: the ends of its scale, the least and the greatest of these; `ticks`: where they are.
    """
    first, middle, third = quartiles
    marks = {"value": value, "threshold": threshold, "q1": first, "median": middle, "q3": third}
    low, high = min(marks.values()), max(marks.values())
    span = (high - low) or Decimal(1)
    places = {name: EDGE + int((mark - low) / span * (WIDTH - 2 * EDGE)) for name, mark in marks.items()}
    scale = {"low": low, "high": high, "ticks": sorted({EDGE, max(places.values())})}
    return places | scale | {"box": max(places["q3"] - places["q1"], 2), "width": WIDTH}


def _history(row: RedFlag) -> list[dict]:
    """What the ledger tells of it, oldest first, for components/timeline.html."""
    events = [{"label": _("Vu la première fois"), "at": row.first_at, "done": True}]
    acts = LedgerPayload.objects.about(row.ledger_subject()).select_related("actor")
    if row.shown != row.state:  # in a case that the body was not told of
        acts = acts.exclude(action="redflag.monitor")
    for payload in acts:
        said = payload.body.get("reason") or payload.body.get("monitoring") or ""
        detail = " · ".join(part for part in (str(payload.actor or ""), said) if part)
        label = ledger_labels.label(payload.action)
        if label:  # refusals have no words: they are in the ledger
            events.append({"label": label, "at": payload.entry.at, "detail": detail, "done": True})
    if row.ceased_at:
        events.append({"label": _("N’est plus vu"), "at": row.ceased_at, "done": True})
    return events


def _acts(row: RedFlag, user) -> list[dict]:
    entries = [
        ("explain", "flag_explain", _("Expliquer")),
        ("monitor", "flag_join", _("Joindre à une vérification")),
        ("dismiss", "flag_dismiss", _("Écarter")),
        ("take_up", "flag_take_up", _("Reprendre")),
    ]
    return [
        {"url": reverse(f"audit:{name}", args=[row.pk]), "label": label}
        for move, name, label in entries
        if row.can(move, user)
    ]


# --- Acts ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Act:
    """A move with a reason, on a page of its own."""

    move: str
    title: str
    lead: str
    help_text: str
    submit: str
    done: str


ACTS = {
    "explain": Act(
        "explain", gettext_lazy("Expliquer le signal"),
        gettext_lazy("Un signal est une question, pas une faute. Dites ce qui l’explique, et où c’est écrit."),
        gettext_lazy("Les vérificatrices et vérificateurs le liront."), gettext_lazy("Envoyer l’explication"),
        gettext_lazy("Explication envoyée."),
    ),
    "dismiss": Act(
        "dismiss", gettext_lazy("Écarter le signal"),
        gettext_lazy("Il ne compte plus dans les totaux. L’organisme lit le motif; le signal peut être repris."),
        gettext_lazy("L’organisme le lira."), gettext_lazy("Écarter"), gettext_lazy("Signal écarté."),
    ),
    "take_up": Act(
        "take_up", gettext_lazy("Reprendre le signal"),
        gettext_lazy("Il compte de nouveau, comme s’il était nouveau. Ce qui a été dit reste dans son histoire."),
        gettext_lazy("L’organisme le lira."), gettext_lazy("Reprendre"), gettext_lazy("Signal repris."),
    ),
}  # fmt: skip


def page_of(name: str) -> Callable[..., HttpResponse]:
    """The view of one act; what was typed comes back with what is wrong."""
    act = ACTS[name]

    @never_cache
    @keeps_typed
    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        row = flag_of(request, pk)
        gate(row, act.move, request.user)
        form = ReasonForm(data_of(request), help_text=act.help_text)
        if request.method == "POST" and form.is_valid():
            try:
                getattr(row, act.move)(by=request.user, reason=form.cleaned_data["reason"])
            except ValidationError as error:
                show_at(form, error)
            else:
                messages.success(request, act.done)
                return redirect(row)
        context = {"flag": row, "act": act, "form": form}
        return render(request, "audit/flag_act.html", context, status=422 if request.method == "POST" else 200)

    return view


class JoinForm(forms.Form):
    """`cases`: those that the signal may join; cleans to one of them."""

    case = forms.ChoiceField(label=gettext_lazy("Vérification"), widget=forms.RadioSelect)

    def __init__(self, *args, cases, **kwargs):
        super().__init__(*args, **kwargs)
        self._cases = {case.number: case for case in cases}
        self.fields["case"].choices = [(number, f"{number}, {case.title}") for number, case in self._cases.items()]

    def clean_case(self):
        return self._cases[self.cleaned_data["case"]]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Join a case that is open, or open one about the occasion."""
    row = flag_of(request, pk)
    gate(row, "monitor", request.user)
    cases = list(actions.cases_for(row, request.user))
    form = JoinForm(request.POST if request.method == "POST" else None, cases=cases)
    if request.method == "POST" and form.is_valid():
        case = form.cleaned_data["case"]
        actions.join(row, by=request.user, monitoring=case)
        messages.success(request, _("Signal joint à la vérification %s.") % case.number)
        return redirect(row)
    context = {"flag": row, "form": form, "cases": cases}
    return render(request, "audit/flag_join.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@auditors_only
def refresh(request: HttpRequest) -> HttpResponse:
    """« Recalculer maintenant »: what each night does, by the worker where there is one."""
    if not request.user.is_active:
        raise PermissionDenied
    tasks.compute_flags.delay(by=request.user.pk)
    messages.success(request, _("Calcul demandé : la liste change dès qu’il est terminé."))
    return redirect("audit:flags")


_FLAG = "signaux/<int:pk>/"
urlpatterns = [
    path("signaux/", flags, name="flags"),
    path("mes-signaux/", body_flags, name="body_flags"),
    path("signaux/recalculer/", refresh, name="flags_refresh"),
    path(_FLAG, flag, name="flag"),
    path(f"{_FLAG}expliquer/", page_of("explain"), name="flag_explain"),
    path(f"{_FLAG}ecarter/", page_of("dismiss"), name="flag_dismiss"),
    path(f"{_FLAG}reprendre/", page_of("take_up"), name="flag_take_up"),
    path(f"{_FLAG}joindre/", join, name="flag_join"),
]
