"""Which occasions a person may read, and those that a moment asks for."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from marketplace.accounts.person import Visitor
from marketplace.dates.clock import Now
from opportunities.enums import State


class OpportunityQuerySet(models.QuerySet[Any]):
    """Of Opportunity, which imports it."""

    def public(self) -> Self:
        """Everything that was ever published: it never becomes private again."""
        return self.filter(published_at__isnull=False)

    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """Published ones to everybody; drafts and reviews to the body's own people and to administrators."""
        if not user.is_authenticated:
            return self.public()
        if user.is_staff:
            return self
        return self.filter(Q(published_at__isnull=False) | Q(body__in=user.body_memberships.values("body")))

    def open(self, *, at: datetime | Now) -> Self:
        """Published and still before their closing instant."""
        return self.filter(state=State.PUBLISHED, closes_at__gt=at)

    def due(self, *, at: datetime | Now) -> Self:
        """Closed but not opened yet: `closed` is computed, never stored."""
        return self.filter(state=State.PUBLISHED, closes_at__lte=at)

    def for_list(self) -> Self:
        return self.select_related("body").prefetch_related("skills")
