"""The ledger's acts in words, for the public page: `opportunity.publish` → « Publier »."""

from functools import lru_cache

from django.utils.translation import gettext_lazy

from marketplace import lifecycle
from marketplace.texts import Words

# Acts that are not moves of a lifecycle: those have their own labels.
_OTHERS = {
    "amendment.propose": gettext_lazy("Proposer un avenant"),
    "attestation.add": gettext_lazy("Ajouter une attestation"),
    "attestation.verify": gettext_lazy("Noter une attestation comme vérifiée"),
    "attestation.withdraw": gettext_lazy("Retirer une attestation"),
    "award.review": gettext_lazy("Conclure sur une attribution vérifiée"),
    "body.member_added": gettext_lazy("Ajouter une personne à un organisme"),
    "body.member_removed": gettext_lazy("Retirer une personne d’un organisme"),
    "clause.add": gettext_lazy("Ajouter une clause"),
    "clause.replace": gettext_lazy("Remplacer une clause"),
    "clause.retire": gettext_lazy("Retirer une clause"),
    "draw": gettext_lazy("Départager par un tirage au sort"),
    "duty.publish": gettext_lazy("Noter une publication au SEAO"),
    "flags.compute": gettext_lazy("Calculer les signaux"),
    "redflag.publish": gettext_lazy("Publier malgré des signaux"),
    "redflag.award": gettext_lazy("Confirmer malgré des signaux"),
    "invoice.holdback": gettext_lazy("Facturer la retenue"),
    "invoice.interest": gettext_lazy("Réclamer les intérêts de retard"),
    "monitoring.answer": gettext_lazy("Répondre à une demande d’explications"),
    "monitoring.open": gettext_lazy("Ouvrir une vérification"),
    "monitoring.remedy": gettext_lazy("Annoncer un correctif"),
    "mail.resend": gettext_lazy("Renvoyer des courriels"),
    "ledger.checkpoint": gettext_lazy("Signer un relevé du registre"),
    "ledger.cover": gettext_lazy("Brouiller le compte des inscriptions scellées"),
    "ledger.erase": gettext_lazy("Effacer le détail d’une inscription"),
    "notereexamination.ask": gettext_lazy("Demander un réexamen"),
    "opening.minutes": gettext_lazy("Dresser le procès-verbal d’ouverture"),
    "opportunity.addendum": gettext_lazy("Ajouter un addenda"),
    "opportunity.attach": gettext_lazy("Joindre un fichier"),
    "opportunity.create": gettext_lazy("Commencer une occasion"),
    "opportunity.delete": gettext_lazy("Supprimer le brouillon d’une occasion"),
    "opportunity.detach": gettext_lazy("Retirer un fichier"),
    "opportunity.edit": gettext_lazy("Modifier le brouillon d’une occasion"),
    "opportunity.request_reversal": gettext_lazy("Demander l’annulation de l’attribution"),
    "opportunity.withdraw_reversal": gettext_lazy("Retirer la demande d’annulation de l’attribution"),
    "proposal.delete": gettext_lazy("Supprimer le brouillon d’une proposition"),
    "contract.create": gettext_lazy("Préparer un contrat"),
    "contract.edit": gettext_lazy("Modifier un contrat en préparation"),
    "passport.issue": gettext_lazy("Établir le passeport d’un livrable"),
    "performance.evaluate": gettext_lazy("Évaluer le rendement du prestataire"),
    "performance.reply": gettext_lazy("Répliquer à l’évaluation du rendement"),
    "payment.abandon": gettext_lazy("Abandonner une page de paiement"),
    "payment.declare": gettext_lazy("Déclarer un paiement"),
    "payment.decline_reversal": gettext_lazy("Refuser la demande d’annulation d’un paiement"),
    "payment.dispute": gettext_lazy("Constater une contestation de la banque"),
    "payment.events_again": gettext_lazy("Reprendre des événements de Stripe"),
    "payment.events_close": gettext_lazy("Classer des événements de Stripe"),
    "payment.request_reversal": gettext_lazy("Demander l’annulation d’un paiement"),
    "payment.start": gettext_lazy("Commencer un paiement"),
    "payment.stripe_refused": gettext_lazy("Constater un refus de Stripe"),
    "payment.withdraw_reversal": gettext_lazy("Retirer la demande d’annulation d’un paiement"),
    "person.deactivate": gettext_lazy("Désactiver un compte"),
    "person.edit": gettext_lazy("Modifier la fiche d’une personne"),
    "person.reactivate": gettext_lazy("Réactiver un compte"),
    "person.undo": gettext_lazy("Annuler un changement à un compte"),
    "person.second_factor_off": gettext_lazy("Désactiver la vérification en deux étapes"),
    "person.second_factor_on": gettext_lazy("Activer la vérification en deux étapes"),
    "person.rights": gettext_lazy("Changer les droits d’une personne"),
    "read.casefile": gettext_lazy("Télécharger un dossier"),
    "sample.check": gettext_lazy("Examiner une attribution d’un échantillon"),
    "sample.draw": gettext_lazy("Tirer un échantillon"),
    "sample.seed": gettext_lazy("Fixer la graine d’un échantillon"),
    "signatory.end": gettext_lazy("Mettre fin à un mandat de signataire"),
    "signatory.name": gettext_lazy("Nommer une personne signataire"),
    "read.evaluation": gettext_lazy("Lire les prix et les rangs d’une évaluation"),
    "read.export": gettext_lazy("Exporter le registre"),
    "read.file": gettext_lazy("Lire un fichier d’un autre"),
    "read.proposal": gettext_lazy("Lire une proposition ouverte"),
    "reuse.declare": gettext_lazy("Déclarer une réutilisation"),
    "reuse.end": gettext_lazy("Retirer une réutilisation"),
    "terms.add": gettext_lazy("Ajouter une version des conditions"),
    "vendor.archive": gettext_lazy("Archiver un prestataire"),
    "vendor.new_owner": gettext_lazy("Donner un prestataire à une autre personne propriétaire"),
    "vendor.restore": gettext_lazy("Rétablir un prestataire"),
    "vendor.decline": gettext_lazy("Décliner une invitation"),
    "vendor.create": gettext_lazy("Inscrire un prestataire"),
    "vendor.eligible_again": gettext_lazy("Lever une inadmissibilité"),
    "vendor.ineligible": gettext_lazy("Inscrire une inadmissibilité"),
    "vendor.edit": gettext_lazy("Modifier la fiche d’un prestataire"),
    "vendor.invite": gettext_lazy("Inviter une personne à un prestataire"),
    "vendor.join": gettext_lazy("Se joindre à un prestataire"),
    "vendor.leave": gettext_lazy("Quitter un prestataire"),
    "vendor.payout_account": gettext_lazy("Ouvrir un compte de versement"),
    "vendor.role": gettext_lazy("Changer un rôle chez un prestataire"),
    "vendor.tax_registration": gettext_lazy("Inscrire les numéros de taxes d’un prestataire"),
    "vendor.withdraw_invitation": gettext_lazy("Retirer une invitation"),
}


@lru_cache(maxsize=1)
def _labels() -> dict[str, Words]:
    moves = {f"{model}.{move.name}": move.label for model, moves in lifecycle.WORKFLOW.items() for move in moves}
    return _OTHERS | moves


def label(action: str) -> str:
    """What the act is, in the active language; an empty string for a code that has no words yet."""
    return str(_labels().get(action, ""))


def codes() -> list[str]:
    """Every act that has words."""
    return sorted(_labels())
