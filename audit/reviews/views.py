"""An officer's audit of awards: the list, an award's checklist, the conclusion with its PDF and its signed file.

For the officers of the body and for auditors; 404 for everybody else, 403 for whoever answered the occasion.
"""

from django import forms
from django.contrib import messages
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit import rules
from audit.access import auditors_and_officers, occasion_for
from audit.enums import Opinion
from audit.models import AwardReview, RedFlag
from audit.reviews import actions, facts
from audit.reviews.checklist_words import counts, shown
from audit.reviews.forms import ConcludeAwardForm
from marketplace.acts import attempt, confirmed_act_page, show
from marketplace.dates import clock
from marketplace.files.downloads import download, json_download
from marketplace.keep import data_of
from marketplace.lists import FilterForm, Ticked, page
from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities.models import PublicBody
from proposals.models import Award, Proposal

PAGE = 20
TONES: dict[str, str] = {Opinion.COMPLIANT: "ok", Opinion.RESERVED: "warn", Opinion.NOT_COMPLIANT: "bad"}


# --- The list --------------------------------------------------------------------------------------------------------
def seen_by(user: User):
    """Standing awards: all for auditors, those of their bodies for officers; none that the person has a tie with."""
    tied = Proposal.objects.tying(user).values("opportunity")
    rows = Award.objects.standing().exclude(opportunity__in=tied)
    if user.is_auditor:
        return rows
    return rows.filter(opportunity__body__in=user.body_memberships.filter(role="officer").values("body"))


def with_review(rows):
    """`opinion` and `reviewed_at` of the last conclusion; `signals`: how many signals stand about the occasion."""
    last = AwardReview.objects.filter(award=OuterRef("pk")).order_by("-pk")
    standing = RedFlag.objects.standing().filter(opportunity=OuterRef("opportunity")).order_by()
    count = standing.values("opportunity").annotate(n=Count("pk")).values("n")
    return rows.annotate(
        opinion=Subquery(last.values("opinion")[:1]),
        reviewed_at=Subquery(last.values("at")[:1]),
        signals=Coalesce(Subquery(count), 0),
    )


class AwardFilter(FilterForm):
    """`organisme`: the bodies of the awards that the person sees."""

    etat = forms.ChoiceField(
        required=False,
        choices=[("a-verifier", gettext_lazy("À vérifier")), ("verifiees", gettext_lazy("Vérifiées"))],
    )
    organisme = forms.ChoiceField(required=False)
    signaux = Ticked()


@require_safe
@auditors_and_officers
def awards(request: PersonRequest) -> HttpResponse:
    """The last award first, a page at a time. Unknown values of filters are left out."""
    seen = seen_by(request.user)
    bodies = PublicBody.objects.filter(opportunities__awards__in=seen).distinct().order_by("sort_key", "pk")
    form = AwardFilter(request.GET, organisme=[(str(body.pk), body.name) for body in bodies])
    rows = with_review(_matching(seen, form.asked)).for_list()
    listed = page(request, rows, order=("-at", "-pk"), size=PAGE, pairs=form.pairs)
    context = {
        "rows": [(row, badge(row.opinion)) for row in listed.rows],
        "form": form,
        "older": listed.older,
        "first": listed.first,
    }
    return render(request, "audit/awards.html", context)


def badge(opinion: str | None) -> dict:
    if not opinion:
        return {"label": _("À vérifier"), "tone": "neutral"}
    return {"label": Opinion(opinion).label, "tone": TONES[opinion]}


def _matching(rows, asked: dict):
    reviewed = Exists(AwardReview.objects.filter(award=OuterRef("pk")))
    if asked["etat"]:
        rows = rows.filter(reviewed if asked["etat"] == "verifiees" else ~reviewed)
    if asked["organisme"]:
        rows = rows.filter(opportunity__body=asked["organisme"])
    if asked["signaux"]:
        rows = rows.filter(Exists(RedFlag.objects.standing().filter(opportunity=OuterRef("opportunity"))))
    return rows


# --- One award -------------------------------------------------------------------------------------------------------
def award_for(request: PersonRequest, number: str) -> Award:
    """The standing award of an occasion that this person may audit or read; 404, or 403 for the tied."""
    opportunity = occasion_for(request, number, officers=True)
    return get_object_or_404(facts.awards().standing(), opportunity=opportunity)


def _reviews(award: Award, user: User) -> list[AwardReview]:
    """Oldest first: their ranks, from 1, name their files."""
    return list(AwardReview.objects.visible_to(user).filter(award=award).select_related("by").order_by("pk"))


def _missing(groups: list[dict]) -> list[dict]:
    return [line for group in groups for line in group["lines"] if line["done"] is False]


@never_cache
@require_safe
def award(request: PersonRequest, number: str) -> HttpResponse:
    """The checklist as it stands, the conclusions already signed, the signals that stand."""
    row = award_for(request, number)
    lines = actions.computed(row, at=clock.now())
    reviews, groups = _reviews(row, request.user), shown(lines, row)
    context = {
        "award": row,
        "groups": groups,
        "counts": counts(lines),
        "missing": _missing(groups),
        "reviews": [
            {"rank": rank, "row": review, "badge": badge(review.opinion)}
            for rank, review in enumerate(reviews, start=1)
        ][::-1],
        "badge": badge(reviews[-1].opinion if reviews else None),
        "flags": facts.standing_flags(row, request.user).order_by("code", "pk"),
        "may_conclude": rules.can_review_award(row, request.user),
    }
    return render(request, "audit/award.html", context)


@confirmed_act_page
def conclude(request: PersonRequest, number: str) -> HttpResponse:
    """What is missing, then the conclusion, then who it is."""
    row = award_for(request, number)
    actions.gate(row, request.user)  # before the password is looked at
    lines = actions.computed(row, at=clock.now())
    seen = actions.fingerprint(lines)
    form = ConcludeAwardForm(data_of(request), request=request, initial={"seen": seen})
    if attempt(
        request, form,
        lambda: actions.conclude(row, by=request.user, method=form.confirmed_by, **form.cleaned_data),
    ):  # fmt: skip
        messages.success(request, _("Conclusion signée. Elle ne se modifie pas; une autre peut la suivre."))
        return redirect("audit:review", number=number)
    context = {
        "award": row,
        "form": form,
        "seen": seen,
        "counts": counts(lines),
        "missing": _missing(shown(lines, row)),
    }
    return show(request, "audit/award_conclude.html", context)


def _review(request: PersonRequest, number: str, rank: int) -> AwardReview:
    """By its rank among the conclusions on the award that stands, from 1."""
    row = award_for(request, number)
    reviews = _reviews(row, request.user)
    if not 1 <= rank <= len(reviews):
        raise Http404
    review = reviews[rank - 1]
    review.award = row
    return review


@never_cache
@require_safe
def review_pdf(request: PersonRequest, number: str, rank: int) -> HttpResponse:
    content = actions.document(_review(request, number, rank))
    return download(content, f"verification-{number}-{rank}.pdf", "application/pdf")


@never_cache
@require_safe
def review_json(request: PersonRequest, number: str, rank: int) -> HttpResponse:
    """What `tools/verify.py review` reads."""
    return json_download(_review(request, number, rank).signed, f"verification-{number}-{rank}.json")


# --- « À faire » -----------------------------------------------------------------------------------------------------
def to_review(bodies: set, user: User):
    """Awards of these bodies about which signals stand and that nobody audited, for whoever could."""
    reviewed = Exists(AwardReview.objects.filter(award=OuterRef("pk")))
    rows = with_review(seen_by(user).filter(~reviewed, opportunity__body__in=bodies)).filter(signals__gt=0)
    rows = rows.exclude(Q(confirmed_by=user) | Q(recommendation__by=user))
    return rows.select_related("opportunity").order_by(F("at").desc(), "-pk")


urlpatterns = [
    path("attributions/", awards, name="reviews"),
    path("attributions/<code:number>/", award, name="review"),
    path("attributions/<code:number>/conclure/", conclude, name="review_conclude"),
    path("attributions/<code:number>/conclusions/<int:rank>.pdf", review_pdf, name="review_pdf"),
    path("attributions/<code:number>/conclusions/<int:rank>.json", review_json, name="review_json"),
]
