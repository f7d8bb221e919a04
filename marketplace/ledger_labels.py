"""The ledger's acts in words, for the public page: `opportunity.publish` → « Publier »."""

from functools import lru_cache

from django.utils.translation import gettext_lazy

from marketplace import lifecycle

# Acts that are not moves of a lifecycle: those have their own labels.
_OTHERS = {
    "body.member_added": gettext_lazy("Ajouter une personne à un organisme"),
    "body.member_removed": gettext_lazy("Retirer une personne d’un organisme"),
    "draw": gettext_lazy("Départager par un tirage au sort"),
    "opening.minutes": gettext_lazy("Dresser le procès-verbal d’ouverture"),
    "opportunity.addendum": gettext_lazy("Ajouter un addenda"),
    "opportunity.attach": gettext_lazy("Joindre un fichier"),
    "opportunity.create": gettext_lazy("Commencer une occasion"),
    "opportunity.detach": gettext_lazy("Retirer un fichier"),
    "opportunity.edit": gettext_lazy("Modifier le brouillon d’une occasion"),
    "opportunity.request_reversal": gettext_lazy("Demander l’annulation de l’attribution"),
    "opportunity.withdraw_reversal": gettext_lazy("Retirer la demande d’annulation de l’attribution"),
    "person.rights": gettext_lazy("Changer les droits d’une personne"),
    "terms.add": gettext_lazy("Ajouter une version des conditions"),
    "vendor.decline": gettext_lazy("Décliner une invitation"),
    "vendor.create": gettext_lazy("Inscrire un prestataire"),
    "vendor.edit": gettext_lazy("Modifier la fiche d’un prestataire"),
    "vendor.invite": gettext_lazy("Inviter une personne à un prestataire"),
    "vendor.join": gettext_lazy("Se joindre à un prestataire"),
    "vendor.leave": gettext_lazy("Quitter un prestataire"),
    "vendor.role": gettext_lazy("Changer un rôle chez un prestataire"),
    "vendor.withdraw_invitation": gettext_lazy("Retirer une invitation"),
}


@lru_cache(maxsize=1)
def _labels() -> dict:
    moves = (move for moves in lifecycle.WORKFLOW.values() for move in moves)
    return _OTHERS | {f"{move.model}.{move.name}": move.label for move in moves}


def label(action: str) -> str:
    """What the act is, in the active language; an empty string for a code that has no words yet."""
    return str(_labels().get(action, ""))
