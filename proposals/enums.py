"""Codes of a proposal and their French labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    DRAFT = "draft", _("Brouillon, non déposée")
    SUBMITTED = "submitted", _("Déposée et scellée")
    WITHDRAWN = "withdrawn", _("Retirée")
    OPENED = "opened", _("Ouverte")
    ADMISSIBLE = "admissible", _("Admissible")
    REJECTED = "rejected", _("Rejetée")
    SCORED = "scored", _("Notée")
    AWARDED = "awarded", _("Retenue")
    NOT_AWARDED = "not_awarded", _("Non retenue")


class Lobbying(models.TextChoices):
    """What the vendor declares of its lobbying with the public body (model documents of the SCT, annex 3)."""

    NONE = "none", _("Aucune activité de lobbyisme n’a été exercée auprès de l’organisme public pour cette occasion.")
    EXERCISED = (
        "exercised",
        _(
            "Des activités de lobbyisme ont été exercées auprès de l’organisme public, conformément à la Loi sur la "
            "transparence et l’éthique en matière de lobbyisme et au Code de déontologie des lobbyistes."
        ),
    )


class NoteReexaminationState(models.TextChoices):
    """Of a re-examination of notes that are frozen."""

    PENDING = "pending", _("À décider")
    ACCEPTED = "accepted", _("Accepté")
    REFUSED = "refused", _("Refusé")
    WITHDRAWN = "withdrawn", _("Retiré")


class ReexaminationOutcome(models.TextChoices):
    """What a re-examination asks: that notes change, or that a proposal be admissible again, or rejected."""

    NOTES = "", _("Les notes changent")
    ADMISSIBLE = "admissible", _("Admettre la proposition")
    REJECTED = "rejected", _("Rejeter la proposition")


class RejectionCode(models.TextChoices):
    """Reasons for rejection: admissibility (ADM) and conformity (CONF), after RCTI s. 7 and its sister texts."""

    ADM_1 = "ADM-1", _("Qualification, autorisation, permis, licence ou attestation manquante")
    ADM_2 = "ADM-2", _("Établissement hors du Québec ou d’un territoire visé par un accord")
    ADM_3 = "ADM-3", _("Attestation de Revenu Québec absente ou échue")
    ADM_4 = "ADM-4", _("Inscription au registre des entreprises non admissibles (RENA)")
    ADM_5 = "ADM-5", _("Obligations de francisation non respectées")
    ADM_6 = "ADM-6", _("Autre condition d’admissibilité de l’avis")
    CONF_2 = "CONF-2", _("Document d’engagement ou prix manquant")
    CONF_3 = "CONF-3", _("Proposition conditionnelle ou restrictive")
    CONF_4 = "CONF-4", _("Proposition inintelligible, infectée ou illisible")
    CONF_5 = "CONF-5", _("Prix et démonstration de la qualité non présentés séparément")
    CONF_6 = "CONF-6", _("Exigence technique ou essai non satisfait")
    CONF_8 = "CONF-8", _("Autre condition annoncée comme entraînant le rejet")
    CONF_9 = "CONF-9", _("Déclaration d’intégrité manquante")
    CONF_10 = "CONF-10", _("Prix anormalement bas, autorisation du dirigeant obtenue")
