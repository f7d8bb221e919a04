"""Concluded contracts, and the code that anybody may take up, for search engines."""

from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet
from django.urls import reverse

from contracts.models import Contract, Passport
from marketplace.discovery.sitemaps import Pages


class Contracts(Pages):
    """Without a date: work, invoices and payments change these pages, each in its own row."""

    def items(self) -> QuerySet[Contract]:
        return Contract.objects.public().only("number").order_by("pk")

    def location(self, item: Contract) -> str:
        return reverse("contracts:detail", args=[item.number])


class Code(Pages):
    """Changed by the passport, and by who says that it reuses it."""

    def items(self) -> QuerySet[Passport]:
        changed = {"reused": Max("contract__reuses__at"), "left": Max("contract__reuses__ended_at")}
        return Passport.objects.catalogued().annotate(**changed).only("public_id", "at").order_by("pk")

    def location(self, item: Passport) -> str:
        return reverse("contracts:code", args=[item.public_id])

    def lastmod(self, item: Any) -> datetime:
        """`item`: a row of `items`."""
        return max(instant for instant in (item.at, item.reused, item.left) if instant)


SECTIONS: dict[str, type[Pages]] = {"contrats": Contracts, "code": Code}
