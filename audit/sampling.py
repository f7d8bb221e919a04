"""Sampling plans: which awards to audit, retained by a rule that anyone can run again.

At random: the seed is drawn and written in the ledger before the population is read, in the same transaction; then
the awards whose SHA-256(seed ‖ number) is smallest are retained. Nothing but a seed, a list and a hash function.
"""

import csv
import hashlib
import secrets

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit import rules
from audit.enums import Sampling
from audit.floor import auditors_only
from audit.ledger_search import in_period
from audit.models import RedFlag, SamplingPlan
from marketplace import clock, ledger
from marketplace.keep import data_of, keeps_typed
from marketplace.ledger import canonical, instant
from marketplace.lifecycle import complain
from marketplace.localtime import local
from marketplace.models import NumberSeries
from marketplace.money import MoneyField
from marketplace.texts import PlainTexts
from opportunities.forms import Quiet, day_field
from opportunities.models import PublicBody
from proposals.models import Award

PAGE = 20
SIZE_MAX = 500


# --- The rule --------------------------------------------------------------------------------------------------------
def lot(seed: str, number: str) -> str:
    """SHA-256(seed ‖ number): both as text, one after the other, in UTF-8; hexadecimal."""
    return hashlib.sha256(f"{seed}{number}".encode()).hexdigest()


def picks(method: str, seed: str, population: dict[str, tuple[int, int]], size: int) -> list[str]:
    """The numbers retained, in order. `population`: {number: (cents, standing signals)}.

    By amount, or by signals, the greatest first, and the lot between equals; by signals, never an award without one.
    """
    drawn = sorted(population, key=lambda number: (lot(seed, number), number))
    if method == Sampling.AMOUNT:
        drawn.sort(key=lambda number: -population[number][0])
    if method == Sampling.FLAGS:
        drawn = sorted((n for n in drawn if population[n][1]), key=lambda number: -population[number][1])
    return drawn[:size]


def digest_of(population) -> str:
    """What the ledger keeps of a population: SHA-256 of its sorted numbers, one a line."""
    return hashlib.sha256("".join(f"{number}\n" for number in sorted(population)).encode()).hexdigest()


def population_of(*, since, until, body, minimum_cents: int) -> dict[str, tuple[int, int]]:
    """Standing awards of these days in Québec, both included: {occasion's number: (cents, standing signals)}."""
    flags = RedFlag.objects.standing().filter(opportunity=OuterRef("opportunity")).order_by().values("opportunity")
    rows = in_period(Award.objects.standing().filter(amount_cents__gte=minimum_cents), since, until)
    rows = rows.filter(opportunity__body=body) if body else rows
    rows = rows.annotate(flags=Coalesce(Subquery(flags.annotate(n=Count("pk")).values("n")), 0))
    return {
        number: (cents, count)
        for number, cents, count in rows.values_list("opportunity__number", "amount_cents", "flags")
    }


def draw(*, by, title: str, method: str, since, until, size: int, body=None, minimum_cents: int = 0) -> SamplingPlan:
    """A new plan. PermissionDenied; ValidationError when no award is in the period."""
    if not rules.is_auditor(None, by):
        raise PermissionDenied(_("Vous n’avez pas le droit de faire ce geste."))
    with transaction.atomic():
        at = clock.now()
        plan = SamplingPlan(
            number=NumberSeries.take("EC", local(at).year), title=title, method=method, since=since, until=until,
            body=body, minimum_cents=minimum_cents, size=size, seed=secrets.token_hex(32), by=by, at=at,
        )  # fmt: skip
        # First the seed, then the population: the order of the two entries cannot be changed afterwards.
        ledger.record("sample.seed", plan.ledger_subject(), by=by, at=at, seed=plan.seed)
        found = population_of(since=since, until=until, body=body, minimum_cents=minimum_cents)
        plan.population = sorted(found)
        plan.picks = picks(method, plan.seed, found, size)
        if not plan.picks:
            words = _("Aucune attribution de cette période ne porte de signal.") if found else ""
            complain(None, words or _("Aucune attribution ne correspond : élargissez la période ou le montant."))
        plan.clean_fields(exclude={"body", "by"})
        plan.save(force_insert=True)
        ledger.record(
            "sample.draw", plan.ledger_subject(), by=by, at=at, method=method, since=since.isoformat(),
            until=until.isoformat(), body=body.name if body else "", minimum_cents=minimum_cents, size=size,
            population=len(found), population_sha256=digest_of(found), picks=plan.picks,
        )  # fmt: skip
    return plan


# --- Pages -----------------------------------------------------------------------------------------------------------
class PlanForm(Quiet, PlainTexts, forms.Form):
    title = forms.CharField(label=gettext_lazy("Objet"), max_length=150)
    method = forms.ChoiceField(label=gettext_lazy("Méthode"), choices=Sampling.choices, widget=forms.RadioSelect)
    since = day_field(gettext_lazy("Attribuées du"))
    until = day_field(gettext_lazy("Au"))
    body = forms.ModelChoiceField(
        label=gettext_lazy("Organisme"), queryset=PublicBody.objects.order_by("name"), required=False,
        empty_label=gettext_lazy("Tous les organismes"),
    )  # fmt: skip
    minimum_cents = MoneyField(label=gettext_lazy("Montant minimal, avant taxes"), required=False, min_cents=0)
    size = forms.IntegerField(
        label=gettext_lazy("Taille de l’échantillon"), min_value=1, max_value=SIZE_MAX,
        help_text=gettext_lazy("Combien d’attributions retenir, au plus."),
    )  # fmt: skip

    def __init__(self, *args, today, quiet=False, **kwargs):
        self.quiet, self.today = quiet, today
        super().__init__(*args, **kwargs)
        self.fields["since"].required = self.fields["until"].required = True

    def clean(self):
        values = super().clean()
        since, until = values.get("since"), values.get("until")
        if until and until > self.today:
            self.add_error("until", _("Le dernier jour est passé ou présent : rien n’est encore attribué après."))
        elif since and until and until < since:
            self.add_error("until", _("Le dernier jour précède le premier."))
        values["minimum_cents"] = values.get("minimum_cents") or 0
        return values


@require_safe
@auditors_only
def plans(request: HttpRequest) -> HttpResponse:
    """Plans, the last one first; `?apres=<number>` goes on."""
    rows = SamplingPlan.objects.visible_to(request.user).select_related("body", "by").defer("population")
    after = (
        rows.filter(number=request.GET.get("apres", "").replace("\x00", "")[:20]).values_list("pk", flat=True).first()
    )
    page = list((rows.filter(pk__lt=after) if after else rows).order_by("-pk")[: PAGE + 1])
    context = {
        "rows": page[:PAGE],
        "older": f"?apres={page[PAGE - 1].number}" if len(page) > PAGE else None,
        "first": request.path if after else None,
    }
    return render(request, "audit/plans.html", context)


@keeps_typed
@require_http_methods(["GET", "HEAD", "POST"])
@auditors_only
def new_plan(request: HttpRequest) -> HttpResponse:
    today, data = local(clock.now()).date(), data_of(request)
    initial = {"since": today.replace(month=1, day=1), "until": today, "size": 10, "method": Sampling.RANDOM}
    form = PlanForm(data, today=today, initial=initial, quiet=request.method != "POST")
    if request.method == "POST" and form.is_valid():
        try:
            plan = draw(by=request.user, **form.cleaned_data)
        except forms.ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("audit:plan", number=plan.number)
    return render(request, "audit/plan_form.html", {"form": form}, status=422 if request.method == "POST" else 200)


def _plan(request: HttpRequest, number: str) -> SamplingPlan:
    found = SamplingPlan.objects.visible_to(request.user).select_related("body", "by")
    return get_object_or_404(found, number=number)


def _retained(plan: SamplingPlan) -> list[tuple[int, str, Award | None, str]]:
    """(rank, number, award, lot) of each pick; None for an award reversed since."""
    rows = Award.objects.standing().filter(opportunity__number__in=plan.picks).for_list()
    awards = {award.opportunity.number: award for award in rows}
    return [(rank, n, awards.get(n), lot(plan.seed, n)) for rank, n in enumerate(plan.picks, start=1)]


@require_safe
@auditors_only
def plan(request: HttpRequest, number: str) -> HttpResponse:
    """The recipe, and what it retained."""
    found = _plan(request, number)
    context = {
        "plan": found,
        "rows": _retained(found),
        "count": len(found.population),
        "digest": digest_of(found.population),
        "random": found.method == Sampling.RANDOM,
    }
    return render(request, "audit/plan.html", context)


@require_safe
@auditors_only
def plan_csv(request: HttpRequest, number: str) -> HttpResponse:
    """The whole population, in the order drawn: `retained` says which; enough to run the rule again."""
    found = _plan(request, number)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, f"{found.number}.csv")
    answer["X-Content-Type-Options"] = "nosniff"
    out = csv.writer(answer)
    out.writerow(["number", "sha256", "retained", "rank"])
    ranks = {number: rank for rank, number in enumerate(found.picks, start=1)}
    for one in sorted(found.population, key=lambda n: (lot(found.seed, n), n)):
        out.writerow([one, lot(found.seed, one), "yes" if one in ranks else "no", ranks.get(one, "")])
    return answer


@require_safe
@auditors_only
def plan_json(request: HttpRequest, number: str) -> HttpResponse:
    """The plan as data: everything that was used to draw it."""
    found = _plan(request, number)
    value = {
        "type": "dan-sample/1", "number": found.number, "method": found.method, "seed": found.seed,
        "since": found.since.isoformat(), "until": found.until.isoformat(),
        "body": found.body.name if found.body else "", "minimum_cents": found.minimum_cents, "size": found.size,
        "population": found.population, "population_sha256": digest_of(found.population), "picks": found.picks,
        "at": instant(found.at),
    }  # fmt: skip
    answer = HttpResponse(canonical(value) + b"\n", content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, f"{found.number}.json")
    return answer


urlpatterns = [
    path("echantillons/", plans, name="plans"),
    path("echantillons/nouveau/", new_plan, name="new_plan"),
    path("echantillons/<code:number>/", plan, name="plan"),
    path("echantillons/<code:number>/echantillon.csv", plan_csv, name="plan_csv"),
    path("echantillons/<code:number>/echantillon.json", plan_json, name="plan_json"),
]
