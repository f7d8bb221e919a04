"""« Réexamen des notes », once they are frozen: a page to ask for it, to accept it, to refuse it, to withdraw it."""

from collections.abc import Callable
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
from proposals.evaluation import notes, reexamination_actions
from proposals.evaluation.board import criteria_of
from proposals.evaluation.forms import NoteReexaminationForm
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
    _gate(proposal, request)
    context = {
        "opportunity": proposal.opportunity,
        "proposal": proposal,
        "form": form,
        "standing": before,
        "back": _of(proposal),
        "seen": form.data.get("seen", "0") if form.is_bound else form["seen"].initial,
    }
    return acts.show(request, "proposals/ask_note_reexamination.html", context)


def _gate(proposal: Proposal, request: PersonRequest) -> None:
    """What the verb would refuse before anything is typed."""
    if not rules.can_ask_note_reexamination(proposal, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    pending = NoteReexamination.objects.pending().filter(proposal=proposal).exists()
    frozen = proposal.opportunity.notes_frozen_at is not None and proposal.opportunity.state == "evaluation"
    if pending or not frozen or proposal.state not in {"admissible", "scored"}:
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))


@act_page
def decide(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    """Second of the two people: each note before and after, the reason, one button."""
    page = Page(
        title=_("Accepter le réexamen des notes"),
        lead=_(
            "Les notes changent aussitôt, et les rangs sont recalculés. Le motif et le total avant et après seront"
            " publics à l’attribution; un signal le dira à l’organisme et aux vérificatrices et vérificateurs."
        ),
        submit=_("Accepter : les notes changent"),
        tone="warn",
    )
    message = _("Réexamen accepté : les notes ont changé, et la nouvelle empreinte est au registre.")
    return _act(request, (number, public_id, pk), page, "accept", ConfirmForm, message)


@act_page
def refuse(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    page = Page(
        title=_("Refuser le réexamen des notes"),
        lead=_("Les notes restent telles qu’elles sont. La demande et votre motif sont gardés."),
        submit=_("Refuser"),
    )

    def form_of(data: Any) -> forms.Form:
        return ReasonForm(data, help_text=_("La personne qui a demandé le lira."))

    return _act(request, (number, public_id, pk), page, "refuse", form_of, _("Réexamen refusé. Les notes restent."))


@act_page
def withdraw(request: PersonRequest, number: str, public_id: UUID, pk: int) -> HttpResponse:
    page = Page(
        title=_("Retirer la demande de réexamen des notes"),
        lead=_("Les notes restent telles qu’elles sont. La demande retirée est gardée."),
        submit=_("Retirer ma demande"),
    )
    return _act(request, (number, public_id, pk), page, "withdraw", ConfirmForm, _("Demande retirée."))


def _act(
    request: PersonRequest,
    place: tuple[str, UUID, int],
    page: Page,
    move: str,
    form_of: Callable[[Any], forms.Form],
    message: str,
) -> HttpResponse:
    number, public_id, pk = place
    proposal = opened_proposal(request, number, public_id, at=clock.now())
    rows = NoteReexamination.objects.of(proposal.opportunity).filter(proposal=proposal)
    row = get_object_or_404(rows.prefetch_related("lines__criterion"), pk=pk)
    row.proposal = proposal
    form = form_of(data_of(request))
    verb = getattr(reexamination_actions, move)
    if attempt(request, form, lambda: verb(row, by=request.user, **form.cleaned_data)):
        messages.success(request, message)
        return redirect(_of(proposal))
    lifecycle.gate(row, move, request.user)
    context = {
        "opportunity": proposal.opportunity,
        "proposal": proposal,
        "reexamination": row,
        "page": page,
        "form": form,
        "back": _of(proposal),
        "move": move,
        "can_refuse": move == "accept" and row.can("refuse", request.user),
    }
    return acts.show(request, "proposals/note_reexamination.html", context)


def _of(proposal: Proposal) -> str:
    return reverse("proposals:examine", args=[proposal.opportunity.number, proposal.public_id])
