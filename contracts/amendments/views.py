"""What changes a contract or ends it: the section of its page; a page for each turn of an amendment.

The pages of acts are for the parties, auditors read; strangers get 404. Those of the end: contracts/end/views.py.
"""

from datetime import date
from decimal import Decimal

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from contracts import rules
from contracts.amendments import actions
from contracts.amendments.forms import AcceptForm, AmendForm, ApproveForm, planned_forms
from contracts.deliveries.views import contract_of
from contracts.end import actions as end_actions
from contracts.enums import State
from contracts.models import Amendment, Contract, Performance
from contracts.publication import actions as publication_actions
from marketplace.acts import ConfirmForm, show_at
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, keeps_typed, typed_before
from marketplace.lifecycle import IllegalMove, gate
from marketplace.reasons import ReasonForm
from opportunities.conditions import ceiling_cents

TONES = {"proposed": "warn", "approved": "warn", "in_force": "ok", "refused": "bad", "withdrawn": "neutral"}
FIELDS = {"delta": "amount", "plan": None}  # where the form shows what the verbs name


# --- On the contract's page ------------------------------------------------------------------------------------------
def section(contract: Contract, user, at) -> dict:
    """_changes.html: amendments, publications, evaluation, and what this person can do.

    The public reads amendments in force and publications made; the parties and auditors read the rest.
    """
    entitled = rules.reads_all(contract, user)
    inside = entitled and (rules.works_there(contract, user) or user.is_auditor)
    amendments = [row for row in contract.amendments.all() if entitled or row.state == "in_force"]
    found = list(contract.duties.all())
    performance = Performance.objects.filter(contract=contract).select_related("by", "reply_by").first()
    return {
        "amendments": [_shown(row) for row in amendments],
        "amended_percent": percent(contract.amended_cents, contract.amount_cents),
        "over": publication_actions.over_threshold(contract.amount_cents, contract.amended_cents),
        "published": [row for row in found if row.done_on],
        "to_publish": [row for row in found if not row.done_on] if inside else [],
        "today": local(at).date(),
        "performance": performance if entitled else None,
        "can_reply": bool(performance) and end_actions.can_reply(performance, user, at=at),
        "acts": _acts(contract, user, amendments, performance),
        "entitled": entitled,
    }


def percent(part: int, whole: int) -> Decimal:
    """One decimal, cut towards zero: « plus de 10 % » is never shown where the law does not see it."""
    return Decimal(part * 1000 // whole if part >= 0 else -(-part * 1000 // whole)) / 10


def _shown(amendment: Amendment) -> dict:
    badge = {"label": amendment.get_state_display(), "tone": TONES[amendment.state]}
    return {"row": amendment, "badge": badge, "url": page_of(amendment)}


def page_of(amendment: Amendment) -> str:
    return reverse("contracts:amendment", args=[amendment.contract.number, amendment.number])


def _acts(contract: Contract, user, amendments: list, performance) -> list[dict]:
    """The buttons, shown only to those who can."""
    pending = any(row.state in actions.PENDING for row in amendments)
    active = contract.state == State.ACTIVE and not pending
    prepares = rules.can_prepare(contract, user)
    evaluates = prepares and performance is None and contract.state in end_actions.ENDED
    entries = [
        ("amend", _("Proposer un avenant"), active and prepares, False),
        ("complete", _("Terminer le contrat"), active and contract.can("complete", user), False),
        ("terminate", _("Résilier le contrat"), active and contract.can("terminate", user), True),
        ("evaluate", _("Évaluer le rendement"), evaluates, False),
    ]
    return [
        {"url": reverse(f"contracts:{name}", args=[contract.number]), "label": label, "danger": danger}
        for name, label, shown, danger in entries
        if shown
    ]


# --- Amendments ------------------------------------------------------------------------------------------------------
@never_cache
@keeps_typed
@require_http_methods(["GET", "POST"])
def amend(request: HttpRequest, number: str) -> HttpResponse:
    """A buyer or an officer proposes an amendment: reason, amount, end, milestones."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    data = data_of(request)
    posted = request.method == "POST"
    more = data is not None and "ajouter_jalon" in data
    quiet = data is not None and (more or not posted)
    form = AmendForm(data, quiet=quiet)
    plan = planned_forms(data, contract=contract, quiet=quiet, more=more)
    if posted and not more and form.is_valid() & plan.is_valid():
        try:
            made = actions.propose(
                contract, by=request.user, reason=form.cleaned_data["reason"], delta_cents=form.delta_cents(),
                end_date=form.cleaned_data["end_date"], plan=plan.plan(),
            )  # fmt: skip
        except ValidationError as error:
            _show(form, error)
            contract = contract_of(request, number, at=at)
        else:
            messages.success(request, _("Avenant proposé. Une autre personne responsable doit l’approuver."))
            return redirect(page_of(made))
    if not rules.can_prepare(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if contract.state != State.ACTIVE:
        raise IllegalMove(_("Le contrat n’est pas en cours."))
    if contract.amendments.filter(state__in=actions.PENDING).exists():
        raise IllegalMove(_("Un avenant attend déjà une décision."))
    kept = contract.milestones.exclude(state="planned")
    ceiling = min(contract.ceiling_cents, ceiling_cents(local(at).date()))
    context = {
        "contract": contract,
        "form": form,
        "plan": plan,
        "kept": list(kept),
        "total": sum(row.amount_cents for row in kept) + plan.total_cents(),
        "ceiling": ceiling,
        "room": max(ceiling - 1 - contract.value_cents, 0),
        "percent": percent(contract.amended_cents, contract.amount_cents),
        "show_errors": posted and not more,
    }
    return render(request, "contracts/amend.html", context, status=422 if posted and not more else 200)


def _show(form, error: ValidationError) -> None:
    """What a verb refused, at the form's own field."""
    found = error.error_dict if hasattr(error, "error_dict") else {None: error.error_list}
    for name, errors in found.items():
        form.add_error(FIELDS.get(name, name), errors)


def amendment_of(request: HttpRequest, number: str, rank: int, *, at) -> Amendment:
    contract = contract_of(request, number, at=at)
    rows = contract.amendments.visible_to(request.user, at=at)
    found = rows.select_related("proposed_by", "approved_by", "accepted_by")
    amendment = get_object_or_404(found, number=rank)
    amendment.contract = contract
    return amendment


@never_cache
@require_safe
def amendment(request: HttpRequest, number: str, rank: int) -> HttpResponse:
    """One amendment: what it changes, where it stands, whose turn it is."""
    return _page(request, amendment_of(request, number, rank, at=clock.now()))


def _page(request: HttpRequest, row: Amendment, *, status=200, **bound) -> HttpResponse:
    """`bound`: the form that was refused or brought back, under its name; the others are new."""
    contract, user = row.contract, request.user
    pending = row.state in actions.PENDING
    counted = list(contract.amendments.filter(state="in_force", number__lte=row.number))
    after = sum(other.delta_cents for other in counted) + (row.delta_cents if pending else 0)
    context = {
        "contract": contract,
        "amendment": row,
        "badge": _shown(row)["badge"],
        "pending": pending,
        "changes": actions.changes(row) if pending else [],
        "plan": [line | {"due": date.fromisoformat(line["due_date"])} for line in row.plan],
        "before_cents": contract.amount_cents + after - row.delta_cents,
        "after_cents": contract.amount_cents + after,
        "percent": percent(after, contract.amount_cents),
        "over": row.delta_cents > 0 and publication_actions.over_threshold(contract.amount_cents, after),
        "documents": list(row.documents.all()),
        "can": {name: row.can(name, user) for name in ("approve", "accept", "refuse", "withdraw")},
        "own": row.state == "proposed" and row.proposed_by_id == user.pk,
        "approve_form": ApproveForm(request=request),
        "refuse_form": _refuse_form(),
        "failed": next(iter(bound.values()), None) if status == 422 else None,
    } | bound
    if context["can"]["accept"]:
        first = {"text_sha256": row.text_sha256}
        context.setdefault("accept_form", AcceptForm(request=request, text_sha256=row.text_sha256, initial=first))
    return render(request, "contracts/amendment.html", context, status=status)


def _refuse_form(data=None) -> ReasonForm:
    return ReasonForm(data, help_text=_("L’autre partie, ou la personne qui a proposé l’avenant, le lira."))


@never_cache
@keeps_typed
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, number: str, rank: int, act: str) -> HttpResponse:
    """One turn: `approve`, `accept`, `refuse` or `withdraw`."""
    row = amendment_of(request, number, rank, at=clock.now())
    if request.method != "POST":
        typed = typed_before(request) if act == "refuse" else None
        if typed is None:
            return redirect(page_of(row))
        return _page(request, row, refuse_form=_refuse_form(typed))
    gate(row, act, request.user)
    form = _answer_form(request, row, act)
    if form.is_valid():
        try:
            done = _do(row, act, form, by=request.user)
        except ValidationError as error:
            show_at(form, error)
            row = amendment_of(request, number, rank, at=clock.now())
        else:
            messages.success(request, done)
            return redirect(page_of(row))
    return _page(request, row, status=422, **{f"{act}_form": form})


def _answer_form(request: HttpRequest, row: Amendment, act: str):
    if act == "approve":
        return ApproveForm(request.POST, request=request)
    if act == "accept":
        return AcceptForm(request.POST, request=request, text_sha256=row.text_sha256)
    return _refuse_form(request.POST) if act == "refuse" else ConfirmForm(request.POST)


def _do(row: Amendment, act: str, form, *, by) -> str:
    """Do it; what to say then."""
    if act == "approve":
        actions.approve(row, by=by)
        return _("Avenant approuvé. Le prestataire doit maintenant l’accepter.")
    if act == "accept":
        actions.accept(row, by=by, method=form.confirmed_by)
        return _("Avenant accepté : il est en vigueur.")
    if act == "refuse":
        actions.refuse(row, by=by, reason=form.cleaned_data["reason"])
        return _("Avenant refusé. L’organisme est prévenu, avec le motif.")
    actions.withdraw(row, by=by)
    return _("Avenant retiré.")


_AMENDMENT = "contrats/<code:number>/avenants/<int:rank>/"
urlpatterns = [
    path("contrats/<code:number>/avenants/nouveau/", amend, name="amend"),
    path(_AMENDMENT, amendment, name="amendment"),
    path(f"{_AMENDMENT}approuver/", answer, {"act": "approve"}, name="approve_amendment"),
    path(f"{_AMENDMENT}accepter/", answer, {"act": "accept"}, name="accept_amendment"),
    path(f"{_AMENDMENT}refuser/", answer, {"act": "refuse"}, name="refuse_amendment"),
    path(f"{_AMENDMENT}retirer/", answer, {"act": "withdraw"}, name="withdraw_amendment"),
]
