"""Why a payment by Stripe failed, or waits: what is kept is a code, and each reader reads its sentence."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

ABANDONED, DECLINED = "page_unused", "bank_declined"  # our own codes; the others are Stripe's
SENTENCES = {
    ABANDONED: gettext_lazy("La page de paiement n’a pas servi."),
    DECLINED: gettext_lazy("La banque a refusé le débit."),
    "insufficient_capabilities_for_transfer": gettext_lazy(
        "Le compte de versement du prestataire ne peut pas recevoir d’argent : Stripe lui demande des renseignements."
    ),
    "balance_insufficient": gettext_lazy("Le solde disponible chez Stripe ne suffit pas."),
    "amount_too_large": gettext_lazy("Le montant dépasse ce qui reste du paiement."),
    "charge_already_refunded": gettext_lazy("Ce paiement est déjà remboursé chez Stripe."),
    "charge_disputed": gettext_lazy("La banque du payeur conteste ce paiement : il ne peut pas être remboursé."),
    "resource_missing": gettext_lazy("Stripe ne connaît pas cet objet."),
}


def sentence(code: str) -> str:
    """In the active language; a code that Stripe added since is named as it is. Empty without a code."""
    if not code:
        return ""
    return str(SENTENCES[code]) if code in SENTENCES else _("Stripe a refusé la demande (%s).") % code
