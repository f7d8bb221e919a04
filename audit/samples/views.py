"""Pages of the samples: the list, a new draw, one sample with what is left to examine, one examination, its files."""

import csv
from collections import defaultdict
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit.access import auditors_only
from audit.cases.status import badge
from audit.enums import Checked, Sampling
from audit.models import NOTE_MAX, AwardReview, Monitoring, PlanCheck, SamplingPlan
from audit.reviews import views as review_views
from audit.samples import actions
from marketplace import keys
from marketplace.acts import act_page, attempt, show
from marketplace.dates import clock
from marketplace.dates.fields import day_field
from marketplace.dates.localtime import local
from marketplace.files.downloads import as_download, download
from marketplace.keep import Quiet, data_of
from marketplace.ledger.entries import canonical
from marketplace.lists import page
from marketplace.models import User
from marketplace.money import MoneyField
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts
from opportunities import rules as occasion_rules
from opportunities.models import Opportunity, PublicBody
from proposals.models import Award

PAGE = 20
SIZE_MAX = 500


def progress(done: int, of: int) -> dict:
    """{label, tone} of a badge: « 2 de 5 examinées »."""
    label = ngettext("%(done)d de %(of)d examinée", "%(done)d de %(of)d examinées", of) % {"done": done, "of": of}
    return {"label": label, "tone": "ok" if done == of else "neutral"}


# --- The list --------------------------------------------------------------------------------------------------------
@require_safe
@auditors_only
def plans(request: PersonRequest) -> HttpResponse:
    """Plans, the last one first, a page at a time."""
    rows = SamplingPlan.objects.visible_to(request.user).select_related("body", "by").defer("population")
    listed = page(request, rows.annotate(done=Count("checks")), order=("-pk",), size=PAGE)
    context = {
        "rows": [(row, progress(row.done, len(row.picks))) for row in listed.rows],
        "older": listed.older,
        "first": listed.first,
    }
    return render(request, "audit/plans.html", context)


# --- A new draw ------------------------------------------------------------------------------------------------------
class PlanForm(Quiet, PlainTexts, forms.Form):
    title = forms.CharField(label=gettext_lazy("Objet"), max_length=150)
    method = forms.ChoiceField(label=gettext_lazy("Méthode"), choices=Sampling.choices, widget=forms.RadioSelect)
    since = day_field(gettext_lazy("Attribuées du"))
    until = day_field(gettext_lazy("Au"))
    body = forms.ModelChoiceField(
        label=gettext_lazy("Organisme"), queryset=PublicBody.objects.order_by("sort_key", "pk"), required=False,
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
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if until and until > self.today:
            self.add_error("until", _("Le dernier jour est passé ou présent : rien n’est encore attribué après."))
        elif since and until and until < since:
            self.add_error("until", _("Le dernier jour précède le premier."))
        values["minimum_cents"] = values.get("minimum_cents") or 0
        return values


@act_page
@auditors_only
def new_plan(request: PersonRequest) -> HttpResponse:
    today, data = local(clock.now()).date(), data_of(request)
    initial = {"since": today.replace(month=1, day=1), "until": today, "size": 10, "method": Sampling.RANDOM}
    form = PlanForm(data, today=today, initial=initial, quiet=request.method != "POST")
    if drawn := attempt(request, form, lambda: actions.draw(by=request.user, **form.cleaned_data)):
        return redirect("audit:plan", number=drawn.result.number)
    return show(request, "audit/plan_form.html", {"form": form})


# --- One sample ------------------------------------------------------------------------------------------------------
def _plan(request: PersonRequest, number: str) -> SamplingPlan:
    return get_object_or_404(SamplingPlan.objects.visible_to(request.user).select_related("body", "by"), number=number)


@dataclass
class Row:
    """One retained award: `cents` and `signals` as they were at the draw; the rest as it stands for this auditor."""

    rank: int
    opportunity: Opportunity
    cents: int
    signals: int
    award: Award | None  # None: reversed since
    again: bool  # awarded again since the draw
    tied: bool  # a vendor of this auditor answered: nothing of its audit is shown
    may: bool
    cases: list  # [(monitoring, badge)]
    review: AwardReview | None
    opinion: dict | None
    check: PlanCheck | None


def _rows(plan: SamplingPlan, user: User) -> list[Row]:
    """In order of rank; seven queries whatever their number."""
    numbers = plan.picks
    frozen = {number: (cents, signals) for number, cents, signals in plan.population}
    occasions = {row.number: row for row in Opportunity.objects.filter(number__in=numbers).select_related("body")}
    standing = Award.objects.standing().filter(opportunity__number__in=numbers)
    awards = {award.opportunity_id: award for award in standing.for_list()}
    checks = {examined.opportunity_id: examined for examined in plan.checks.select_related("by")}
    tied, cases = actions.tied_to(user, numbers), defaultdict(list)
    for case in Monitoring.objects.visible_to(user).filter(opportunity__number__in=numbers).with_last().order_by("pk"):
        cases[case.opportunity_id].append((case, badge(case)))
    signed = AwardReview.objects.visible_to(user).filter(award__in=[award.pk for award in awards.values()])
    signed = signed.select_related("by").defer("checklist", "signed").order_by("pk")
    reviews = {review.award_id: review for review in signed}
    rows = []
    for rank, number in enumerate(numbers, start=1):
        opportunity, shut = occasions[number], number in tied
        award = awards.get(opportunity.pk)
        review = reviews.get(award.pk) if award and not shut else None
        rows.append(
            Row(
                rank, opportunity, *frozen[number], award=award, again=bool(award and award.at > plan.at), tied=shut,
                may=not shut and not occasion_rules.works_there(opportunity, user),
                cases=[] if shut else cases[opportunity.pk], review=review,
                opinion=review_views.badge(review.opinion) if review else None, check=checks.get(opportunity.pk),
            )
        )  # fmt: skip
    return rows


@require_safe
@auditors_only
def plan(request: PersonRequest, number: str) -> HttpResponse:
    """The recipe, what it retained, and how far the examination is."""
    plan = _plan(request, number)
    rows = _rows(plan, request.user)
    context = {
        "plan": plan,
        "rows": rows,
        "progress": progress(sum(row.check is not None for row in rows), len(rows)),
        "count": len(plan.population),
        "digest": actions.digest_of(plan.population),
        "file": _name(plan, "json"),
        "key_id": keys.key_id(),
    }
    return render(request, "audit/plan.html", context)


# --- Files -----------------------------------------------------------------------------------------------------------
def _name(plan: SamplingPlan, extension: str) -> str:
    return f"echantillon-{plan.number}.{extension}"


def _whole_plan(request: PersonRequest, number: str) -> SamplingPlan:
    """For its files, which hold its population: how many signals stand about an occasion is not for those who
    answered it."""
    plan = _plan(request, number)
    if actions.tied_to(request.user, [row[0] for row in plan.population]):
        raise PermissionDenied(
            _("Un de vos prestataires a répondu à une occasion de cette population : elle ne vous est pas montrée.")
        )
    return plan


@require_safe
@auditors_only
def plan_csv(request: PersonRequest, number: str) -> HttpResponse:
    """The whole population, as it was at the draw, in order of rank."""
    plan = _whole_plan(request, number)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    writer = csv.DictWriter(answer, ["number", "cents", "signals", "sha256", "rank", "retained"])
    writer.writeheader()
    for row in sorted(actions.exported(plan), key=lambda row: row["rank"]):
        writer.writerow(row | {"retained": "yes" if row["retained"] else "no"})
    return as_download(answer, _name(plan, "csv"))


@require_safe
@auditors_only
def plan_json(request: PersonRequest, number: str) -> HttpResponse:
    """The plan as data, which `tools/verify.py sample` reads."""
    plan = _whole_plan(request, number)
    content = canonical(actions.as_data(plan)) + b"\n"
    return download(content, _name(plan, "json"), "application/json; charset=utf-8")


# --- One examination -------------------------------------------------------------------------------------------------
class CheckForm(PlainTexts, forms.Form):
    result = forms.ChoiceField(label=gettext_lazy("Constat"), choices=Checked.choices, widget=forms.RadioSelect)
    note = forms.CharField(
        label=gettext_lazy("Compte rendu"), max_length=NOTE_MAX, widget=forms.Textarea({"rows": 6}),
        help_text=gettext_lazy("Ce que vous avez lu et comparé. Rien ne se modifie après l’envoi."),
    )  # fmt: skip


@act_page
@auditors_only
def check(request: PersonRequest, number: str, occasion: str) -> HttpResponse:
    """An auditor says what they found of one retained award."""
    plan = _plan(request, number)
    if occasion not in plan.picks:
        raise Http404
    opportunity = get_object_or_404(Opportunity.objects.select_related("body"), number=occasion)
    form = CheckForm(data_of(request))
    if attempt(request, form, lambda: actions.examine(plan, opportunity, by=request.user, **form.cleaned_data)):
        messages.success(request, _("Examen noté : %s.") % opportunity.number)
        return redirect("audit:plan", number=plan.number)
    actions.gate_examine(plan, opportunity, request.user)
    cases = Monitoring.objects.visible_to(request.user).filter(opportunity=opportunity).with_last().order_by("pk")
    context = {
        "plan": plan,
        "opportunity": opportunity,
        "award": Award.objects.standing().filter(opportunity=opportunity).for_list().first(),
        "cases": [(case, badge(case)) for case in cases],
        "form": form,
    }
    return show(request, "audit/plan_check.html", context)


_PLAN = "echantillons/<code:number>/"
urlpatterns = [
    path("echantillons/", plans, name="plans"),
    path("echantillons/nouveau/", new_plan, name="new_plan"),
    path(_PLAN, plan, name="plan"),
    path(f"{_PLAN}echantillon.csv", plan_csv, name="plan_csv"),
    path(f"{_PLAN}echantillon.json", plan_json, name="plan_json"),
    path(f"{_PLAN}<code:occasion>/examiner/", check, name="plan_check"),
]
