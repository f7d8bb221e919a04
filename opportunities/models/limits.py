"""What the database holds an occasion to, and the orders it is read in."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketplace import lifecycle
from opportunities.enums import AwardMode, CodeLicence, State

INDEXES = [
    models.Index(fields=["state", "closes_at", "id"], name="opportunity_state_closing"),
    models.Index(fields=["-closes_at", "-id"], condition=~Q(published_at=None), name="opportunity_public"),
    models.Index(fields=["body", "state"], name="opportunity_body_state"),
    # The list's counts read this and nothing else (PostgreSQL; elsewhere `include` is ignored).
    models.Index(
        fields=["state", "closes_at", "id"],
        include=["region", "budget_cents", "remote_ok", "code_licence"],
        condition=~Q(published_at=None),
        name="opportunity_facets",
    ),
]
CONSTRAINTS: list[models.BaseConstraint] = [
    lifecycle.choices_constraint("opportunity", State.values),
    models.CheckConstraint(condition=Q(award_mode__in=AwardMode.values), name="opportunity_mode_known"),
    models.CheckConstraint(condition=Q(code_licence__in=CodeLicence.values), name="opportunity_licence_known"),
    models.CheckConstraint(condition=Q(budget_cents=None) | Q(budget_cents__gt=0), name="opportunity_budget_positive"),
    models.CheckConstraint(
        condition=Q(k_percent=None) | Q(k_percent__range=(15, 30)),
        name="opportunity_k_range",
        violation_error_message=_("K doit être de 15 à 30 %."),
    ),
    models.CheckConstraint(
        condition=Q(state="draft")
        | Q(closes_at__isnull=False, budget_cents__isnull=False, assignment_date__isnull=False),
        name="opportunity_complete_after_draft",
    ),
    models.CheckConstraint(
        condition=Q(state__in=["draft", "in_review", "cancelled"]) | Q(published_at__isnull=False),
        name="opportunity_published_has_instant",
    ),
    models.CheckConstraint(
        condition=Q(questions_close_at=None) | Q(closes_at=None) | Q(questions_close_at__lte=F("closes_at")),
        name="opportunity_questions_before_closing",
        violation_error_message=_("Les questions doivent se terminer avant la date limite de dépôt."),
    ),
    models.CheckConstraint(
        condition=Q(assignment_date=None) | Q(start_date=None) | Q(start_date__gte=F("assignment_date")),
        name="opportunity_start_after_assignment",
        violation_error_message=_("Le travail ne peut pas commencer avant l’attribution."),
    ),
    models.CheckConstraint(
        condition=Q(start_date=None) | Q(completion_date=None) | Q(completion_date__gte=F("start_date")),
        name="opportunity_completion_after_start",
        violation_error_message=_("Le travail ne peut pas finir avant de commencer."),
    ),
]
