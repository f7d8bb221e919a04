"""What hangs from an occasion, read in one query, and how its award mode is told to people."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import CharField, DateTimeField, F, IntegerField, TextField, Value
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy

from marketplace.search import sort_key
from opportunities.enums import AwardMode
from opportunities.models import Opportunity

# One sentence each, after the Secrétariat du Conseil du trésor (« modes d'adjudication »).
MODES = {
    AwardMode.PRICE: gettext_lazy("Le contrat va à la proposition conforme dont le prix est le plus bas."),
    AwardMode.QUALITY_MIN_PRICE: gettext_lazy(
        "Le contrat va au prix le plus bas parmi les propositions qui atteignent le minimum exigé à chaque critère."
    ),
    AwardMode.ADJUSTED_PRICE: gettext_lazy(
        "Chaque proposition est notée, puis son prix est ajusté selon sa note. Le contrat va au prix ajusté le plus"
        " bas, parmi les notes finales d’au moins 70, et il est conclu au prix proposé."
    ),
    AwardMode.QUALITY_FIXED: gettext_lazy(
        "Le montant est annoncé et le même pour tous. Le contrat va à la note finale la plus élevée."
    ),
}


@dataclass(frozen=True)
class Part:
    """One skill (title), criterion (title, text, weight, minimum), addendum (rank, text, at) or attachment.

    An attachment has title (its name), weight (its size in bytes) and uid (its public id).
    """

    kind: str
    rank: int
    title: str
    text: str
    weight: int
    minimum: int | None
    at: datetime
    uid: uuid.UUID | None


@dataclass
class Parts:
    skills: list[Part] = field(default_factory=list)
    criteria: list[Part] = field(default_factory=list)
    addenda: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


def parts(opportunity: Opportunity) -> Parts:
    """Skills, criteria, addenda and attachments of one occasion: one query where four would be (the page has eight)."""
    at = opportunity.created_at  # what has no instant of its own still needs a value of that type

    def rows(kind, queryset, *, rank=None, title=None, text=None, weight=None, minimum=None, instant=None, uid=None):
        nothing = Value("", TextField())
        return queryset.order_by().values_list(
            Value(kind, CharField()),
            Cast(rank or Value(0), IntegerField()),
            Cast(title or nothing, TextField()),
            Cast(text or nothing, TextField()),
            Cast(weight or Value(0), IntegerField()),
            Cast(Coalesce(minimum, Value(-1)) if minimum else Value(-1), IntegerField()),
            Cast(instant, DateTimeField()) if instant else Value(at, DateTimeField()),
            Cast(uid, TextField()) if uid else nothing,
        )

    parts = rows("skill", opportunity.skills.all(), title=F("name")).union(
        rows(
            "criterion",
            opportunity.criteria.all(),
            rank=F("position"),
            title=F("label"),
            text=F("description"),
            weight=F("weight"),
            minimum=F("minimum"),
        ),
        rows("addendum", opportunity.addenda.all(), rank=F("number"), text=F("text"), instant=F("at")),
        rows(
            "attachment",
            opportunity.attachments.all(),
            rank=F("pk"),
            title=F("name"),
            weight=F("size"),
            uid=F("public_id"),
        ),
        all=True,
    )
    result = Parts()
    by_kind = {
        "skill": result.skills,
        "criterion": result.criteria,
        "addendum": result.addenda,
        "attachment": result.attachments,
    }
    for kind, rank, title, text, weight, minimum, instant, uid in parts:
        least = None if minimum < 0 else minimum
        by_kind[kind].append(Part(kind, rank, title, text, weight, least, instant, uuid.UUID(uid) if uid else None))
    result.skills.sort(key=lambda part: sort_key(part.title))
    for group in (result.criteria, result.addenda, result.attachments):
        group.sort(key=lambda part: part.rank)
    return result
