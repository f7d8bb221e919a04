"""Pages that pay an invoice, answer a declared payment, undo a payment; and the nightly comparison's results.

A stranger gets 404, somebody of the parties who may not gets 403, an act that is no longer possible gets 409.
"""

from functools import wraps
from typing import Any
from uuid import UUID

from csp.decorators import csp_update
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST, require_safe

from contracts import rules
from contracts.access import invoice_of
from contracts.attestation import actions as attestation_actions
from contracts.attestation.views import verify_url
from contracts.enums import PaymentMethod, PaymentState
from contracts.models import Invoice, Payment, Reconciliation
from contracts.payments import actions, reconciliation, reversal, settlement, stripe_gateway
from contracts.payments.forms import OUTSIDE, AnswerForm, PayForm, ReverseForm
from marketplace.accounts.person import User, Visitor
from marketplace.acts import Page, View, act_page, asking_page, attempt, confirmed_act_page, show
from marketplace.dates import clock
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove, gate
from marketplace.reasons import ReasonForm
from marketplace.requests import PersonRequest
from marketplace.twice.once import once, undone

SILENT = gettext_lazy("Stripe ne répond pas en ce moment. Rien n’est perdu : réessayez dans quelques minutes.")


def to_stripe(view: View) -> View:
    """A page whose form leads to Stripe's own: the browser must be allowed to follow the redirection."""

    @wraps(view)
    def wrapped(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return csp_update({"form-action": stripe_gateway.origins()})(view)(request, *args, **kwargs)

    return wrapped


def _payment(request: PersonRequest, public_id: UUID) -> Payment:
    seen = Invoice.objects.visible_to(request.user, at=clock.now())
    rows = Payment.objects.filter(invoice__in=seen).select_related(
        "by", "reversal_requested_by", "invoice__milestone",
        "invoice__contract__award__opportunity__body", "invoice__contract__award__proposal__vendor",
    )  # fmt: skip
    return get_object_or_404(rows, public_id=public_id)


@never_cache
@require_safe
def payment(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """A payment is shown on the page of its invoice."""
    return redirect(_payment(request, public_id).invoice)


# --- Paying ----------------------------------------------------------------------------------------------------------
@sensitive_post_parameters("password", "code")
@asking_page
@to_stripe
def pay(request: PersonRequest, number: str) -> HttpResponse:
    """`/factures/<number>/payer/`: what will be paid, to whom, what stands against it, and two ways to pay."""
    invoice = invoice_of(request, number, at=clock.now())
    actions.may_pay(invoice, request.user)
    present = actions.alive(invoice)
    if invoice.paid_at is not None or (present and present.state != PaymentState.STARTED):
        raise IllegalMove(_("Cette facture est déjà payée, ou son paiement est en cours."))
    account = actions.payout_account(invoice)
    contract = invoice.contract
    standing = attestation_actions.standing(contract, at=clock.now())
    justified = attestation_actions.justification(contract, standing)
    form = PayForm(
        data_of(request), request=request, stripe=stripe_gateway.enabled() and bool(account),
        unverified=standing.unverified and not justified and present is None,
    )  # fmt: skip
    status = 422 if request.method == "POST" else 200
    try:
        if paid := attempt(request, form, lambda: _paid_by(request, invoice, form)):
            return paid.result
    except stripe_gateway.Unsure:
        form.add_error(None, str(SILENT))
        status = 503
    context = {
        "invoice": invoice, "contract": contract, "form": form, "checks": [standing], "justified": justified,
        "verify_url": verify_url(contract, request.user), "account": account, "present": present,
        "stripe_on": stripe_gateway.enabled(), "fee": actions.fee_cents(invoice.total_cents),
    }  # fmt: skip
    return render(request, "contracts/pay.html", context, status=status)


def _paid_by(request: PersonRequest, invoice: Invoice, form: PayForm) -> HttpResponse:
    """Pay the way that the form says; where to go then. stripe_gateway.Unsure while Stripe does not answer."""
    typed = form.cleaned_data
    why = typed.get("unverified_reason", "")
    if typed["way"] == OUTSIDE:
        actions.declare_outside(
            invoice, by=request.user, reference=typed["reference"], paid_on=typed["paid_on"], unverified_reason=why
        )
        messages.success(request, _("Paiement déclaré : le prestataire doit en confirmer la réception."))
        return redirect(invoice)
    back = reverse("contracts:pay_return", args=[invoice.number])
    here = reverse("contracts:pay", args=[invoice.number])
    url = actions.start(
        invoice, by=request.user, success_url=request.build_absolute_uri(back),
        cancel_url=request.build_absolute_uri(here), unverified_reason=why,
    )  # fmt: skip
    return HttpResponseRedirect(url)


@never_cache
@require_GET
def pay_return(request: PersonRequest, number: str) -> HttpResponse:
    """Where Stripe's page leads back: « payé », « en traitement », « non payé ».

    The only GET that may move a payment: it opens the same idempotent door as the webhook (payments.advance), which
    believes nothing of this request and asks Stripe. Without it a person would come back to a page that is out of date.
    """
    invoice = invoice_of(request, number, at=clock.now())
    if not (rules.works_there(invoice, request.user) or request.user.is_auditor):
        raise PermissionDenied(_("Seules les personnes de l’organisme suivent ses paiements."))
    payment = invoice.payments.filter(method=PaymentMethod.STRIPE).order_by("-pk").first()
    if payment is None:
        raise Http404
    silent = False
    if rules.works_there(invoice, request.user):
        try:
            actions.advance(payment)
        except (stripe_gateway.Unsure, stripe_gateway.Refused, actions.Disagreement):
            silent = True
    payment = settlement.fresh(payment)
    context = {"invoice": payment.invoice, "contract": invoice.contract, "payment": payment, "silent": silent}
    return render(request, "contracts/pay_return.html", context)


@asking_page
@require_POST
def abandon(request: PersonRequest, number: str) -> HttpResponse:
    """Close Stripe's page, to pay otherwise."""
    invoice = invoice_of(request, number, at=clock.now())
    actions.may_pay(invoice, request.user)
    present = actions.alive(invoice)
    if present is None or present.method != PaymentMethod.STRIPE:
        raise IllegalMove(_("Ce paiement ne peut plus être abandonné."))
    try:
        actions.abandon(present, by=request.user)
    except (stripe_gateway.Unsure, actions.Disagreement):
        messages.warning(request, str(SILENT))
        return undone(redirect("contracts:pay", number))
    messages.success(request, _("La page de paiement est fermée : rien n’a été payé."))
    return redirect("contracts:pay", number)


# --- Answering and undoing: a page that says what will happen, then the verb ----------------------------------------
def _show(request: PersonRequest, payment: Payment, page: Page, form: forms.Form, **extra: Any) -> HttpResponse:
    context = {"payment": payment, "invoice": payment.invoice, "contract": payment.contract, "page": page, "form": form}
    return show(request, "contracts/pay_act.html", context | extra)


@act_page
def answer(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The vendor says whether it received what the body declared."""
    payment = _payment(request, public_id)
    gate(payment, "confirm", request.user)
    form = AnswerForm(data_of(request))
    if answered := attempt(request, form, lambda: _answer(payment, form, by=request.user)):
        messages.success(request, answered.result)
        return redirect(payment.invoice)
    page = Page(
        title=_("Confirmer la réception d’un paiement"),
        lead=_("L’organisme déclare avoir payé cette facture par son système. Vérifiez votre compte, puis répondez."),
        submit=_("Répondre"),
    )
    return _show(request, payment, page, form)


def _answer(payment: Payment, form: AnswerForm, *, by: User) -> str:
    """Say it; what to tell then."""
    if form.cleaned_data["answer"] == "confirm":
        actions.confirm(payment, by=by)
        return _("Réception confirmée : la facture est payée.")
    actions.contest(payment, by=by, reason=form.cleaned_data["reason"])
    return _("L’organisme est prévenu que le paiement n’est pas reçu.")


@act_page
def retract(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The body takes its declaration back: the invoice is to be paid again."""
    payment = _payment(request, public_id)
    gate(payment, "retract", request.user)
    form = ReasonForm(data_of(request), help_text=_("Le prestataire le lira."))
    if attempt(request, form, lambda: actions.retract(payment, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Déclaration retirée : la facture est de nouveau à payer."))
        return redirect(payment.invoice)
    page = Page(
        title=_("Retirer la déclaration de paiement"),
        lead=_("La facture redevient à payer. Le prestataire est prévenu."),
        submit=_("Retirer la déclaration"),
        tone="warn",
    )
    return _show(request, payment, page, form)


@act_page
def request_reversal(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """First of the two officers, with a reason."""
    payment = _payment(request, public_id)
    _gate_reversal(payment, request.user)
    if payment.reversal_requested_by_id is not None:
        raise IllegalMove(_("L’annulation est déjà demandée."))
    form = ReasonForm(data_of(request), help_text=_("L’autre responsable et le prestataire le liront."))
    if attempt(request, form, lambda: reversal.request_reversal(payment, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Annulation demandée : une autre personne responsable doit la confirmer."))
        return redirect(payment.invoice)
    page = Page(
        title=_("Demander l’annulation du paiement"),
        lead=_("Rien ne bouge avant qu’une autre personne responsable confirme."),
        submit=_("Demander l’annulation"),
        tone="warn",
        danger=True,
    )
    return _show(request, payment, page, form)


def _gate_reversal(payment: Payment, user: Visitor) -> None:
    if not rules.is_officer(payment, user):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    if payment.state not in {PaymentState.RECEIVED, PaymentState.PAID}:
        raise IllegalMove(_("Ce geste n’est plus possible dans l’état actuel."))


def _requested(request: PersonRequest, public_id: UUID) -> Payment:
    """The payment whose reversal awaits an answer, for officers."""
    payment = _payment(request, public_id)
    _gate_reversal(payment, request.user)
    if payment.reversal_requested_by_id is None:
        raise IllegalMove(_("Une ou un responsable doit d’abord demander l’annulation, avec un motif."))
    return payment


@confirmed_act_page
def reverse_payment(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Second of the two officers, recognised again: it moves money."""
    payment = _requested(request, public_id)
    own = payment.reversal_requested_by_id == request.user.pk
    if request.method == "POST" and own:
        raise PermissionDenied(_("Vous avez demandé cette annulation : une autre personne doit la confirmer."))
    form = ReverseForm(data_of(request), request=request)
    if attempt(request, form, lambda: reversal.reverse(payment, by=request.user)):
        messages.success(request, _("Annulation confirmée : l’argent revient à l’organisme."))
        return redirect(payment.invoice)
    lead = _("Le versement est repris au prestataire, puis l’organisme est remboursé. La facture redevient à payer.")
    if payment.method == PaymentMethod.OUTSIDE:
        lead = _("La facture redevient à payer. La plateforme ne déplace pas d’argent : reprenez-le par votre système.")
    page = Page(
        title=_("Confirmer l’annulation du paiement"), lead=lead, submit=_("Confirmer l’annulation"), tone="bad",
        danger=True,
    )  # fmt: skip
    decline = reverse("contracts:decline_payment_reversal", args=[payment.public_id])
    return _show(request, payment, page, form, own_request=own, decline_url=decline)


@act_page
def decline_reversal(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Second of the two officers, who does not agree, with a reason."""
    payment = _requested(request, public_id)
    if not rules.can_reverse(payment, request.user):
        raise PermissionDenied(_("Vous avez demandé cette annulation : vous pouvez la retirer, pas la refuser."))
    form = ReasonForm(data_of(request), help_text=_("La personne qui a demandé l’annulation le lira."))
    if attempt(request, form, lambda: reversal.decline_reversal(payment, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Annulation refusée : le paiement tient. L’autre personne est prévenue."))
        return redirect(payment.invoice)
    page = Page(
        title=_("Refuser l’annulation du paiement"),
        lead=_("Le paiement tient : rien ne bouge. Une autre demande pourra être faite."),
        submit=_("Refuser l’annulation"),
    )
    return _show(request, payment, page, form)


@never_cache
@require_POST
@once
def withdraw_reversal(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Whoever asked for the reversal takes it back."""
    payment = _payment(request, public_id)
    reversal.withdraw_reversal(payment, by=request.user)
    messages.success(request, _("Votre demande d’annulation est retirée : le paiement tient."))
    return redirect(payment.invoice)


# --- The nightly comparison, for administrators and auditors --------------------------------------------------------
def _watches(request: PersonRequest) -> None:
    if not (request.user.is_staff or request.user.is_auditor):
        raise Http404


@never_cache
@require_safe
def reconciliations(request: PersonRequest) -> HttpResponse:
    """The last sixty comparisons with Stripe's books."""
    _watches(request)
    return render(request, "contracts/reconciliations.html", {"runs": reconciliation.last_runs(60)})


@never_cache
@require_safe
def reconciliation_run(request: PersonRequest, pk: int) -> HttpResponse:
    """One comparison: each discrepancy in a sentence."""
    _watches(request)
    run = get_object_or_404(Reconciliation.objects.all(), pk=pk)
    rows = run.mismatches.select_related("payment__invoice__contract__award__opportunity")[:500]
    shown = reconciliation.shown
    lines = [(row, reconciliation.words(row.kind), shown(row.ours), shown(row.theirs)) for row in rows]
    return render(request, "contracts/reconciliation.html", {"run": run, "lines": lines})
