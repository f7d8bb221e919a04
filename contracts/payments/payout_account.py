"""A vendor's account at Stripe: opened once, filled in on Stripe's page, kept as Stripe describes it."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from contracts.models import Payment, PayoutAccount
from contracts.payments import actions, stripe_gateway
from contracts.payments.stripe_objects import Account
from marketplace import later
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import User
from vendors import rules
from vendors.models import Vendor

# Stripe's codes of what it asks for, by their beginning: the most precise first. The code is shown too.
# https://docs.stripe.com/connect/required-verification-information
REQUIREMENTS = (
    ("external_account", _("le compte bancaire où verser l’argent")),
    ("tos_acceptance", _("l’acceptation des conditions de Stripe")),
    ("business_type", _("la nature de l’entreprise")),
    ("business_profile.mcc", _("le secteur d’activité")),
    ("business_profile.url", _("l’adresse du site Web, ou ce que vous vendez")),
    ("business_profile.product_description", _("ce que vous vendez")),
    ("business_profile", _("la description de l’entreprise")),
    ("company.name", _("le nom légal de l’entreprise")),
    ("company.tax_id", _("le numéro d’entreprise")),
    ("company.address", _("l’adresse de l’entreprise")),
    ("company.phone", _("le téléphone de l’entreprise")),
    ("company.directors_provided", _("la liste des administratrices et administrateurs")),
    ("company.owners_provided", _("la liste des propriétaires")),
    ("company.executives_provided", _("la liste des dirigeantes et dirigeants")),
    ("company.verification", _("une preuve de l’existence de l’entreprise")),
    ("company", _("un renseignement sur l’entreprise")),
    ("individual.verification", _("une pièce d’identité")),
    ("individual.id_number", _("un numéro d’identification")),
    ("individual.dob", _("la date de naissance")),
    ("individual.address", _("l’adresse personnelle")),
    ("individual", _("un renseignement personnel")),
    ("representative", _("la personne qui représente l’entreprise")),
    ("owners", _("un renseignement sur les propriétaires")),
    ("directors", _("un renseignement sur les administratrices et administrateurs")),
    ("person", _("un renseignement sur une personne de l’entreprise")),
)


def missing(account: PayoutAccount) -> list[tuple[str, str]]:
    """(code, words) of what Stripe still asks for."""
    return [(code, _words(code)) for code in account.requirements]


def _words(code: str) -> str:
    for start, words in REQUIREMENTS:
        if code == start or code.startswith((f"{start}.", f"{start}_")):
            return str(words)
    return str(_("un autre renseignement"))


def open_account(vendor: Vendor, *, by: User) -> PayoutAccount:
    """The vendor's account, made at the first call. PermissionDenied; ValidationError; Unsure: call it again."""
    if not rules.may_bind(vendor, by):
        raise PermissionDenied(_("Seuls les propriétaires et gestionnaires de ce prestataire ouvrent son compte."))
    known = PayoutAccount.objects.filter(vendor=vendor).first()
    if known is not None:
        return known
    kind = "individual" if vendor.kind == Vendor.Kind.INDIVIDUAL else "company"
    about = {"vendor": str(vendor.public_id)}
    try:
        account = stripe_gateway.create_account(
            business_type=kind, email=vendor.email, metadata=about, key=f"account-{vendor.public_id}"
        )
    except stripe_gateway.Refused as refusal:
        raise ValidationError(str(refusal)) from None
    with transaction.atomic():
        at = clock.now()
        values = described(account) | {"account_id": account.id, "created_at": at, "refreshed_at": at}
        row, is_new = PayoutAccount.objects.get_or_create(vendor=vendor, defaults=values)
        if is_new:
            ledger.record("vendor.payout_account", f"vendor:{vendor.public_id}", by=by, at=at, account=account.id)
    return row


def described(account: Account) -> dict[str, Any]:
    """The fields that Stripe decides."""
    return {
        "details_submitted": account.details_submitted,
        "transfers_active": account.transfers_active,
        "payouts_enabled": account.payouts_enabled,
        "requirements": list(account.requirements),
        "disabled_reason": account.disabled_reason[:200],
    }


def refresh(account: PayoutAccount) -> None:
    """Keep what Stripe says of it now; payments that waited for it go on. Raises Unsure or Refused."""
    theirs = stripe_gateway.account(account.account_id)
    with transaction.atomic():
        PayoutAccount.objects.filter(pk=account.pk).update(**described(theirs), refreshed_at=clock.now())
        if theirs.transfers_active:
            waiting = Payment.objects.filter(state="received", destination=account.account_id)
            for pk in waiting.values_list("pk", flat=True):
                later.publish(actions.settle_payment, pk)
    account.refresh_from_db()


def link(account: PayoutAccount, *, return_url: str, refresh_url: str) -> str:
    """The address of Stripe's page where the vendor tells what is missing."""
    return stripe_gateway.account_link(account.account_id, return_url=return_url, refresh_url=refresh_url)
