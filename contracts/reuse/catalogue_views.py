"""The reuse catalogue: code paid for by one public body, under an open licence, that others may take up.

Everything is public and the same for every visitor, except « nous réutilisons », on pages of its own.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Prefetch
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from contracts.models import Passport, Reuse
from contracts.models.passport import PassportQuerySet
from contracts.reuse import actions, passports
from contracts.reuse.section import findings, why_not_shared
from marketplace.acts import act_page, attempt, show
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.files.downloads import download
from marketplace.keep import data_of
from marketplace.lists import page, searched
from marketplace.requests import PersonRequest
from marketplace.search import having, query_words
from marketplace.texts import PlainTexts, one_line
from opportunities.models import Opportunity, PublicBody, Skill

PAGE = 20
SHOWN = 12  # values of a filter
_BODY, _LICENCE = "contract__award__opportunity__body", "licence"
_OCCASION = "contract__award__opportunity"


# --- Filters ---------------------------------------------------------------------------------------------------------
@dataclass
class Asked:
    """What the visitor asks for. Values add up within a filter; filters narrow each other. Unknown values are left
    out of the counts and match nothing."""

    query: str
    skills: list[str]
    bodies: list[str]
    licences: list[str]

    @classmethod
    def read(cls, data: QueryDict) -> "Asked":
        def values(name: str) -> list[str]:
            return [one_line(text[:100]) for text in data.getlist(name)[:SHOWN]]

        query = searched(data.get("q", ""))
        bodies = [text for text in values("organisme") if text.isascii() and text.isdecimal() and len(text) < 10]
        return cls(query, values("competence"), bodies, values("licence"))

    @cached_property
    def words(self) -> list[str]:
        return query_words(self.query)

    def rows(self, without: str = "") -> PassportQuerySet:
        """Catalogued passports that match, minus one of the filters (to count its values)."""
        rows: Any = Passport.objects.catalogued().filter(having("search_text", self.query))
        if self.bodies and without != "organisme":
            rows = rows.filter(**{f"{_BODY}__in": self.bodies})
        if self.licences and without != "licence":
            rows = rows.filter(licence__in=self.licences)
        if self.skills and without != "competence":
            tie = Opportunity.skills.through.objects.filter(
                opportunity=OuterRef(_OCCASION), skill__folded__in=self.skills
            )
            rows = rows.filter(Exists(tie))
        return rows

    def pairs(self) -> list[tuple[str, str]]:
        """The address's parameters, always in the same order."""
        pairs = [("q", self.query)] if self.query else []
        chosen = {"organisme": self.bodies, "licence": self.licences, "competence": self.skills}
        return pairs + [(name, value) for name, values in chosen.items() for value in values]

    def groups(self) -> list[dict[str, Any]]:
        """Bodies and licences as opportunities/_facets.html shows them: two queries."""
        bodies = self._counted("organisme", f"{_BODY}__pk", f"{_BODY}__name", f"{_BODY}__sort_key")
        licences = self._counted("licence", _LICENCE, _LICENCE, _LICENCE)
        return [
            self._group("organisme", _("Organisme public"), bodies, self.bodies),
            self._group("licence", _("Licence"), licences, self.licences),
        ]

    def _counted(self, name: str, key: str, label: str, order: str) -> list[tuple[Any, ...]]:
        rows = self.rows(without=name).order_by().values_list(key, label).annotate(number=Count("pk"))
        return list(rows.order_by("-number", order)[: SHOWN * 4])

    @staticmethod
    def _group(param: str, legend: str, counted: list[tuple[Any, ...]], chosen: list[str]) -> dict[str, Any]:
        lines = [
            {"value": str(value), "label": label, "number": number, "chosen": str(value) in chosen}
            for value, label, number in counted
        ]
        lines.sort(key=lambda line: not line["chosen"])
        return {"param": param, "legend": legend, "values": lines[: max(SHOWN, len(chosen))], "more": []}

    def known_skills(self) -> list[Any]:
        """The skills most met among what matches the other filters, those asked for first; each with `number`."""
        among = self.rows(without="competence").order_by().values(_OCCASION)
        skills = Skill.objects.filter(opportunities__in=among).counted()
        lines = sorted(skills[: SHOWN * 4], key=lambda s: s.folded not in self.skills)
        return lines[: max(SHOWN, len(self.skills))]


# --- The list --------------------------------------------------------------------------------------------------------
@login_not_required
@public_page
@require_safe
def code_list(request: HttpRequest) -> HttpResponse:
    """The catalogue, the last issued first. Seven queries."""
    asked = Asked.read(request.GET)
    matching, pairs, skills, address = asked.rows(), asked.pairs(), asked.known_skills(), reverse("contracts:code_list")
    total = matching.count()
    shown = page(request, _with_reuses(matching.for_list()), order=("-at", "-pk"), size=PAGE, pairs=pairs)
    context = {
        "rows": shown.rows,
        "asked": asked,
        "filtered": bool(pairs),
        "groups": asked.groups(),
        "skills": skills,
        "chosen_skills": {skill.pk for skill in skills if skill.folded in asked.skills},
        "result": _result(total),
        "total": total,
        "list_url": address,
        "older": f"{address}{shown.older}" if shown.older else None,
        "first": shown.first,
    }
    return render(request, "contracts/code_list.html", context)


def _with_reuses(rows: PassportQuerySet) -> PassportQuerySet:
    live = Reuse.objects.filter(ended_at=None).select_related("body").order_by("at", "pk")
    return rows.prefetch_related(Prefetch("contract__reuses", queryset=live, to_attr="reused_by"))


def _result(total: int) -> str:
    if not total:  # French says « aucun », and gettext would write a zero in the plural
        return _("Aucun logiciel")
    return ngettext("%(n)d logiciel à réutiliser", "%(n)d logiciels à réutiliser", total) % {"n": total}


# --- One entry -------------------------------------------------------------------------------------------------------
def _passport(request: HttpRequest, public_id: UUID) -> Passport:
    rows = Passport.objects.visible_to(request.user).for_list().select_related("delivery__milestone")
    return get_object_or_404(rows, public_id=public_id)


@login_not_required
@public_page
@require_safe
def code(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What the code is, who paid, how to check it, who reuses it. A former passport leads to the one in force."""
    passport = _passport(request, public_id)
    contract = passport.contract
    current: Passport | None = passport
    if passport.superseded_at:
        current = contract.passports.filter(superseded_at=None).first()
    reuses = contract.reuses.filter(ended_at=None).select_related("body").order_by("at", "pk")
    shared = passport.open_licence and not passport.superseded_at
    context = {
        "passport": passport,
        "contract": contract,
        "occasion": contract.opportunity,
        "current": current,
        "shared": shared,
        "why_not": "" if passport.open_licence else why_not_shared(passport),
        "findings": findings(passport),
        "reuses": list(reuses) if passport.open_licence else [],
        "document": passport.document,
    }
    if shared and request.user.is_authenticated:
        context["can_declare"] = bool(actions.bodies_for(contract, request.user))
        context["own_bodies"] = set(request.user.body_memberships.values_list("body_id", flat=True))
    return render(request, "contracts/code.html", context)


@login_not_required
@public_page
@require_safe
def as_json(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The passport as it was signed: what tools/verify.py reads."""
    passport = _passport(request, public_id)
    text = json.dumps(passport.document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return download(text.encode(), f"passeport-{passport.contract.number}.json", "application/json; charset=utf-8")


@login_not_required
@public_page
@require_safe
def as_pdf(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The passport for people: the same bytes each time."""
    passport = _passport(request, public_id)
    return download(passports.as_pdf(passport), f"passeport-{passport.contract.number}.pdf", "application/pdf")


@login_not_required
@public_page
@require_safe
def publiccode_yml(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The archive's publiccode.yml, byte for byte, for catalogues that read them; 404 when it is not valid."""
    passport = _passport(request, public_id)
    if passport.publiccode is None:
        raise Http404
    return download(passport.publiccode.encode(), "publiccode.yml", "application/yaml; charset=utf-8")


# --- « Nous réutilisons » --------------------------------------------------------------------------------------------
class ReuseForm(PlainTexts, forms.Form):
    """Which of one's bodies, and how, in one sentence that everybody reads."""

    body = forms.ModelChoiceField(label=gettext_lazy("Organisme public"), queryset=PublicBody.objects.none())
    note = forms.CharField(
        label=gettext_lazy("Comment, en une phrase"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Public : n’y mettez aucun renseignement personnel."),
    )

    def __init__(self, data: QueryDict | None, *, bodies: list[PublicBody]) -> None:
        initial = {"body": bodies[0]} if len(bodies) == 1 else {}
        super().__init__(data, initial=initial)
        body = self.fields["body"]
        assert isinstance(body, forms.ModelChoiceField)
        body.queryset = PublicBody.objects.filter(pk__in=[body.pk for body in bodies])


def _catalogued(request: PersonRequest, public_id: UUID) -> Passport:
    """A passport of the catalogue, for people of a public body; Http404 for everybody else."""
    if not request.user.body_memberships.exists():
        raise Http404
    rows = Passport.objects.visible_to(request.user).catalogued().for_list()
    return get_object_or_404(rows, public_id=public_id)


@act_page
def reuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Say publicly that one's body took this code up."""
    passport = _catalogued(request, public_id)
    bodies = actions.bodies_for(passport.contract, request.user)
    if not bodies:
        raise PermissionDenied(_("Votre organisme a payé ce code, ou a déjà déclaré qu’il le réutilise."))
    form = ReuseForm(data_of(request), bodies=bodies)
    if attempt(request, form, lambda: actions.declare_reuse(passport.contract, by=request.user, **form.cleaned_data)):
        name = form.cleaned_data["body"].name
        messages.success(request, _("Merci : chacun peut lire que %s réutilise ce code.") % name)
        return redirect(passport)
    context = {"passport": passport, "form": form, "failed": form if request.method == "POST" else None}
    return show(request, "contracts/reuse.html", context)


@act_page
def end_reuse(request: PersonRequest, public_id: UUID, body_id: int) -> HttpResponse:
    """Ask, then take the declaration back. People of that body only."""
    passport = _catalogued(request, public_id)
    mine = passport.contract.reuses.filter(ended_at=None, body__memberships__user=request.user).distinct()
    # Compared here: a database refuses to look for a number that its column cannot hold.
    ending = next((row for row in mine.select_related("body", "contract") if row.body_id == body_id), None)
    if ending is None:
        raise Http404
    if request.method == "POST":
        actions.end_reuse(ending, by=request.user)
        messages.success(request, _("La déclaration de %s est retirée.") % ending.body.name)
        return redirect(passport)
    return render(request, "contracts/reuse.html", {"passport": passport, "ending": ending, "now": clock.now()})


urlpatterns = [
    path("code/", code_list, name="code_list"),
    path("code/<uuid:public_id>/", code, name="code"),
    path("code/<uuid:public_id>/passeport.json", as_json, name="code_json"),
    path("code/<uuid:public_id>/passeport.pdf", as_pdf, name="code_pdf"),
    path("code/<uuid:public_id>/publiccode.yml", publiccode_yml, name="code_publiccode"),
    path("code/<uuid:public_id>/reutiliser/", reuse, name="reuse"),
    path("code/<uuid:public_id>/reutiliser/<int:body_id>/retirer/", end_reuse, name="end_reuse"),
]
