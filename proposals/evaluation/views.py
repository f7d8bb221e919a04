"""The evaluation, for the body's buyers and officers (auditors read): the table, and one opened proposal at a time."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.keep import keeps_typed, typed_before
from marketplace.ledger import entries as ledger
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity
from proposals.enums import State
from proposals.evaluation import actions
from proposals.evaluation.board import Board, board, criteria_of
from proposals.evaluation.forms import ConfirmForm, ReasonForm, RejectForm, ScoreForm
from proposals.models import Opening, Proposal


def occasion_for_staff(request: HttpRequest, number: str, *, at) -> Opportunity:
    """The occasion, for its body's people and auditors; 404 for everybody else, administrators included."""
    found = Opportunity.objects.visible_to(request.user, at=at).select_related("body", "recommended_by")
    opportunity = get_object_or_404(found, number=number)
    if not (occasion_rules.works_there(opportunity, request.user) or request.user.is_auditor):
        raise Http404
    return opportunity


def refuse_if_tied(opportunity: Opportunity, user) -> None:
    """PermissionDenied for a person of the body who belongs to one of the proponents."""
    if occasion_rules.has_tie(opportunity, user):
        raise PermissionDenied(
            _("Vous êtes membre d’un prestataire qui a déposé une proposition : l’évaluation ne vous est pas montrée.")
        )


# --- The table -------------------------------------------------------------------------------------------------------
@never_cache
@require_safe
def table(request: HttpRequest, number: str) -> HttpResponse:
    """`/occasions/<number>/evaluation/`. Before the opening: until when everything is sealed, and no count."""
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    opening = Opening.objects.filter(opportunity=opportunity).first()
    context = {"opportunity": opportunity, "opening": opening, "now": now}
    if opening is not None:
        refuse_if_tied(opportunity, request.user)
        shown = board(opportunity, request.user, at=now)
        context |= {"board": shown, "todo": _todo(shown, request.user), "waits": _waits(shown, request.user)}
        context["awards"] = list(opportunity.awards.select_related("proposal__vendor").order_by("-pk"))
        if any(row.price_cents is not None or row.rank is not None for row in shown.rows):
            ledger.record_read("evaluation", opportunity.ledger_subject(), by=request.user, at=now)
    context["acts"] = _acts(opportunity, request.user, opening)
    return render(request, "proposals/evaluation.html", context)


def _todo(shown: Board, user) -> list[dict]:
    """What this person can do now, most useful first (components/todo.html)."""
    opportunity = shown.opportunity
    items = []

    def add(title, why, url, action, due=None):
        items.append({"title": title, "why": why, "due": due, "url": url, "action": action})

    def page(name):
        return reverse(f"proposals:{name}", args=[opportunity.number])

    if opportunity.state == "evaluation" and occasion_rules.is_buyer(opportunity, user):
        for proposal in shown.to_examine:
            url = reverse("proposals:examine", args=[opportunity.number, proposal.public_id])
            add(str(proposal.vendor), _("Proposition à admettre ou à rejeter"), url, _("Examiner"))
        for proposal in shown.to_score:
            url = reverse("proposals:examine", args=[opportunity.number, proposal.public_id]) + "#noter"
            add(str(proposal.vendor), _("À noter, une note par critère"), url, _("Noter"))
    if opportunity.can("recommend", user) and shown.eligible:
        why = _("Une autre personne confirmera")
        if shown.sent_back:
            why = _("Recommandation renvoyée : %s") % shown.sent_back.decision_reason
        add(_("Recommander une attribution"), why, page("recommend"), _("Recommander"))
    if opportunity.can("confirm_award", user) and shown.pending:
        title = _("Confirmer l’attribution à %s") % shown.pending.proposal.vendor
        add(title, _("Recommandée par %s") % shown.pending.by, page("confirm"), _("Examiner"))
    nothing_left = not (shown.to_examine or shown.to_score or shown.eligible)
    if opportunity.can("conclude_without_award", user) and nothing_left:
        why = _("Aucune proposition ne peut être retenue") if shown.rows else _("Aucune proposition reçue")
        add(_("Conclure sans attribution"), why, page("conclude"), _("Conclure"))
    if opportunity.reversal_requested_by_id and opportunity.can("reverse_award", user):
        title = _("Annuler l’attribution, ou la laisser")
        add(title, _("Demandée : %s") % opportunity.reversal_reason, page("reverse"), _("Examiner"))
    return items


def _waits(shown: Board, user) -> str:
    """Whom the evaluation waits for, when it is not this person."""
    opportunity, left = shown.opportunity, len(shown.to_examine) + len(shown.to_score)
    if opportunity.state == "evaluation" and left:
        return ngettext(
            "Il reste %d proposition à examiner ou à noter par les personnes acheteuses.",
            "Il reste %d propositions à examiner ou à noter par les personnes acheteuses.",
            left,
        ) % left  # fmt: skip
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


def _acts(opportunity: Opportunity, user, opening) -> list[dict]:
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
def examine(request: HttpRequest, number: str, public_id) -> HttpResponse:
    """One opened proposal, and what can be decided about it."""
    opportunity, proposal = _fetch(request, number, public_id)
    return _page(request, opportunity, proposal)


def _fetch(request: HttpRequest, number: str, public_id):
    now = clock.now()
    opportunity = occasion_for_staff(request, number, at=now)
    refuse_if_tied(opportunity, request.user)
    found = Proposal.objects.visible_to(request.user, at=now).opened().filter(opportunity=opportunity)
    proposal = get_object_or_404(
        found.select_related("vendor", "examined_by", "opened__submission").prefetch_related("scores"),
        public_id=public_id,
    )
    proposal.opportunity = opportunity
    return opportunity, proposal


def _page(request: HttpRequest, opportunity, proposal, *, status=200, **bound) -> HttpResponse:
    """`bound`: the form that was refused or brought back, under its name; the others are new. That it was read is kept,
    by whatever address it was asked for."""
    at = clock.now()
    ledger.record_read("proposal", proposal.ledger_subject(), by=request.user, at=at)
    shown = board(opportunity, request.user, at=at)
    going = opportunity.state == "evaluation"

    def can(action):
        return going and proposal.can(action, request.user)

    row = next(row for row in shown.rows if row.proposal.pk == proposal.pk)
    order = sorted((r.proposal for r in shown.rows), key=lambda p: (p.opened.submission.received_at, p.pk))
    place = next(index for index, other in enumerate(order) if other.pk == proposal.pk)
    scores = list(proposal.scores.all())
    context = {
        "opportunity": opportunity,
        "proposal": proposal,
        "opened": proposal.opened,
        "proponent": proposal.opened.content.get("proponent", {}),
        "board": shown,
        "row": row,
        "previous": order[place - 1] if place else None,
        "following": order[place + 1] if place + 1 < len(order) else None,
        "can_admit": can("admit") and proposal.opened.readable,
        "can_reject": can("reject"),
        "can_score": can("score") and opportunity.scores_quality,
        "can_reexamine": can("reexamine"),
        "reject_form": RejectForm(),
        "score_form": ScoreForm(criteria=shown.criteria, scores=scores),
        "reexamine_form": _reexamine_form(),
        "failed": next(iter(bound.values()), None) if status == 422 else None,
        "kept": {score.criterion_id: score for score in scores},
    } | bound
    return render(request, "proposals/examine.html", context, status=status)


def _reexamine_form(data=None) -> ReasonForm:
    return ReasonForm(data, help_text=_("L’examen recommence; ce qui était décidé reste au registre, avec ce motif."))


def _post(request: HttpRequest, number: str, public_id, name: str, make, act, done: str) -> HttpResponse:
    """One act on a proposal: `make(data, opportunity, proposal)` gives the form, `act(proposal, form)` does it."""
    opportunity, proposal = _fetch(request, number, public_id)
    here = reverse("proposals:examine", args=[number, public_id])
    if request.method != "POST":
        # Back from signing in again: what was typed returns to its form; otherwise this address shows nothing.
        typed = typed_before(request)
        if typed is None:
            return redirect(here)
        return _page(request, opportunity, proposal, **{name: make(typed, opportunity, proposal)})
    form = make(request.POST, opportunity, proposal)
    if form.is_valid():
        try:
            act(proposal, form)
        except ValidationError as error:
            show_at(form, error)
            opportunity, proposal = _fetch(request, number, public_id)  # the refused move left its traces in memory
        else:
            messages.success(request, done)
            return redirect(_next(request, opportunity, proposal, here))
    elif not getattr(proposal, name.removesuffix("_form")).allowed(proposal, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    return _page(request, opportunity, proposal, status=422, **{name: form})


def _next(request, opportunity, proposal, here: str) -> str:
    """After admitting, the scores; otherwise the table, where what remains is listed."""
    if proposal.state == State.ADMISSIBLE:
        return f"{here}#noter"
    if proposal.state == State.OPENED:
        return here
    return reverse("proposals:evaluation", args=[opportunity.number])


@never_cache
@require_POST
def admit(request: HttpRequest, number: str, public_id) -> HttpResponse:
    return _post(
        request,
        number,
        public_id,
        "admit_form",
        lambda data, opportunity, proposal: ConfirmForm(data),
        lambda proposal, form: actions.admit(proposal, by=request.user),
        _("Proposition admise."),
    )


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def reject(request: HttpRequest, number: str, public_id) -> HttpResponse:
    return _post(
        request,
        number,
        public_id,
        "reject_form",
        lambda data, opportunity, proposal: RejectForm(data),
        lambda proposal, form: actions.reject(proposal, by=request.user, **form.cleaned_data),
        _("Proposition rejetée. Le prestataire est prévenu, avec le motif."),
    )


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def score(request: HttpRequest, number: str, public_id) -> HttpResponse:
    return _post(
        request,
        number,
        public_id,
        "score_form",
        lambda data, opportunity, proposal: ScoreForm(
            data, criteria=criteria_of(opportunity), scores=proposal.scores.all()
        ),
        lambda proposal, form: actions.score(proposal, by=request.user, values=form.values()),
        _("Notes enregistrées."),
    )


@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def reexamine(request: HttpRequest, number: str, public_id) -> HttpResponse:
    return _post(
        request,
        number,
        public_id,
        "reexamine_form",
        lambda data, opportunity, proposal: _reexamine_form(data),
        lambda proposal, form: actions.reexamine(proposal, by=request.user, reason=form.cleaned_data["reason"]),
        _("L’examen de cette proposition recommence."),
    )
