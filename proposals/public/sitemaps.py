"""Occasions, their openings and awards, for search engines."""

from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet
from django.urls import reverse

from marketplace.dates import clock
from marketplace.discovery.sitemaps import Pages
from opportunities.models import Opportunity
from proposals.models import Opening


class Occasions(Pages):
    """Everything that was ever published; changed by its versions, its closing and its opening, by nothing sealed."""

    def items(self) -> QuerySet[Opportunity]:
        self.now = clock.now()  # read once for all of them
        rows = Opportunity.objects.public().annotate(changed=Max("versions__at")).select_related("opening")
        return rows.only("number", "state", "published_at", "closes_at", "opening__opened_at").order_by("pk")

    def location(self, item: Opportunity) -> str:
        return reverse("opportunities:detail", args=[item.number])

    def lastmod(self, item: Any) -> datetime:
        """`item`: a row of `items`."""
        opened = item.opening.opened_at if hasattr(item, "opening") else item.published
        known = [item.published, item.changed or item.published, opened]
        return max([*known, item.closing] if item.is_due(at=self.now) else known)


class Openings(Pages):
    """The minutes, which nothing changes."""

    def items(self) -> QuerySet[Opening]:
        rows = Opening.objects.filter(opportunity__published_at__isnull=False).select_related("opportunity")
        return rows.only("opened_at", "opportunity__number").order_by("pk")

    def location(self, item: Opening) -> str:
        return reverse("proposals:minutes", args=[item.opportunity.number])

    def lastmod(self, item: Opening) -> datetime:
        return item.opened_at


class Awards(Pages):
    """The award of each occasion that has one, reversed or not: its page tells both."""

    def items(self) -> QuerySet[Opportunity]:
        rows = Opportunity.objects.public().filter(awards__isnull=False)
        changed = {"confirmed": Max("awards__at"), "reversed": Max("awards__reversed_at")}
        return rows.annotate(**changed).only("number").order_by("pk")

    def location(self, item: Opportunity) -> str:
        return reverse("proposals:award", args=[item.number])

    def lastmod(self, item: Any) -> datetime:
        """`item`: a row of `items`."""
        return max(instant for instant in (item.confirmed, item.reversed) if instant)


SECTIONS: dict[str, type[Pages]] = {"occasions": Occasions, "ouvertures": Openings, "attributions": Awards}
