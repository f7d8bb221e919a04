"""« Réexamen » of what is frozen, notes or admission: a page to ask for it, to accept, refuse or withdraw it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace import acts, lifecycle
from marketplace.acts import ConfirmForm, Page, act_page, attempt
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from proposals import rules
from proposals.access import opened_proposal
from proposals.enums import NoteReexaminationState, State
from proposals.evaluation import effect as effects
from proposals.evaluation import notes, reexamination_actions
from proposals.evaluation.board import criteria_of
from proposals.evaluation.forms import AdmissionReexaminationForm, NoteReexaminationForm
from proposals.models import NoteReexamination, Proposal


@act_page
def ask(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    """First of the two people: the notes as they should be, and why."""
    proposal = opened_proposal(request, number, public_id, at=clock.now())
    before = notes.last(proposal)
    criteria = criteria_of(proposal.opportunity)
    form = NoteReexaminationForm(
        data_of(request), criteria=criteria, scores=proposal.scores.all(), seen=before.number if before else 0
    )

    def verb() -> None:
        reason, values = form.cleaned_data["reason"], form.values()
        reexamination_actions.ask(proposal, by=request.user, reason=reason, values=values, seen=form.seen())

    if attempt(request, form, verb):
        messages.success(request, _("Réexamen demandé : une autre personne doit l’accepter ou le refuser."))
        return redirect(_of(proposal))
    _gate(proposal, request, proposal.state in {State.ADMISSIBLE, State.SCORED})
    context = {
        "opportunity": proposal.opportunity,
        "proposal": proposal,
        "form": form,
        "standing": before,
        "back": _of(proposal),
        "seen": form.data.get("seen", "0") if form.is_bound else form["seen"].initial,
    }
    return acts.show(request, "proposals/ask_note_reexamination.html", context)


@act_page
def ask_admission(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    """First of the two people: that a proposal be rejected, or admitted again, and why."""
    proposal = opened_proposal(request, number, public_id, at=clock.now())
    outcomes = admissions(proposal)
    form = AdmissionReexaminationForm(data_of(request), outcomes=outcomes)

    def verb() -> None:
        reexamination_actions.ask_admission(proposal, by=request.user, **form.cleaned_data)

    if outcomes and attempt(request, form, verb):
        messages.success(request, _("Réexamen demandé : une autre personne doit l’accepter ou le refuser."))
        return redirect(_of(proposal))
    _gate(proposal, request, bool(outcomes))
    context = {
        "opportunity": proposal.opportunity,
        "proposal": proposal,
        "form": form,
        "back": _of(proposal),
        "rejects": outcomes == [State.REJECTED],
    }
    return acts.show(request, "proposals/ask_admission_reexamination.html", context)


def admissions(proposal: Proposal) -> list[str]:
    """What a re-examination may make of a proposal's admission, once it is frozen."""
    outcomes = {
        State.OPENED: [State.ADMISSIBLE, State.REJECTED],
        State.ADMISSIBLE: [State.REJECTED],
        State.SCORED: [State.REJECTED],
        State.REJECTED: [State.ADMISSIBLE],
    }.get(State(proposal.state), [])
    return [str(one) for one in outcomes if one != State.ADMISSIBLE or proposal.opened.readable]


def _gate(proposal: Proposal, request: PersonRequest, possible: bool) -> None:
    """What the verb would refuse before anything is typed, with why."""
    if not rules.can_ask_note_reexamination(proposal, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    frozen = proposal.opportunity.notes_frozen_at is not None and proposal.opportunity.state == "evaluation"
    if not frozen or not possible:
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))
    if request.method != "POST" and NoteReexamination.objects.pending().filter(proposal=proposal).exists():
        raise IllegalMove(_("Un réexamen de cette proposition attend déjà une décision."))


@dataclass(frozen=True)
class Words:
    """What the pages of one decision say, of notes and of an admission."""

    title: str
    lead: str
    submit: str
    done: str


def _accepting(row: NoteReexamination) -> Words:
    if row.of_notes:
        return Words(
            _("Accepter le réexamen des notes"),
            _(
                "Les notes changent aussitôt, et les rangs sont recalculés. Le motif, le total et le rang avant et"
                " après seront publics à l’attribution; un signal le dira à l’organisme et aux vérificatrices et"
                " vérificateurs."
            ),
            _("Accepter : les notes changent"),
            _("Réexamen accepté : les notes ont changé, et la nouvelle empreinte est au registre."),
        )
    public = _(
        "Le motif et le rang avant et après seront publics à l’attribution; un signal le dira à l’organisme et aux"
        " vérificatrices et vérificateurs."
    )
    if row.outcome == State.REJECTED:
        return Words(
            _("Accepter que la proposition soit rejetée"),
            _("La proposition est rejetée aussitôt, et son prestataire est prévenu avec le motif du rejet.")
            + " "
            + public,
            _("Accepter : la proposition est rejetée"),
            _("Réexamen accepté : la proposition est rejetée. Le prestataire est prévenu, avec le motif."),
        )
    return Words(
        _("Accepter que la proposition soit admise"),
        _("La proposition est admise aussitôt; ses notes, si elle en a, comptent telles qu’elles sont.") + " " + public,
        _("Accepter : la proposition est admise"),
        _("Réexamen accepté : la proposition est admise."),
    )


def _refusing(row: NoteReexamination) -> Words:
    return Words(
        _("Refuser le réexamen des notes") if row.of_notes else _("Refuser le réexamen de l’admissibilité"),
        _("Rien ne change. La demande et votre motif sont gardés; ils ne seront pas publics."),
        _("Refuser"),
        _("Réexamen refusé. Rien n’a changé."),
    )


def _withdrawing(row: NoteReexamination) -> Words:
    return Words(
        _("Retirer la demande de réexamen"),
        _("Rien ne change. La demande retirée est gardée; elle ne sera pas publique."),
        _("Retirer ma demande"),
        _("Demande retirée."),
    )


def _why_refused(data: Any) -> forms.Form:
    return ReasonForm(data, help_text=_("La personne qui a demandé le lira."))


@act_page
def decide(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    """Second of the two people: what was and would be, the reason, one button."""
    return _act(request, (number, public_id, pk), "accept", _accepting, ConfirmForm)


@act_page
def refuse(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    return _act(request, (number, public_id, pk), "refuse", _refusing, _why_refused)


@act_page
def withdraw(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    return _act(request, (number, public_id, pk), "withdraw", _withdrawing, ConfirmForm)


def _act(
    request: PersonRequest,
    place: tuple[str, UUID, int],
    move: str,
    words_of: Callable[[NoteReexamination], Words],
    form_of: Callable[[Any], forms.Form],
) -> HttpResponse:
    number, public_id, pk = place
    proposal = opened_proposal(request, number, public_id, at=clock.now())
    row = get_object_or_404(NoteReexamination.objects.of(proposal.opportunity).filter(proposal=proposal), pk=pk)
    row.proposal = proposal
    words = words_of(row)
    form = form_of(data_of(request))
    verb = getattr(reexamination_actions, move)
    if attempt(request, form, lambda: verb(row, by=request.user, **form.cleaned_data)):
        messages.success(request, words.done)
        return redirect(_of(proposal))
    own = move != "withdraw" and row.asked_by_id == request.user.pk
    if own and request.method != "POST" and row.state == NoteReexaminationState.PENDING:
        return _own(request, row)
    lifecycle.gate(row, move, request.user)
    page = Page(title=words.title, lead=words.lead, submit=words.submit, tone="warn" if move == "accept" else "info")
    context = {
        "opportunity": proposal.opportunity,
        "proposal": proposal,
        "reexamination": row,
        "page": page,
        "form": form,
        "back": _of(proposal),
        "withdraws": move == "withdraw",
        "effect": _effect(row) if move == "accept" else None,
        "can_refuse": move == "accept" and row.can("refuse", request.user),
    }
    return acts.show(request, "proposals/note_reexamination.html", context)


def _own(request: PersonRequest, row: NoteReexamination) -> HttpResponse:
    """The decision's page for whoever asked: what is asked, and that somebody else decides."""
    page = Page(
        title=row.what,
        lead=_("Vous l’avez demandé : une autre personne, acheteuse ou responsable, en décide."),
        submit="",
    )
    proposal = row.proposal
    context = {"opportunity": proposal.opportunity, "proposal": proposal, "reexamination": row, "page": page}
    context |= {"form": ConfirmForm(), "back": _of(proposal), "own": True, "effect": _effect(row)}
    return acts.show(request, "proposals/note_reexamination.html", context)


def _effect(row: NoteReexamination) -> effects.Told | None:
    """On the ranks, if it were accepted now."""
    proposals = Proposal.objects.opened().filter(opportunity=row.opportunity).select_related("vendor")
    names = {str(one.public_id): str(one.vendor) for one in proposals.defer("draft")}
    return effects.told(effects.of(row), str(row.proposal.vendor), names)


def _of(proposal: Proposal) -> str:
    return reverse("proposals:examine", args=[proposal.opportunity.number, proposal.public_id])
