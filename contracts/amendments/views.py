"""Pages of amendments: proposing one; what one changes, where it stands, and the answers of whoever's turn it is.

They are for the parties, auditors read; strangers get 404.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from contracts import rules
from contracts.access import contract_of
from contracts.amendments import actions
from contracts.amendments.forms import AcceptForm, AmendForm, ApproveForm, planned_forms
from contracts.amendments.section import badge, page_of, percent
from contracts.attestation import actions as attestation_actions
from contracts.attestation.views import verify_url
from contracts.enums import State
from contracts.models import Amendment
from contracts.publication import actions as publication_actions
from marketplace.acts import ConfirmForm, act_page, attempt, confirmed_act_page
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.keep import data_of, typed_before
from marketplace.lifecycle import IllegalMove, gate
from marketplace.models import User
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from marketplace.texts import Words
from opportunities.conditions import ceiling_cents

FIELDS = {"delta": "amount"}  # the form's name of what the verbs name otherwise


@act_page
def amend(request: PersonRequest, number: str) -> HttpResponse:
    """A buyer or an officer proposes an amendment: reason, amount, end, milestones."""
    at = clock.now()
    contract = contract_of(request, number, at=at)
    data = data_of(request)
    posted = request.method == "POST"
    more = data is not None and "ajouter_jalon" in data
    quiet = data is not None and (more or not posted)
    form = AmendForm(data, quiet=quiet)
    plan = planned_forms(data, contract=contract, quiet=quiet, more=more)

    def propose() -> Amendment:
        return actions.propose(
            contract, by=request.user, reason=form.cleaned_data["reason"], delta_cents=form.delta_cents(),
            end_date=form.cleaned_data["end_date"], plan=plan.plan(),
        )  # fmt: skip

    ready = posted and not more and form.is_valid() & plan.is_valid()  # both say what is wrong
    if ready and (proposed := attempt(request, form, propose, fields=FIELDS)):
        messages.success(
            request, _("Avenant proposé. Une personne responsable et signataire, autre que vous, doit l’approuver.")
        )
        return redirect(page_of(proposed.result))
    if not rules.can_prepare(contract, request.user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if contract.state != State.ACTIVE:
        raise IllegalMove(_("Le contrat n’est pas en cours."))
    if contract.amendments.filter(state__in=actions.PENDING).exists():
        raise IllegalMove(_("Un avenant attend déjà une décision."))
    begun = contract.milestones.exclude(state="planned")
    ceiling = min(contract.ceiling_cents, ceiling_cents(local(at).date()))
    context = {
        "contract": contract,
        "form": form,
        "plan": plan,
        "kept": list(begun),
        "total": sum(row.amount_cents for row in begun) + plan.total_cents(),
        "ceiling": ceiling,
        "room": max(ceiling - 1 - contract.value_cents, 0),
        "percent": percent(contract.amended_cents, contract.amount_cents),
        "show_errors": posted and not more,
    }
    return render(request, "contracts/amend.html", context, status=422 if posted and not more else 200)


def amendment_of(request: PersonRequest, number: str, rank: int, *, at: datetime) -> Amendment:
    contract = contract_of(request, number, at=at)
    amendments = contract.amendments.visible_to(request.user, at=at)
    amendment = get_object_or_404(amendments.select_related("proposed_by", "approved_by", "accepted_by"), number=rank)
    amendment.contract = contract
    return amendment


@never_cache
@require_safe
def amendment(request: PersonRequest, number: str, rank: int) -> HttpResponse:
    """One amendment: what it changes, where it stands, whose turn it is."""
    return _page(request, amendment_of(request, number, rank, at=clock.now()))


def _page(request: PersonRequest, row: Amendment, *, status: int = 200, **bound: Any) -> HttpResponse:
    """`bound`: the form that was refused or brought back, under its name; the others are new."""
    contract, user = row.contract, request.user
    pending = row.state in actions.PENDING
    standing = attestation_actions.raise_of(row, at=clock.now()) if pending and rules.works_there(row, user) else None
    counted = list(contract.amendments.filter(state="in_force", number__lte=row.number))
    after = sum(other.delta_cents for other in counted) + (row.delta_cents if pending else 0)
    context: dict[str, Any] = {
        "contract": contract,
        "amendment": row,
        "badge": badge(row),
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
        "checks": [standing] if standing else [],
        "justified": attestation_actions.justification(contract, standing) if standing else None,
        "verify_url": verify_url(contract, user),
        "unverified": attestation_actions.told(row),
        "refuse_form": _refuse_form(),
        "failed": next(iter(bound.values()), None) if status == 422 else None,
    } | bound
    if context["can"]["approve"]:
        context.setdefault("approve_form", _approve_form(None, request, row))
    if context["can"]["accept"]:
        first = {"text_sha256": row.text_sha256}
        context.setdefault("accept_form", AcceptForm(request=request, text_sha256=row.text_sha256, initial=first))
    return render(request, "contracts/amendment.html", context, status=status)


def _refuse_form(data: QueryDict | None = None) -> ReasonForm:
    return ReasonForm(data, help_text=_("L’autre partie, ou la personne qui a proposé l’avenant, le lira."))


def _approve_form(data: QueryDict | None, request: PersonRequest, row: Amendment, **kwargs: Any) -> ApproveForm:
    """With a reason to give when the value goes up on an attestation that nobody verified, nor justified before."""
    standing = attestation_actions.raise_of(row, at=clock.now())
    asks = (
        standing is not None and standing.unverified and not attestation_actions.justification(row.contract, standing)
    )
    return ApproveForm(data, request=request, unverified=asks, **kwargs)


# --- Its turns, all on its page --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Turn:
    """One answer to an amendment. `move`: of its lifecycle; `done`: what is told then."""

    move: str
    form: Callable[[QueryDict, PersonRequest, Amendment], forms.Form]
    verb: Callable[[Amendment, User, Any], None]
    done: Words


APPROVE = Turn(
    "approve",
    form=lambda data, request, amendment: _approve_form(data, request, amendment),
    verb=lambda amendment, by, form: actions.approve(
        amendment, by=by, unverified_reason=form.cleaned_data.get("unverified_reason", "")
    ),
    done=gettext_lazy("Avenant approuvé. Le prestataire doit maintenant l’accepter."),
)
ACCEPT = Turn(
    "accept",
    form=lambda data, request, amendment: AcceptForm(data, request=request, text_sha256=amendment.text_sha256),
    verb=lambda amendment, by, form: actions.accept(amendment, by=by, method=form.confirmed_by),
    done=gettext_lazy("Avenant accepté : il est en vigueur."),
)
REFUSE = Turn(
    "refuse",
    form=lambda data, request, amendment: _refuse_form(data),
    verb=lambda amendment, by, form: actions.refuse(amendment, by=by, reason=form.cleaned_data["reason"]),
    done=gettext_lazy("Avenant refusé. L’organisme est prévenu, avec le motif."),
)
WITHDRAW = Turn(
    "withdraw",
    form=lambda data, request, amendment: ConfirmForm(data),
    verb=lambda amendment, by, form: actions.withdraw(amendment, by=by),
    done=gettext_lazy("Avenant retiré."),
)


@confirmed_act_page
def answer(request: PersonRequest, number: str, rank: int, turn: Turn) -> HttpResponse:
    """One turn, posted from the page; a refusal and an approval may hold a text that a session's end would lose."""
    row = amendment_of(request, number, rank, at=clock.now())
    if request.method != "POST":
        typed = typed_before(request) if turn in {REFUSE, APPROVE} else None
        if typed is None:
            return redirect(page_of(row))
        if turn is REFUSE:
            return _page(request, row, refuse_form=_refuse_form(typed))
        reason = {"unverified_reason": typed.get("unverified_reason", "")}
        return _page(request, row, approve_form=_approve_form(None, request, row, initial=reason))
    gate(row, turn.move, request.user)
    form = turn.form(request.POST, request, row)
    if attempt(request, form, lambda: turn.verb(row, request.user, form)):
        messages.success(request, str(turn.done))
        return redirect(page_of(row))
    return _page(request, row, status=422, **{f"{turn.move}_form": form})


_AMENDMENT = "contrats/<code:number>/avenants/<int:rank>/"
urlpatterns = [
    path("contrats/<code:number>/avenants/nouveau/", amend, name="amend"),
    path(_AMENDMENT, amendment, name="amendment"),
    path(f"{_AMENDMENT}approuver/", answer, {"turn": APPROVE}, name="approve_amendment"),
    path(f"{_AMENDMENT}accepter/", answer, {"turn": ACCEPT}, name="accept_amendment"),
    path(f"{_AMENDMENT}refuser/", answer, {"turn": REFUSE}, name="refuse_amendment"),
    path(f"{_AMENDMENT}retirer/", answer, {"turn": WITHDRAW}, name="withdraw_amendment"),
]
