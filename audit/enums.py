"""Codes of the auditors' floor and their French labels."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Of a monitoring."""

    OPEN = "open", _("Ouverte")
    ASKED = "explanation_requested", _("Explications demandées")
    CONCLUDED = "concluded", _("Conclue")
    REMEDIED = "remedied", _("Corrigée")
    CLOSED = "closed", _("Fermée")


# What the body of the procurement sees, and answers.
TOLD = [State.ASKED, State.CONCLUDED, State.REMEDIED, State.CLOSED]


class Note(models.TextChoices):
    """What a message of a monitoring is."""

    OPENING = "opening", _("Motif de l’ouverture")
    QUESTION = "question", _("Demande d’explications")
    ANSWER = "answer", _("Réponse de l’organisme")
    CONCLUSION = "conclusion", _("Conclusion")
    REMEDY = "remedy", _("Correctif annoncé par l’organisme")
    ACCEPTANCE = "acceptance", _("Correctif constaté")
    CLOSING = "closing", _("Fermeture")


# What awaits something of the body, when it gives a last day; what the body says to it.
ASKS = [Note.QUESTION, Note.CONCLUSION]
REPLIES = [Note.ANSWER, Note.REMEDY]


class FlagState(models.TextChoices):
    """Of a signal. One that is no longer computed keeps its state, and the instant at which it ceased."""

    NEW = "new", _("Nouveau")
    EXPLAINED = "explained", _("Expliqué par l’organisme")
    MONITORED = "in_monitoring", _("En vérification")
    DISMISSED = "dismissed", _("Écarté")


class Sampling(models.TextChoices):
    RANDOM = "random", _("Au hasard")
    AMOUNT = "amount", _("Les plus gros montants")
    FLAGS = "flags", _("Le plus de signaux")


class Checked(models.TextChoices):
    """What an auditor found of an award of a sample."""

    NOTHING_NOTED = "nothing_noted", _("Rien à signaler")
    CASE_OPENED = "case_opened", _("Une vérification est ouverte")


class Opinion(models.TextChoices):
    """Of an officer who audited an award."""

    COMPLIANT = "compliant", _("Conforme")
    RESERVED = "reserved", _("Conforme, avec réserves")
    NOT_COMPLIANT = "not_compliant", _("Non conforme")
