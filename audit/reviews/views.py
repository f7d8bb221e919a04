"""An officer's audit of awards: the list, an award's checklist, the conclusion with its PDF and its signed file.

For the officers of the body and for auditors; 404 for everybody else, 403 for whoever answered the occasion.
"""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit import rules
from audit.access import occasion_for
from audit.enums import Opinion
from audit.models import AwardReview, RedFlag
from audit.reviews import actions, facts
from audit.reviews.checklist_words import counts, shown
from audit.reviews.forms import ConcludeAwardForm
from marketplace.acts import show_at
from marketplace.dates import clock
from marketplace.keep import data_of, keeps_typed
from marketplace.ledger import entries as ledger
from opportunities.models import PublicBody
from proposals.models import Award, Proposal

PAGE = 20
STATES = {"a-verifier": gettext_lazy("À vérifier"), "verifiees": gettext_lazy("Vérifiées")}
TONES = {Opinion.COMPLIANT: "ok", Opinion.RESERVED: "warn", Opinion.NOT_COMPLIANT: "bad"}


# --- The list --------------------------------------------------------------------------------------------------------
def seen_by(user):
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


@never_cache
@require_safe
def awards(request: HttpRequest) -> HttpResponse:
    """The last award first; `?apres=<occasion>` goes on. Unknown values of filters are left out."""
    user = request.user
    if not (user.is_auditor or user.body_memberships.filter(role="officer").exists()):
        raise Http404
    seen = seen_by(user)
    bodies = list(PublicBody.objects.filter(opportunities__awards__in=seen).distinct().order_by("name"))
    asked = _asked(request.GET, {str(body.pk) for body in bodies})
    rows = _matching(seen, asked)
    last_seen = request.GET.get("apres", "").replace("\x00", "")[:20]
    after = seen.filter(opportunity__number=last_seen).values_list("at", "pk").first() if last_seen else None
    if after:
        rows = rows.filter(Q(at__lt=after[0]) | Q(at=after[0], pk__lt=after[1]))
    page = list(with_review(rows).for_list()[: PAGE + 1])
    pairs = [(name, value) for name, value in asked.items() if value]
    more = [*pairs, ("apres", page[PAGE - 1].opportunity.number)] if len(page) > PAGE else None
    context = {
        "rows": [(row, badge(row.opinion)) for row in page[:PAGE]],
        "asked": asked,
        "filtered": bool(pairs),
        "bodies": [(str(body.pk), body.name) for body in bodies],
        "states": list(STATES.items()),
        "older": f"?{urlencode(more)}" if more else None,
        "first": f"{request.path}?{urlencode(pairs)}" if after else None,
    }
    return render(request, "audit/awards.html", context)


def badge(opinion: str | None) -> dict:
    if not opinion:
        return {"label": _("À vérifier"), "tone": "neutral"}
    return {"label": Opinion(opinion).label, "tone": TONES[opinion]}


def _asked(data, bodies: set[str]) -> dict[str, str]:
    known = {"etat": set(STATES), "organisme": bodies, "signaux": {"1"}}
    return {name: data.get(name, "") if data.get(name, "") in values else "" for name, values in known.items()}


def _matching(rows, asked: dict[str, str]):
    reviewed = Exists(AwardReview.objects.filter(award=OuterRef("pk")))
    if asked["etat"]:
        rows = rows.filter(reviewed if asked["etat"] == "verifiees" else ~reviewed)
    if asked["organisme"]:
        rows = rows.filter(opportunity__body=asked["organisme"])
    if asked["signaux"]:
        rows = rows.filter(Exists(RedFlag.objects.standing().filter(opportunity=OuterRef("opportunity"))))
    return rows


# --- One award -------------------------------------------------------------------------------------------------------
def award_for(request: HttpRequest, number: str) -> Award:
    """The standing award of an occasion that this person may audit or read; 404, or 403 for the tied."""
    opportunity = occasion_for(request, number, officers=True)
    return get_object_or_404(facts.awards().standing(), opportunity=opportunity)


def _reviews(award: Award, user) -> list[AwardReview]:
    """Oldest first; each knows its `rank`."""
    rows = list(AwardReview.objects.visible_to(user).filter(award=award).select_related("by").order_by("pk"))
    for rank, row in enumerate(rows, start=1):
        row.rank, row.badge = rank, badge(row.opinion)
    return rows


def _missing(groups: list[dict]) -> list[dict]:
    return [line for group in groups for line in group["lines"] if line["done"] is False]


@never_cache
@require_safe
def award(request: HttpRequest, number: str) -> HttpResponse:
    """The checklist as it stands, the conclusions already signed, the signals that stand."""
    row = award_for(request, number)
    lines = actions.computed(row, at=clock.now())
    reviews, groups = _reviews(row, request.user), shown(lines, row)
    context = {
        "award": row,
        "groups": groups,
        "counts": counts(lines),
        "missing": _missing(groups),
        "reviews": reviews[::-1],
        "badge": badge(reviews[-1].opinion if reviews else None),
        "flags": facts.standing_flags(row, request.user).order_by("code", "pk"),
        "may_conclude": rules.can_review_award(row, request.user),
    }
    return render(request, "audit/award.html", context)


@never_cache
@keeps_typed
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def conclude(request: HttpRequest, number: str) -> HttpResponse:
    """What is missing, then the conclusion, then who it is."""
    row = award_for(request, number)
    actions.gate(row, request.user)  # before the password is looked at
    lines = actions.computed(row, at=clock.now())
    seen = actions.fingerprint(lines)
    form = ConcludeAwardForm(data_of(request), request=request, initial={"seen": seen})
    if request.method == "POST" and form.is_valid():
        try:
            actions.conclude(row, by=request.user, method=form.confirmed_by, **form.cleaned_data)
        except ValidationError as error:
            show_at(form, error)
        else:
            messages.success(request, _("Conclusion signée. Elle ne se modifie pas; une autre peut la suivre."))
            return redirect("audit:review", number=number)
    context = {
        "award": row,
        "form": form,
        "seen": seen,
        "counts": counts(lines),
        "missing": _missing(shown(lines, row)),
    }
    return render(request, "audit/award_conclude.html", context, status=422 if request.method == "POST" else 200)


def _review(request: HttpRequest, number: str, rank: int) -> AwardReview:
    """By its rank among the conclusions on the award that stands, from 1."""
    row = award_for(request, number)
    found = {review.rank: review for review in _reviews(row, request.user)}
    if rank not in found:
        raise Http404
    found[rank].award = row
    return found[rank]


def _download(content: bytes, name: str, content_type: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@never_cache
@require_safe
def review_pdf(request: HttpRequest, number: str, rank: int) -> HttpResponse:
    review = _review(request, number, rank)
    return _download(actions.document(review), f"verification-{number}-{rank}.pdf", "application/pdf")


@never_cache
@require_safe
def review_json(request: HttpRequest, number: str, rank: int) -> HttpResponse:
    """What `tools/verify.py review` reads."""
    review = _review(request, number, rank)
    return _download(ledger.canonical(review.signed), f"verification-{number}-{rank}.json", "application/json")


# --- « À faire » -----------------------------------------------------------------------------------------------------
def to_review(bodies: set, user):
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
