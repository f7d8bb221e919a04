"""Pages of the signals: the list, one signal with its formula and its peers, what people say of it.

For auditors, and for the officers of the body; 404 for everybody else and for whoever answered the occasion.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.db.models import Count, Max
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit import rules
from audit.access import auditors_only
from audit.enums import FlagState
from audit.flags import actions, tasks
from audit.flags.catalogue import CATALOGUE
from audit.flags.thresholds import START, THRESHOLDS
from audit.ledger.search import in_period
from audit.models import FlagPeers, RedFlag
from marketplace import later
from marketplace.acts import Page, View, act_page, asking_page, attempt, show
from marketplace.dates.fields import day_field
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.lifecycle import gate, known
from marketplace.lists import FilterForm, Ticked, page
from marketplace.models import LedgerPayload
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts, Words
from marketplace.twice.once import undone
from opportunities.models import PublicBody

PAGE = 30
WIDTH, EDGE = 600, 30  # of the drawing
FEW = 3  # under so many values there are no quartiles to speak of
TONES: dict[str, str] = {
    FlagState.NEW: "warn",
    FlagState.EXPLAINED: "info",
    FlagState.MONITORED: "info",
    FlagState.DISMISSED: "neutral",
}


# --- The list --------------------------------------------------------------------------------------------------------
class FlagFilter(FilterForm):
    """`organisme`: bodies of the signals that the person sees; `du`, `au`: seen for the first time, both included."""

    code = forms.ChoiceField(required=False, choices=[(code, entry.title) for code, entry in CATALOGUE.items()])
    etat = forms.ChoiceField(required=False, choices=FlagState.choices)
    organisme = forms.ChoiceField(required=False)
    anciens = Ticked()
    du = day_field(gettext_lazy("Du"))
    au = day_field(gettext_lazy("Au"))


@require_safe
@auditors_only
def flags(request: PersonRequest) -> HttpResponse:
    """Every signal that the person may see, with how many there are of each code. Unknown filters are left out."""
    return _list(request, RedFlag.objects.visible_to(request.user), "audit:flags")


@never_cache
@require_safe
def body_flags(request: PersonRequest) -> HttpResponse:
    """The same, for an officer: about their bodies."""
    bodies = request.user.body_memberships.filter(role="officer").values("body")
    if not bodies.exists():
        raise Http404
    seen = RedFlag.objects.visible_to(request.user).filter(opportunity__body__in=bodies)
    return _list(request, seen, "audit:body_flags")


def _list(request: PersonRequest, seen, name: str) -> HttpResponse:
    bodies = PublicBody.objects.filter(opportunities__flags__in=seen).distinct().order_by("sort_key", "pk")
    form = FlagFilter(request.GET, organisme=[(str(body.pk), body.name) for body in bodies])
    rows = _matching(seen, form.asked)
    counts = dict(rows.order_by().values("code").annotate(n=Count("pk")).values_list("code", "n"))
    if form.asked["code"]:
        rows = rows.filter(code=form.asked["code"])
    shown = page(request, rows.for_list(), order=("-first_at", "-pk"), size=PAGE, pairs=form.pairs)
    context = {
        "rows": [(row, TONES[row.shown]) for row in shown.rows],
        "form": form,
        "codes": [(code, entry.title, counts.get(code, 0)) for code, entry in CATALOGUE.items()],
        "total": sum(counts.values()),
        "computed_at": FlagPeers.objects.aggregate(at=Max("at"))["at"],
        "audits": name == "audit:flags",
        "url": reverse(name),
        "older": shown.older,
        "first": shown.first,
    }
    return render(request, "audit/flags.html", context)


def _matching(rows, asked: dict):
    """All filters but the code's: the counts per code answer to the others."""
    if asked["etat"]:
        rows = rows.filter(shown=asked["etat"])
    if asked["organisme"]:
        rows = rows.filter(opportunity__body=asked["organisme"])
    if not asked["anciens"]:
        rows = rows.filter(ceased_at=None)
    return in_period(rows, asked["du"], asked["au"], column="first_at")


# --- One signal ------------------------------------------------------------------------------------------------------
def flag_of(request: PersonRequest, pk: int) -> RedFlag:
    return get_object_or_404(RedFlag.objects.visible_to(request.user).for_list().select_related("decided_by"), pk=pk)


@never_cache
@require_safe
def flag(request: PersonRequest, pk: int) -> HttpResponse:
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
        "box": drawing(row.value, row.threshold, peers.quartiles) if peers and peers.count >= FEW else None,
        "history": _history(row),
        "acts": _acts(row, user),
        "audits": rules.is_auditor(row, user),
        "answers": rules.can_answer(row, user),
    }
    return render(request, "audit/flag.html", context)


def _since(row: RedFlag) -> date | None:
    """The first day of the threshold that was compared with; None when it was computed (quartiles)."""
    on = local(known(row.opportunity.published_at)).date()
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


# What was done: the labels of moves are those of buttons.
_DONE = {
    "redflag.explain": gettext_lazy("Expliqué"),
    "redflag.monitor": gettext_lazy("Joint à une vérification"),
    "redflag.dismiss": gettext_lazy("Écarté"),
    "redflag.take_up": gettext_lazy("Repris"),
}


def _history(row: RedFlag) -> list[dict]:
    """What the ledger tells of it, oldest first, for components/timeline.html."""
    events = [{"label": _("Vu la première fois"), "at": row.first_at, "done": True}]
    acts = LedgerPayload.objects.about(row.ledger_subject()).select_related("actor")
    if row.shown != row.state:  # in a case that the body was not told of
        acts = acts.exclude(action="redflag.monitor")
    for payload in acts:
        said = payload.body.get("reason") or payload.body.get("monitoring") or ""
        detail = " · ".join(part for part in (str(payload.actor or ""), said) if part)
        label = _DONE.get(payload.action)
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
@dataclass(frozen=True, kw_only=True)
class Act(Page):
    """A move of a signal with a reason, on a page of its own."""

    move: str
    help_text: Words
    done: Words


EXPLAIN = Act(
    gettext_lazy("Expliquer le signal"),
    gettext_lazy("Un signal est une question, pas une faute. Dites ce qui l’explique, et où c’est écrit."),
    gettext_lazy("Envoyer l’explication"), help_text=gettext_lazy("Les vérificatrices et vérificateurs le liront."),
    done=gettext_lazy("Explication envoyée."), move="explain",
)  # fmt: skip
DISMISS = Act(
    gettext_lazy("Écarter le signal"),
    gettext_lazy("Il ne compte plus dans les totaux. L’organisme lit le motif; le signal peut être repris."),
    gettext_lazy("Écarter"), help_text=gettext_lazy("L’organisme le lira."), done=gettext_lazy("Signal écarté."),
    move="dismiss",
)  # fmt: skip
TAKE_UP = Act(
    gettext_lazy("Reprendre le signal"),
    gettext_lazy("Il compte de nouveau, comme s’il était nouveau. Ce qui a été dit reste dans son histoire."),
    gettext_lazy("Reprendre"), help_text=gettext_lazy("L’organisme le lira."), done=gettext_lazy("Signal repris."),
    move="take_up",
)  # fmt: skip


def page_of(act: Act) -> View:
    """The view of one act; what was typed comes back with what is wrong."""

    @act_page
    def view(request: PersonRequest, pk: int) -> HttpResponse:
        row = flag_of(request, pk)
        gate(row, act.move, request.user)
        form = ReasonForm(data_of(request), help_text=act.help_text)
        if attempt(request, form, lambda: getattr(row, act.move)(by=request.user, **form.cleaned_data)):
            messages.success(request, str(act.done))
            return redirect(row)
        return show(request, "audit/flag_act.html", {"flag": row, "act": act, "form": form})

    return view


class JoinForm(PlainTexts, forms.Form):
    """`cases`: those that the signal may join; cleans to one of them."""

    def __init__(self, *args, cases, **kwargs):
        super().__init__(*args, **kwargs)
        self._cases = {case.number: case for case in cases}
        choices = [(number, f"{number}, {case.title}") for number, case in self._cases.items()]
        self.fields["case"] = forms.ChoiceField(label=_("Vérification"), choices=choices, widget=forms.RadioSelect)

    def clean_case(self):
        return self._cases[self.cleaned_data["case"]]


@act_page
def join(request: PersonRequest, pk: int) -> HttpResponse:
    """Join a case that is open, or open one about the occasion."""
    row = flag_of(request, pk)
    gate(row, "monitor", request.user)
    cases = list(actions.cases_for(row, request.user))
    form = JoinForm(data_of(request), cases=cases)
    if attempt(request, form, lambda: actions.join(row, by=request.user, monitoring=form.cleaned_data["case"])):
        messages.success(request, _("Signal joint à la vérification %s.") % form.cleaned_data["case"].number)
        return redirect(row)
    return show(request, "audit/flag_join.html", {"flag": row, "form": form, "cases": cases})


@asking_page
@require_POST
@auditors_only
def refresh(request: PersonRequest) -> HttpResponse:
    """« Recalculer maintenant »: what each night does, by the worker where there is one."""
    if later.send(tasks.compute_flags, by=request.user.pk):
        messages.success(request, _("Calcul demandé : la liste change dès qu’il est terminé."))
        return redirect("audit:flags")
    messages.warning(
        request, _("Le calcul n’a pas pu être demandé. Réessayez dans une minute; il se fait aussi chaque nuit.")
    )
    return undone(redirect("audit:flags"))


_FLAG = "signaux/<int:pk>/"
urlpatterns = [
    path("signaux/", flags, name="flags"),
    path("mes-signaux/", body_flags, name="body_flags"),
    path("signaux/recalculer/", refresh, name="flags_refresh"),
    path(_FLAG, flag, name="flag"),
    path(f"{_FLAG}expliquer/", page_of(EXPLAIN), name="flag_explain"),
    path(f"{_FLAG}ecarter/", page_of(DISMISS), name="flag_dismiss"),
    path(f"{_FLAG}reprendre/", page_of(TAKE_UP), name="flag_take_up"),
    path(f"{_FLAG}joindre/", join, name="flag_join"),
]
