"""The filters of the list: read from the address, turned into conditions, counted together.

Values of one group add up (« Montréal ou Laval »); groups narrow each other (« Montréal, à distance »). Beside each
value stands how many occasions one would see with that value alone in its group, the other groups staying as they are.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from marketplace.lists import searched
from marketplace.regions import Region
from marketplace.search import having, query_words
from marketplace.texts import Words, one_line
from opportunities.enums import State
from opportunities.models import Opportunity, Skill

OPEN = "ouverte"
EVERY_STATE = ("etat", "")  # without any parameter, one reads the open ones
SKILLS_MAX = 20
SKILLS_SHOWN = 12
Rows = QuerySet[Opportunity]


@dataclass(frozen=True)
class Group:
    """One group of filters. `where`: value -> Q (with the instant for the states); `column`: holds the value as is."""

    param: str
    legend: Words
    values: Mapping[str, Words]
    where: Callable[[str, datetime], Q] | None
    column: str = ""

    def condition(self, values: Iterable[str], at: datetime) -> Q:
        """Any of these values."""
        if self.where is None:
            return Q(**{f"{self.column}__in": list(values)})
        condition = Q()
        for value in values:
            condition |= self.where(value, at)
        return condition

    def key(self, at: datetime) -> F | Case:
        """The expression that says in which value of the group a row falls."""
        if self.where is None:
            return F(self.column)
        cases = [When(self.where(value, at), then=Value(value)) for value in self.values]
        return Case(*cases, default=Value(""), output_field=CharField())


def _state(value: str, at: datetime) -> Q:
    return {
        OPEN: Q(state=State.PUBLISHED, closes_at__gt=at),
        "suspendue": Q(state=State.SUSPENDED),
        "evaluation": Q(state=State.PUBLISHED, closes_at__lte=at) | Q(state__in=[State.EVALUATION, State.RECOMMENDED]),
        "attribuee": Q(state=State.AWARDED),
        "sans-suite": Q(state__in=[State.UNSUCCESSFUL, State.CANCELLED]),
    }[value]


def _amount(value: str, at: datetime) -> Q:
    return {
        "moins-25000": Q(budget_cents__lt=25_000_00),
        "25000-50000": Q(budget_cents__range=(25_000_00, 50_000_00)),
        "plus-50000": Q(budget_cents__gt=50_000_00),
    }[value]


def _licence(value: str, at: datetime) -> Q:
    free = Q(code_licence__in=["MIT", "Apache-2.0"])
    liliq = Q(code_licence__startswith="LiLiQ")
    return {"liliq": liliq, "mit-apache": free, "autre": ~free & ~liliq}[value]


GROUPS = (
    Group(
        "etat",
        _("État"),
        {
            OPEN: _("Ouverte"),
            "suspendue": _("Suspendue"),
            "evaluation": _("En évaluation"),
            "attribuee": _("Attribuée"),
            "sans-suite": _("Sans suite"),
        },
        _state,
    ),
    Group("region", _("Région"), dict(Region.choices), None, column="region"),
    Group(
        "montant",
        _("Montant"),
        {
            "moins-25000": _("Moins de 25 000 $"),
            "25000-50000": _("25 000 $ à 50 000 $"),
            "plus-50000": _("Plus de 50 000 $"),
        },
        _amount,
    ),
    Group("distance", _("Travail"), {"oui": _("À distance accepté")}, lambda value, at: Q(remote_ok=True)),
    Group(
        "licence",
        _("Licence du code"),
        {"liliq": "LiLiQ", "mit-apache": _("MIT ou Apache"), "autre": _("Autre ou à convenir")},
        _licence,
    ),
)


@dataclass
class Filters:
    """What the visitor asks for. Unknown values of the address are left out; they never fail."""

    at: datetime
    query: str = ""
    chosen: dict[str, list[str]] = field(default_factory=dict)
    skills: list[Skill] = field(default_factory=list)

    @classmethod
    def read(cls, data: QueryDict, at: datetime) -> "Filters":
        """One query, only when skills are asked for."""
        query = searched(data.get("q", ""))
        chosen = {}
        for group in GROUPS:
            asked = set(data.getlist(group.param))
            chosen[group.param] = [value for value in group.values if value in asked]
        if not chosen["etat"] and "" not in data.getlist("etat"):  # an empty one is somebody's choice: every state
            chosen["etat"] = [OPEN]
        names = [one_line(name[:100]) for name in data.getlist("competence")[:SKILLS_MAX]]
        skills = list(Skill.objects.filter(folded__in=names)) if names else []
        return cls(at=at, query=query, chosen=chosen, skills=skills)

    @property
    def only_open(self) -> bool:
        return self.chosen["etat"] == [OPEN]

    @cached_property
    def words(self) -> list[str]:
        return query_words(self.query)

    # --- Rows -------------------------------------------------------------------------------------------------------
    def by_words(self, rows: Rows) -> Rows:
        return rows.filter(having("search_text", self.query))

    def by_groups(self, rows: Rows) -> Rows:
        for group in GROUPS:
            if self.chosen[group.param]:
                rows = rows.filter(group.condition(self.chosen[group.param], self.at))
        return rows

    def by_skills(self, rows: Rows) -> Rows:
        if not self.skills:
            return rows
        tie = Opportunity.skills.through.objects.filter(opportunity=OuterRef("pk"), skill__in=self.skills)
        return rows.filter(Exists(tie))

    def rows(self, public: Rows) -> Rows:
        """What matches everything, in no order."""
        return self.by_skills(self.by_groups(self.by_words(public)))

    # --- Counts -----------------------------------------------------------------------------------------------------
    def counts(self, public: Rows) -> tuple[int, dict[str, Counter[str]]]:
        """(how many match, {group: {value: how many}}), from one aggregate query."""
        keys = {f"in_{group.param}": group.key(self.at) for group in GROUPS}
        rows = self.by_skills(self.by_words(public)).order_by().annotate(**keys)
        total = 0
        counts: dict[str, Counter[str]] = {group.param: Counter() for group in GROUPS}
        asked = [set(self.chosen[group.param]) for group in GROUPS]
        for *values, number in rows.values_list(*keys).annotate(number=Count("pk")):
            misses = [i for i, value in enumerate(values) if asked[i] and value not in asked[i]]
            if not misses:
                total += number
            for i, group in enumerate(GROUPS):
                if not misses or misses == [i]:
                    counts[group.param][values[i]] += number
        return total, counts

    def skill_counts(self, public: Rows) -> list[Skill]:
        """The skills most asked for among what matches the other groups, the chosen ones first; each with `number`."""
        rows = self.by_groups(self.by_words(public)).order_by().values("pk")
        asked_for = Skill.objects.filter(opportunities__in=rows).counted(first=self.skills)
        skills = list(asked_for[: SKILLS_SHOWN + len(self.skills)])
        there = {skill.pk for skill in skills}
        for skill in self.skills:
            if skill.pk not in there:
                skill.number = 0
                skills.insert(0, skill)
        return skills

    # --- Addresses ----------------------------------------------------------------------------------------------------
    def pairs(self, without: tuple[str, str] | None = None) -> list[tuple[str, str]]:
        """The address's parameters, always in the same order and without the defaults; minus one for a chip.

        Without its last state, the list is of every state; without « every state », of the open ones again.
        """
        pairs = [("q", self.query)] if self.query else []
        for group in GROUPS:
            if group.param == "etat" and not self.chosen["etat"]:
                pairs.append(EVERY_STATE)
            elif group.param != "etat" or not self.only_open:
                pairs += [(group.param, value) for value in self.chosen[group.param]]
        pairs += [("competence", skill.folded) for skill in self.skills]
        left = [pair for pair in pairs if pair != without]
        if without == EVERY_STATE:
            return left
        asked = any(param == "etat" for param, _value in left)
        return left if without is None or asked or self.only_open else [*left, EVERY_STATE]

    def labels(self) -> list[tuple[tuple[str, str], Words]]:
        """((param, value), what a person reads) for each active filter."""
        names: dict[tuple[str, str], Words] = {
            (group.param, value): label for group in GROUPS for value, label in group.values.items()
        }
        names |= {("competence", skill.folded): skill.name for skill in self.skills}
        names[EVERY_STATE] = _("Tous les états")
        return [(pair, names.get(pair, _("« %s »") % pair[1])) for pair in self.pairs()]
