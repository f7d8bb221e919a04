"""The evaluation, for the body's buyers and officers (auditors read): the table, and one opened proposal at a time."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.acts import ConfirmForm, act_page, attempt, draft_page
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of
from marketplace.ledger import entries as ledger
from marketplace.models import User
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from marketplace.twice.once import once
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals import rules
from proposals.access import occasion_for_staff, opened_proposal, refuse_if_tied
from proposals.award import actions as award_actions
from proposals.dashboard.todo import Item, item
from proposals.deposit import declarations, overlap
from proposals.enums import NoteReexaminationState, State
from proposals.evaluation import actions, notes
from proposals.evaluation.board import Board, Row, board, criteria_of
from proposals.evaluation.forms import RejectForm, ScoreField, ScoreForm
from proposals.evaluation.reexamination_views import admissions
from proposals.models import NotesVersion, Opening, Proposal
from proposals.opening.actions import Outcome
from proposals.opening.middleware import outcome_of
from vendors.eligibility import actions as eligibility


# --- The table -------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def table(request: PersonRequest, number: str) -> HttpResponse:
    """`/occasions/<number>/evaluation/`. Before the opening: until when everything is sealed, and no count."""
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    opening = Opening.objects.filter(opportunity=opportunity).first()
    context: dict[str, Any] = {"opportunity": opportunity, "opening": opening, "now": now}
    context["waiting"] = opportunity.is_due(at=now)
    context["under_way"] = outcome_of(request) is Outcome.UNDER_WAY
    if opening is not None:
        refuse_if_tied(opportunity, request.user)
        shown = board(opportunity, request.user, at=now)
        context |= {"board": shown, "todo": _todo(shown, request.user), "waits": _waits(shown, request.user)}
        officer = occasion_rules.is_officer(opportunity, request.user)
        context["works_there"] = occasion_rules.works_there(opportunity, request.user)
        context["has_file"] = officer or request.user.is_auditor  # who may download the case file, and read the audit
        context["may_contract"] = opportunity.state == "awarded" and context["works_there"]
        context["overlaps"] = overlap.declared(opportunity)
        context["freezing"] = notes.freezing(opportunity)
        context["awards"] = list(opportunity.awards.select_related("proposal__vendor").order_by("-pk"))
        if any(row.price_cents is not None or row.rank is not None for row in shown.rows):
            ledger.record_read("evaluation", opportunity.ledger_subject(), by=request.user, at=now)
    context["acts"] = _acts(opportunity, request.user, opening)
    return render(request, "proposals/evaluation.html", context)


def _todo(shown: Board, user: User) -> list[Item]:
    """What this person can do now, most useful first (components/todo.html)."""
    opportunity = shown.opportunity
    items = []

    def add(title: str, why: str, url: str, action: str) -> None:
        items.append(item(title, why, url, action))

    def page(name: str) -> str:
        return reverse(f"proposals:{name}", args=[opportunity.number])

    if opportunity.state == "evaluation" and occasion_rules.is_buyer(opportunity, user):
        for proposal in shown.to_examine:
            url = reverse("proposals:examine", args=[opportunity.number, proposal.public_id])
            add(str(proposal.vendor), _("Proposition à admettre ou à rejeter"), url, _("Examiner"))
        for proposal in shown.to_score:
            url = reverse("proposals:examine", args=[opportunity.number, proposal.public_id]) + "#noter"
            add(str(proposal.vendor), _("À noter, une note par critère"), url, _("Noter"))
    if opportunity.can("unveil_prices", user) and shown.ready_to_unveil:
        why = _("Toutes les notes sont données; elles seront gelées")
        add(_("Dévoiler les prix"), why, page("unveil_prices"), _("Dévoiler les prix"))
    for row in shown.reexaminations:
        if row.state == NoteReexaminationState.PENDING and row.can("accept", user):
            args = [opportunity.number, row.proposal.public_id, row.pk]
            url = reverse("proposals:decide_note_reexamination", args=args)
            title = _("%(what)s : %(vendor)s") % {"what": row.what, "vendor": row.proposal.vendor}
            add(title, _("Demandé par %s") % row.asked_by, url, _("Examiner"))
    if opportunity.can("recommend", user) and shown.eligible and not shown.reexamination_pending:
        why = _("Une autre personne confirmera")
        if shown.sent_back:
            why = _("Recommandation renvoyée : %s") % shown.sent_back.decision_reason
        add(_("Recommander une attribution"), why, page("recommend"), _("Recommander"))
    if opportunity.can("confirm_award", user) and shown.pending:
        title = _("Confirmer l’attribution à %s") % shown.pending.proposal.vendor
        add(title, _("Recommandée par %s") % shown.pending.by, page("confirm"), _("Examiner"))
    nothing_left = not (shown.to_examine or shown.to_score or shown.eligible or shown.ready_to_unveil)
    if opportunity.can("conclude_without_award", user) and nothing_left:
        why = _("Aucune proposition ne peut être retenue") if shown.rows else _("Aucune proposition reçue")
        add(_("Conclure sans attribution"), why, page("conclude"), _("Conclure"))
    if opportunity.reversal_requested_by_id and opportunity.can("reverse_award", user):
        title = _("Annuler l’attribution, ou la laisser")
        add(title, _("Demandée : %s") % opportunity.reversal_reason, page("reverse"), _("Examiner"))
    return items


def _waits(shown: Board, user: User) -> str:
    """Whom the evaluation waits for, when it is not this person."""
    opportunity, left = shown.opportunity, len(shown.to_examine) + len(shown.to_score)
    if opportunity.state == "evaluation" and left:
        return ngettext(
            "Il reste %d proposition à examiner ou à noter par les personnes acheteuses.",
            "Il reste %d propositions à examiner ou à noter par les personnes acheteuses.",
            left,
        ) % left  # fmt: skip
    if opportunity.state == "evaluation" and shown.ready_to_unveil:
        return _("Toutes les notes sont données : une personne acheteuse peut dévoiler les prix.")
    if opportunity.state == "evaluation" and shown.reexamination_pending:
        return _("Un réexamen attend une décision, par une autre personne que celle qui l’a demandé.")
    if opportunity.state == "evaluation" and shown.eligible:
        return _("Toutes les notes sont données : une personne acheteuse peut recommander une attribution.")
    if opportunity.state == "evaluation":
        return _("Aucune proposition ne peut être retenue : une ou un responsable peut conclure sans attribution.")
    if opportunity.state == "recommended" and opportunity.recommended_by_id == user.pk:
        return _("Vous avez recommandé : une autre personne, responsable, doit confirmer.")
    if opportunity.state == "recommended":
        return _("Une ou un responsable, autre que la personne qui a recommandé, doit confirmer.")
    if opportunity.reversal_requested_by_id:
        return _("L’annulation de l’attribution est demandée : une seconde personne doit la confirmer.")
    return ""


def _acts(opportunity: Opportunity, user: User, opening: Opening | None) -> list[dict]:
    """The other buttons: shown only to those who can."""
    reversal = opportunity.reversal_requested_by_id is None and occasion_rules.can_request_reversal(opportunity, user)
    entries = [
        ("send_back", _("Renvoyer à l’évaluation"), opportunity.can("reject_recommendation", user), False),
        ("conclude", _("Conclure sans attribution"), opportunity.can("conclude_without_award", user), False),
        ("suspend", _("Suspendre"), opening is None and opportunity.can("suspend", user), False),
        ("resume", _("Reprendre"), opportunity.can("resume", user), False),
        ("reverse", _("Demander l’annulation de l’attribution"), reversal, True),
        ("cancel", _("Annuler l’occasion"), opportunity.can("cancel", user), True),
    ]
    return [
        {"url": reverse(f"proposals:{name}", args=[opportunity.number]), "label": label, "danger": danger}
        for name, label, shown, danger in entries
        if shown
    ]


# --- One proposal ----------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def examine(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    """One opened proposal, and what can be decided about it."""
    return _page(request, opened_proposal(request, number, public_id, at=clock.now()), None)


def _page(
    request: PersonRequest, proposal: Proposal, overtaken: NotesVersion | None, **bound: forms.Form
) -> HttpResponse:
    """`bound`: the form that was refused or brought back, under its name; the others are new. That it was read is kept,
    by whatever address it was asked for. `overtaken`: the notes that somebody saved meanwhile, shown beside those that
    were typed; nothing was written.
    """
    opportunity, at = proposal.opportunity, clock.now()
    ledger.record_read("proposal", proposal.ledger_subject(), by=request.user, at=at)
    shown = board(opportunity, request.user, at=at)
    going = opportunity.state == "evaluation"

    def can(action: str) -> bool:
        return going and proposal.can(action, request.user)

    row = next(row for row in shown.rows if row.proposal.pk == proposal.pk)
    order = sorted((r.proposal for r in shown.rows), key=lambda p: (p.opened.submission.received_at, p.pk))
    place = next(index for index, other in enumerate(order) if other.pk == proposal.pk)
    scores, frozen = list(proposal.scores.all()), opportunity.notes_frozen_at is not None
    # Where the price alone decides there is no note, nor a version of any.
    rows = proposal.notes_versions.select_related("by").order_by("-number")
    versions = list(rows) if opportunity.scores_quality else []
    last = versions[0].number if versions else 0
    score_form = bound.get("score_form")
    # A page that comes back for another reason still shows what it showed: what was saved since is not seen yet.
    kept_seen = score_form is not None and overtaken is None
    refused = request.method == "POST"
    reexaminations = _reexaminations(shown, proposal, request.user) if frozen else []
    pending = any(one["row"].state == NoteReexaminationState.PENDING for one in reexaminations)
    context = {
        "opportunity": opportunity,
        "proposal": proposal,
        "opened": proposal.opened,
        "proponent": proposal.opened.content.get("proponent", {}),
        "declarations": declarations.told(proposal.opened.content) if proposal.opened.readable else [],
        "board": shown,
        "overlaps": [one for one in overlap.declared(opportunity) if proposal in (one.proposal, *one.others)],
        "row": row,
        "previous": order[place - 1] if place else None,
        "following": order[place + 1] if place + 1 < len(order) else None,
        "can_admit": can("admit") and not frozen and proposal.opened.readable,
        "can_reject": can("reject") and not frozen,
        "can_score": can("score") and opportunity.scores_quality and not frozen,
        "can_reexamine": can("reexamine") and not frozen,
        "reject_form": RejectForm(),
        "score_form": ScoreForm(criteria=shown.criteria, scores=scores, seen=last),
        "seen": score_form.data.get("seen", "0") if kept_seen and score_form else last,
        "overtaken": _beside(overtaken, score_form) if overtaken and score_form else None,
        "versions": [(version, notes.total(version.criteria)) for version in versions],
        "frozen": frozen,
        "reexaminations": reexaminations,
        "asks": _asks(proposal, request.user) if going and frozen and not pending else {},
        "ask_waits": going and pending and rules.can_ask_note_reexamination(proposal, request.user),
        "reexamine_form": _reexamine_form(None),
        "failed": next(iter(bound.values())) if refused and overtaken is None else None,
        "kept": {score.criterion_id: score for score in scores},
        **_standing(row, at=at),
    } | bound
    status = 409 if overtaken else 422 if refused else 200
    return render(request, "proposals/examine.html", context, status=status)


def _standing(row: Row, *, at: datetime) -> dict[str, Any]:
    """How the vendor stands, while it can still be retained; a price that waits is not told by what it asks for."""
    opportunity, today = row.proposal.opportunity, local(at).date()
    if opportunity.state not in {"evaluation", "recommended"} or not row.proposal.opened.readable:
        return {}
    if opportunity.asks_price and row.price_cents is None:
        least = eligibility.attestation_from_cents(today)
        return {"checks_wait": opportunity.prices_wait, "attestation_from": least}
    return {"checks": eligibility.standings([award_actions.case(row.proposal)], on=today)}


def _beside(theirs: NotesVersion, form: forms.Form) -> dict[str, Any]:
    """Both versions, criterion by criterion, for whoever must choose."""
    lines = []
    for typed in cast(ScoreForm, form).lines():
        criterion = typed["criterion"]
        mine = {"value": _read(typed["score"].value()), "comment": (typed["comment"].value() or "").strip()}
        other = theirs.line(criterion.pk) or {"value": "", "comment": ""}
        same = mine["value"] == _read(other["value"]) and mine["comment"] == other["comment"]
        lines.append({"criterion": criterion, "theirs": other, "mine": mine, "differs": not same})
    return {"version": theirs, "lines": lines, "same": sum(not line["differs"] for line in lines)}


def _read(typed: Any) -> Decimal | str:
    """« 91,5 » and « 91,50 » are the same note; what is not a note stays as typed."""
    try:
        return ScoreField(required=False).clean(typed) or ""
    except ValidationError:
        return str(typed)


def _asks(proposal: Proposal, user: User) -> dict[str, str]:
    """{what: address} of the re-examinations that this person may ask of a proposal that is frozen."""
    if not rules.can_ask_note_reexamination(proposal, user):
        return {}
    args = [proposal.opportunity.number, proposal.public_id]
    asks = {}
    if proposal.opportunity.scores_quality and proposal.state in {State.ADMISSIBLE, State.SCORED}:
        asks["notes"] = reverse("proposals:ask_note_reexamination", args=args)
    outcomes = admissions(proposal)
    if outcomes:
        name = outcomes[0] if len(outcomes) == 1 else "admission"
        asks[name] = reverse("proposals:ask_admission_reexamination", args=args)
    return asks


def _reexaminations(board: Board, proposal: Proposal, user: User) -> list[dict[str, Any]]:
    """Those of this proposal, oldest first, with what this person may do of the one that waits."""
    shown = []
    for row in board.reexaminations:
        if row.proposal_id != proposal.pk:
            continue
        args = [proposal.opportunity.number, proposal.public_id, row.pk]
        names = {"accept": "decide", "withdraw": "withdraw"}
        urls = {
            move: reverse(f"proposals:{name}_note_reexamination", args=args)
            for move, name in names.items()
            if row.can(move, user)
        }
        shown.append({"row": row, "urls": urls})
    return shown


def _act(
    request: PersonRequest, proposal: Proposal, move: str, form: forms.Form, verb: Callable[[], None], message: str
) -> HttpResponse:
    """One act on a proposal, whose form is on the proposal's page; the address of the act itself shows nothing."""
    here = reverse("proposals:examine", args=[proposal.opportunity.number, proposal.public_id])
    if attempt(request, form, verb):
        messages.success(request, message)
        return redirect(_next(proposal, here))
    if not form.is_bound:
        return redirect(here)
    if request.method == "POST" and not getattr(Proposal, move).allowed(proposal, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    # Refused, or typed before signing in again: it comes back in its place.
    return _page(request, proposal, None, **{f"{move}_form": form})


def _next(proposal: Proposal, here: str) -> str:
    """After admitting, the scores; otherwise the table, where what remains is listed."""
    if proposal.state == State.ADMISSIBLE:
        return f"{here}#noter"
    if proposal.state == State.OPENED:
        return here
    return reverse("proposals:evaluation", args=[proposal.opportunity.number])


@never_cache
@require_POST
@once
def admit(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    proposal, form = opened_proposal(request, number, public_id, at=clock.now()), ConfirmForm(request.POST)

    def verb() -> None:
        actions.admit(proposal, by=request.user)

    return _act(request, proposal, "admit", form, verb, _("Proposition admise."))


@act_page
def reject(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    proposal, form = opened_proposal(request, number, public_id, at=clock.now()), RejectForm(data_of(request))

    def verb() -> None:
        actions.reject(proposal, by=request.user, **form.cleaned_data)

    return _act(
        request, proposal, "reject", form, verb, _("Proposition rejetée. Le prestataire est prévenu, avec le motif.")
    )


@draft_page
def score(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    proposal = opened_proposal(request, number, public_id, at=clock.now())
    criteria, scores = criteria_of(proposal.opportunity), proposal.scores.all()
    form = ScoreForm(data_of(request), criteria=criteria, scores=scores)

    def verb() -> None:
        actions.score(proposal, by=request.user, values=form.values(), seen=form.seen())

    try:
        return _act(request, proposal, "score", form, verb, _("Notes enregistrées."))
    except actions.Overtaken as other:
        return _page(request, proposal, other.version, score_form=form)


@act_page
def reexamine(request: PersonRequest, number: str, public_id: UUID) -> HttpResponse:
    proposal, form = opened_proposal(request, number, public_id, at=clock.now()), _reexamine_form(data_of(request))

    def verb() -> None:
        actions.reexamine(proposal, by=request.user, **form.cleaned_data)

    return _act(
        request, proposal, "reexamine", form, verb, _("L’admissibilité de cette proposition est à décider de nouveau.")
    )


def _reexamine_form(data: Any) -> ReasonForm:
    return ReasonForm(
        data,
        help_text=_("L’admissibilité est à décider de nouveau; ce qui l’était reste au registre, avec ce motif."),
    )
