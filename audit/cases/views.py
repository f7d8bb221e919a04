"""Pages of the monitorings: the list, one case, a page for each act, the documents.

For auditors, and for the officers of the body once something was asked or concluded; 404 for everybody else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit import conditions, rules
from audit.access import auditors_and_officers, auditors_only
from audit.cases import actions, subjects
from audit.cases.emails import BY_AUDITORS
from audit.cases.forms import AskForm, ConcludeForm, MessageForm, OpenForm
from audit.cases.status import AUDITOR, badge, flag_title, late_words, lateness, note_title, outcome, standing
from audit.enums import TOLD, FlagState, Note, State
from audit.models import Monitoring, MonitoringFile, RedFlag
from marketplace.acts import Page, View, act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files.downloads import stored_download
from marketplace.files.shelf import chosen
from marketplace.keep import data_of
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove, gate
from marketplace.lists import FilterForm, Ticked, page
from marketplace.models import User
from marketplace.requests import PersonRequest
from marketplace.texts import Words
from marketplace.twice.once import number_of
from opportunities.models import Opportunity, PublicBody

PAGE = 20
# Filters of the list: {value: (label, what it keeps)}; `corrected` is visible_to's.
FINDINGS = {
    "manquement": (gettext_lazy("Manquement relevé"), Q(finding=True)),
    "corrige": (gettext_lazy("Manquement corrigé"), Q(finding=True, corrected=True)),
    "sans-correctif": (
        gettext_lazy("Manquement, fermé sans correctif"), Q(state=State.CLOSED, finding=True, corrected=False)
    ),
    "aucun": (gettext_lazy("Sans manquement"), Q(finding=False)),
    "a-venir": (gettext_lazy("Pas encore conclue"), Q(finding=None)),
}  # fmt: skip


# --- The list --------------------------------------------------------------------------------------------------------
class CaseFilter(FilterForm):
    """`organisme` and `etat`: those that the person may see."""

    organisme = forms.ChoiceField(required=False)
    etat = forms.ChoiceField(required=False)
    constat = forms.ChoiceField(required=False, choices=[(value, label) for value, (label, _q) in FINDINGS.items()])
    miennes = Ticked()
    retard = Ticked()


@require_safe
@auditors_and_officers
def monitorings(request: PersonRequest) -> HttpResponse:
    """Those that the person may see, the last one first, a page at a time."""
    at, user = clock.now(), request.user
    today, seen = local(at).date(), Monitoring.objects.visible_to(user, at=at)
    bodies = PublicBody.objects.filter(opportunities__monitorings__in=seen).distinct().order_by("sort_key", "pk")
    form = CaseFilter(
        request.GET,
        organisme=[(str(body.pk), body.name) for body in bodies],
        etat=[(state.value, state.label) for state in State if user.is_auditor or state in TOLD],
    )
    rows = _matching(seen, form.asked, user, today).with_last().for_list()
    cases = page(request, rows, order=("-opened_at", "-pk"), size=PAGE, pairs=form.pairs)
    context = {
        "rows": [(case, badge(case), standing(case, today)) for case in cases.rows],
        "form": form,
        "older": cases.older,
        "first": cases.first,
    }
    return render(request, "audit/cases.html", context)


def _matching(rows, asked: dict, user: User, today):
    if asked["organisme"]:
        rows = rows.filter(opportunity__body=asked["organisme"])
    if asked["etat"]:
        rows = rows.filter(state=asked["etat"])
    if asked["constat"]:
        rows = rows.filter(FINDINGS[asked["constat"]][1])
    if asked["miennes"]:
        rows = rows.filter(Q(opened_by=user) | Q(concluded_by=user))
    return rows.late(today) if asked["retard"] else rows


# --- One case --------------------------------------------------------------------------------------------------------
def case_of(request: PersonRequest, number: str, *, at) -> Monitoring:
    rows = Monitoring.objects.visible_to(request.user, at=at).with_last().for_list()
    return get_object_or_404(rows, number=number)


@never_cache
@require_safe
def monitoring(request: PersonRequest, number: str) -> HttpResponse:
    """Where it stands and what comes next, then every message with its documents, then the signals joined."""
    at, user = clock.now(), request.user
    case = case_of(request, number, at=at)
    notes = list(case.notes.select_related("by").prefetch_related("files"))
    today = local(at).date()
    where, late = standing(case, today), lateness(notes)
    context = {
        "case": case,
        "badge": badge(case),
        "outcome": outcome(case),
        "where": where,
        "acts": _acts(case, user, where, today),
        "thread": [_shown(case, note, late) for note in notes],
        "flags": [_flag(case, flag, user) for flag in RedFlag.objects.visible_to(user).filter(monitoring=case)],
        "answers": rules.can_answer(case, user),
        "audits": rules.can_monitor(case, user),
    }
    return render(request, "audit/case.html", context)


def _flag(case: Monitoring, flag: RedFlag, user) -> dict:
    """A signal of the case, and what remains to decide of it: closing the case decides nothing of its signals."""
    flag.opportunity = case.opportunity
    act, ended = "", case.finding is not None
    if flag.shown == FlagState.DISMISSED:
        text = _("Il ne compte plus : rien ne reste à décider.")
    elif ended and flag.can("dismiss", user):
        act, label = "flag_dismiss", _("Écarter")
        text = _("La vérification est conclue : écartez-le s’il n’a plus lieu d’être; sinon, il reste compté.")
    elif flag.can("dismiss", user):
        text = _("À décider avec la conclusion : jusque-là, il reste compté.")
    elif flag.shown != FlagState.EXPLAINED and flag.can("explain", user):
        act, label = "flag_explain", _("Expliquer")
        text = _("Il reste compté tant que la vérification ne l’écarte pas : votre organisme peut l’expliquer.")
    else:
        text = _("Il reste compté tant que la vérification ne l’écarte pas.")
    link = {"url": reverse(f"audit:{act}", args=[flag.pk]), "label": label} if act else None
    return {"row": flag, "title": flag_title(flag), "text": text, "act": link}


def _shown(case: Monitoring, note, late: dict[int, int]) -> dict:
    files = list(note.files.all())
    return {
        "note": note,
        "title": note_title(case, note),
        "late": late_words(late.get(note.pk, 0)),
        "files": [file for file in files if not file.is_letter],
        "letter": next((file for file in files if file.is_letter), None),
        "by_body": note.kind not in BY_AUDITORS,
    }


def _acts(case: Monitoring, user, where: dict, today) -> list[dict]:
    """The buttons of those who may: the first is filled when it is their turn."""
    replies = rules.can_answer(case, user)
    mine = where["turn"] == AUDITOR
    # As conditions.nothing_awaited: a remedy is awaited until its last day, announced or not.
    awaited = case.state == State.CONCLUDED and bool(case.finding) and today <= case.due_on
    remedy = case.state == State.CONCLUDED and case.finding
    reply = _("Compléter la réponse") if mine else _("Répondre")
    announce = _("Compléter l’annonce") if mine else _("Annoncer le correctif")
    asked, opened = case.state == State.ASKED, case.state == State.OPEN
    concludes = case.can("conclude", user)
    entries = [
        ("answer", reply, replies and actions.may_reply(case, Note.ANSWER), not mine),
        ("announce_remedy", announce, replies and actions.may_reply(case, Note.REMEDY), not mine),
        ("accept_remedy", _("Constater le correctif"), remedy and case.can("accept_remedy", user), mine),
        ("conclude", _("Conclure"), asked and concludes, mine),
        ("ask", _("Demander des explications"), case.can("ask", user), opened),
        ("conclude", _("Conclure"), opened and concludes, False),
        ("close", _("Fermer la vérification"), case.can("close", user) and not awaited, mine),
    ]
    shown = [(name, label, first) for name, label, able, first in entries if able]
    return [
        {"url": reverse(f"audit:{name}", args=[case.number]), "label": label, "primary": first and rank == 0}
        for rank, (name, label, first) in enumerate(shown)
    ]


# --- Acts ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Act(Page):
    """One act on a case, on a page of its own. `may`: (case, user), raises what the act would be refused for."""

    verb: Callable[..., None]
    may: Callable[[Monitoring, User], None]
    label: Words  # of the text
    done: Words
    form: type[MessageForm] = MessageForm
    replies: bool = False  # by the body, to the last message


def _move(name: str, *conditions: Callable) -> Callable[[Monitoring, User], None]:
    """What the move asks, and what it would complain of whatever is typed."""

    def may(case: Monitoring, user: User) -> None:
        gate(case, name, user)
        for condition in conditions:
            try:
                condition(case, clock.now())
            except ValidationError as error:  # nothing that is typed can mend it: said instead of the form
                raise IllegalMove(error.messages[0]) from error

    return may


def _reply(kind: Note) -> Callable[[Monitoring, User], None]:
    return lambda case, user: actions.gate_reply(case, kind, user)


_READ_BY_BODY = gettext_lazy("L’organisme lira ce texte et les documents joints. Rien ne se modifie après l’envoi.")
_READ_BY_AUDITORS = gettext_lazy(
    "Les vérificatrices et vérificateurs liront ce texte et les documents joints. Rien ne se modifie après l’envoi."
)
ASK = Act(
    gettext_lazy("Demander des explications"), _READ_BY_BODY, gettext_lazy("Envoyer la demande"),
    label=gettext_lazy("Ce que vous demandez"),
    done=gettext_lazy("Demande envoyée. Les responsables de l’organisme sont prévenus."), verb=actions.ask,
    may=_move("ask"), form=AskForm,
)  # fmt: skip
ANSWER = Act(
    gettext_lazy("Répondre à la demande d’explications"), _READ_BY_AUDITORS, gettext_lazy("Envoyer la réponse"),
    label=gettext_lazy("Votre réponse"), done=gettext_lazy("Réponse envoyée. La vérification est prévenue."),
    verb=actions.answer, may=_reply(Note.ANSWER), replies=True,
)  # fmt: skip
CONCLUDE = Act(
    gettext_lazy("Conclure la vérification"), _READ_BY_BODY, gettext_lazy("Conclure"),
    label=gettext_lazy("Constats et motifs"),
    done=gettext_lazy("Conclusion envoyée. Les responsables de l’organisme sont prévenus."), verb=actions.conclude,
    may=_move("conclude"), form=ConcludeForm,
)  # fmt: skip
ANNOUNCE_REMEDY = Act(
    gettext_lazy("Annoncer le correctif"), _READ_BY_AUDITORS, gettext_lazy("Envoyer"),
    label=gettext_lazy("Ce que l’organisme a corrigé"),
    done=gettext_lazy("Correctif annoncé. La vérification est prévenue."), verb=actions.announce_remedy,
    may=_reply(Note.REMEDY), replies=True,
)  # fmt: skip
ACCEPT_REMEDY = Act(
    gettext_lazy("Constater le correctif"), _READ_BY_BODY, gettext_lazy("Constater le correctif"),
    label=gettext_lazy("Ce que vous constatez"),
    done=gettext_lazy("Correctif constaté. Les responsables de l’organisme sont prévenus."),
    verb=actions.accept_remedy, may=_move("accept_remedy", conditions.with_finding),
)  # fmt: skip
CLOSE = Act(
    gettext_lazy("Fermer la vérification"), _READ_BY_BODY, gettext_lazy("Fermer la vérification"),
    label=gettext_lazy("Mot de la fin"),
    done=gettext_lazy("Vérification fermée. Les responsables de l’organisme sont prévenus."), verb=actions.close,
    may=_move("close", conditions.nothing_awaited),
)  # fmt: skip


def page_of(act: Act) -> View:
    """The view of one act: what was last said beside the form; what was typed comes back with what is wrong."""

    @act_page
    def view(request: PersonRequest, number: str) -> HttpResponse:
        case = case_of(request, number, at=clock.now())
        form = act.form(data_of(request), chosen(request), label=act.label)
        act.may(case, request.user)
        key = number_of(request.POST)
        if attempt(request, form, lambda: act.verb(case, by=request.user, key=key, **form.cleaned_data)):
            messages.success(request, str(act.done))
            return redirect(case)
        notes = list(case.notes.select_related("by").prefetch_related("files"))
        last = _shown(case, notes[-1], lateness(notes))
        context = {
            "case": case,
            "act": act,
            "form": form,
            "last": last,
            "unread": last["by_body"] or act.replies,  # what the other side said
        }
        return show(request, "audit/case_act.html", context)

    return view


@act_page
@auditors_only
def open_monitoring(request: PersonRequest, number: str) -> HttpResponse:
    """An auditor opens a case about a published occasion; its signals may join it: `?signal=<pk>`, already ticked.

    What a page found is already written: audit/cases/subjects.py says which parameters it knows.
    """
    at, user = clock.now(), request.user
    occasion = get_object_or_404(Opportunity.objects.public().select_related("body"), number=number)
    actions.gate_open(occasion, user)
    joined = actions.flags_of(occasion, user)
    form = OpenForm(
        data_of(request), chosen(request), flags=joined.order_by("-first_at", "-pk"),
        label=_("Motif de l’ouverture"),
        help_text=_("L’organisme le lira avec la première demande ou avec la conclusion, pas avant."),
        initial={"flags": request.GET.getlist("signal")} | subjects.prefilled(request.GET, occasion, user, at=at),
    )  # fmt: skip
    key = number_of(request.POST)
    if opened := attempt(request, form, lambda: actions.open_(occasion, by=user, key=key, **form.cleaned_data)):
        messages.success(request, _("Vérification ouverte. L’organisme n’en est pas encore prévenu."))
        return redirect(opened.result)
    others = Monitoring.objects.visible_to(user, at=at).with_last().filter(opportunity=occasion).order_by("-pk")
    context = {
        "occasion": occasion,
        "others": [(other, badge(other)) for other in others],
        "form": form,
    }
    return show(request, "audit/case_open.html", context)


# --- Documents -------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def file(request: PersonRequest, number: str, file_id: UUID) -> HttpResponseBase:
    """A document or a letter, as a download: never shown in our pages. Who reads the other side's is in the ledger."""
    at = clock.now()
    case = case_of(request, number, at=at)
    rows = MonitoringFile.objects.filter(note__monitoring=case).select_related("note")
    document = get_object_or_404(rows, public_id=file_id)
    download = stored_download(document.file, document.name, document.content_type)
    own = rules.can_monitor if document.note.kind in BY_AUDITORS else rules.can_answer
    if not own(case, request.user):
        ledger.record_read("file", case.ledger_subject(), by=request.user, at=at, file=document.sha256)
    return download


_CASE = "dossiers/<code:number>/"
urlpatterns = [
    path("dossiers/", monitorings, name="monitorings"),
    path(_CASE, monitoring, name="monitoring"),
    path(f"{_CASE}demander/", page_of(ASK), name="ask"),
    path(f"{_CASE}repondre/", page_of(ANSWER), name="answer"),
    path(f"{_CASE}conclure/", page_of(CONCLUDE), name="conclude"),
    path(f"{_CASE}correctif/", page_of(ANNOUNCE_REMEDY), name="announce_remedy"),
    path(f"{_CASE}constater/", page_of(ACCEPT_REMEDY), name="accept_remedy"),
    path(f"{_CASE}fermer/", page_of(CLOSE), name="close"),
    path(f"{_CASE}fichiers/<uuid:file_id>", file, name="monitoring_file"),
    path("occasions/<code:number>/ouvrir/", open_monitoring, name="open_monitoring"),
]
