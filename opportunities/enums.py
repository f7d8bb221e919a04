"""Codes of an occasion and their French labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _

ACCEPTABLE = 70  # the acceptable performance level, out of 100 (Secrétariat du Conseil du trésor)


class State(models.TextChoices):
    """« Fermée » is not here: it is computed from the closing instant, never stored."""

    DRAFT = "draft", _("Brouillon")
    IN_REVIEW = "in_review", _("En révision")
    PUBLISHED = "published", _("Publiée")
    SUSPENDED = "suspended", _("Suspendue")
    EVALUATION = "evaluation", _("En évaluation")
    RECOMMENDED = "recommended", _("Recommandée")
    AWARDED = "awarded", _("Attribuée")
    UNSUCCESSFUL = "unsuccessful", _("Sans attribution")
    CANCELLED = "cancelled", _("Annulée")


class AwardMode(models.TextChoices):
    """The four modes of the Secrétariat du Conseil du trésor (« modes d'adjudication »)."""

    PRICE = "price", _("Prix uniquement")
    QUALITY_MIN_PRICE = "quality_min_price", _("Qualité minimale et prix le plus bas")
    ADJUSTED_PRICE = "adjusted_price", _("Prix ajusté le plus bas (rapport qualité-prix)")
    QUALITY_FIXED = "quality_fixed", _("Qualité, à montant forfaitaire")

    @property
    def default_minimum(self) -> int | None:
        """The least score of each criterion that announces none: 70 in « qualité minimale », nothing elsewhere."""
        return ACCEPTABLE if self == AwardMode.QUALITY_MIN_PRICE else None

    @property
    def price_waits(self) -> bool:
        """Prices are read once every proposal is scored."""
        return self in {AwardMode.QUALITY_MIN_PRICE, AwardMode.ADJUSTED_PRICE}


class CodeLicence(models.TextChoices):
    LILIQ_P = "LiLiQ-P-1.1", "LiLiQ-P 1.1"
    LILIQ_R = "LiLiQ-R-1.1", "LiLiQ-R 1.1"
    LILIQ_RPLUS = "LiLiQ-Rplus-1.1", "LiLiQ-R+ 1.1"
    MIT = "MIT", "MIT"
    APACHE = "Apache-2.0", "Apache 2.0"
    GPL = "GPL-3.0-or-later", "GPL 3.0"
    ASSIGNMENT = "assignment", _("Cession des droits")
    TO_BE_AGREED = "to-be-agreed", _("À convenir")


class UnsuccessfulReason(models.TextChoices):
    NONE_RECEIVED = "none_received", _("Aucune proposition reçue")
    NONE_CONFORMING = "none_conforming", _("Aucune proposition conforme")
    OTHER = "other", _("Autre motif")


class Regime(models.TextChoices):
    """Which law governs the body's contracts (municipalities are not under the LCOP)."""

    LCOP = "lcop", _("Loi sur les contrats des organismes publics")
    STATE_ENTERPRISE = "entreprise_etat", _("Entreprise du gouvernement")
    MUNICIPAL = "municipal", _("Régime municipal")


class BodyRole(models.TextChoices):
    BUYER = "buyer", _("Acheteuse ou acheteur")
    OFFICER = "officer", _("Responsable des règles contractuelles")


class NoticeKind(models.TextChoices):
    """What brought a version of a published notice."""

    PUBLICATION = "publication", _("Publication")
    ADDENDUM = "addendum", _("Addenda")
    CORRECTION = "correction", _("Correction")
    SUSPENSION = "suspension", _("Suspension")
    RESUMPTION = "resumption", _("Reprise")
    AWARD = "award", _("Attribution")
    REVERSAL = "reversal", _("Annulation de l’attribution")
    UNSUCCESSFUL = "unsuccessful", _("Conclusion sans attribution")
    CANCELLATION = "cancellation", _("Annulation")
    # Published by an earlier version of the platform, which kept no version: written by the migration.
    BEFORE = "before", _("Telle qu’elle était quand les versions ont commencé")
