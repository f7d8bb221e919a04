"""The public's pages: home, an occasion, the minutes of its opening, awards. Anonymous answers are the same for all."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import BigIntegerField, Count, F, Func, OuterRef, QuerySet, Subquery, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRefresh

from marketplace import lists
from marketplace.cache import SECONDS, hold, public_page
from marketplace.charts.swarm import DAYS, Need
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.files.downloads import as_download, json_download
from marketplace.lifecycle import known
from marketplace.models import Checkpoint, User
from opportunities import rules as occasion_rules
from opportunities.conditions import ceiling_cents
from opportunities.drafts.problems import problems_of, told
from opportunities.enums import AwardMode, State
from opportunities.models import Opportunity
from opportunities.search.labels import public_badge
from opportunities.versions import section as version_section
from proposals.evaluation import notes
from proposals.models import Award, Draw, OpenedProposal, Proposal
from proposals.opening.actions import Outcome
from proposals.opening.middleware import outcome_of
from proposals.opening.minutes import signed as signed_minutes
from proposals.public import award as award_module
from proposals.public import figures, history
from proposals.public import parts as parts_module

CLOSING_SOON, DRAWN = 3, 60
AWARDS_PAGE = 20
WAITING_SECONDS = 2


def _until(response: HttpResponse, closings: Iterable[datetime | None], at: datetime) -> HttpResponse:
    """Keep the page in memory no longer than until the next closing instant that it shows."""
    left = [(instant - at).total_seconds() for instant in closings if instant and instant > at]
    return hold(response, int(min(left))) if left and min(left) < SECONDS else response


def _while_true(response: HttpResponse, opportunity: Opportunity, at: datetime) -> HttpResponse:
    """The same for an occasion's own pages: those that wait for its opening are made again almost each time."""
    if opportunity.is_due(at=at):
        return hold(response, WAITING_SECONDS)
    return _until(response, [opportunity.closes_at], at)


# --- Home ------------------------------------------------------------------------------------------------------------
@login_not_required
@public_page
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Next closings, how it works, figures, recent occasions."""
    if _first_visit_in_english(request):
        with translation.override("en"):
            return redirect("home")
    at = clock.now()
    closing_soon, (open_count, open_cents) = _closing_soon(at)
    context = {
        "now": at,
        "closing_soon": closing_soon,
        "needs": _needs(at),
        "open_count": open_count,
        "open_cents": open_cents,
        "figures": figures.compute(),
        "ceiling_cents": ceiling_cents(local(at).date()),
    }
    response = _until(render(request, "public/home.html", context), [row.closes_at for row in closing_soon], at)
    if request.path == "/" and _prefers_english(request):
        hold(response, 0)  # asked for by a link: the next first visitor must still be led to /en/
    return response


def _closing_soon(at: datetime) -> tuple[list[Opportunity], tuple[int, int]]:
    """The next to close; how many are open and their cents: one query, and one for their skills."""
    open_now = Opportunity.objects.open(at=at)

    def of_all(function: str, field: str) -> Subquery:
        whole = open_now.order_by().annotate(n=Func(F(field), function=function)).values("n")
        return Subquery(whole, output_field=BigIntegerField())

    counted = open_now.annotate(open_count=of_all("COUNT", "pk"), open_cents=of_all("SUM", "budget_cents"))
    rows: list[Any] = list(counted.order_by("closes_at", "pk").for_list()[:CLOSING_SOON])
    for row in rows:
        row.url = row.get_absolute_url()
    return rows, (rows[0].open_count, rows[0].open_cents) if rows else (0, 0)


def _needs(at: datetime) -> list[Need]:
    """What the home page draws: those that close within thirty days, the soonest, at most DRAWN."""
    rows = Opportunity.objects.open(at=at).filter(closes_at__lte=at + timedelta(days=DAYS)).order_by("closes_at", "pk")
    rows = rows.select_related("body").only("title", "budget_cents", "closes_at", "body__acronym", "body__name")
    return [Need(row.title, row.body.short, known(row.budget_cents), known(row.closes_at)) for row in rows[:DRAWN]]


def _prefers_english(request: HttpRequest) -> bool:
    best = next(iter(parse_accept_lang_header(request.headers.get("Accept-Language", ""))), ("", 0))[0]
    return best.split("-")[0] == "en"


def _first_visit_in_english(request: HttpRequest) -> bool:
    """On « / » only, without a session, and not by a link of ours: « Français » must lead to French."""
    ours = request.headers.get("Referer", "").startswith(f"{request.scheme}://{request.get_host()}/")
    known = settings.SESSION_COOKIE_NAME in request.COOKIES
    return request.path == "/" and not known and not ours and _prefers_english(request)


# --- An occasion -----------------------------------------------------------------------------------------------------
def _occasion(request: HttpRequest, number: str, *, published: bool = False) -> tuple[Opportunity, datetime]:
    """The occasion if this person may see it, and the instant, both from one query; Http404.

    published: for pages that exist only once the occasion is public.
    """
    visible = Opportunity.objects.visible_to(request.user)
    covered = Checkpoint.objects.order_by("-size").values("size")[:1]
    rows: QuerySet[Any] = (visible.public() if published else visible).annotate(
        instant=clock.Now(), covered=Coalesce(Subquery(covered), 0)
    )
    rows = rows.select_related("body", "author", "submitted_by", "opening")
    opportunity = get_object_or_404(rows, number=number)
    opportunity.attested = opportunity.covered
    opportunity.badge = public_badge(opportunity, opportunity.instant)
    if opportunity.is_due(at=opportunity.instant) and outcome_of(request) is Outcome.UNDER_WAY:
        opportunity.badge = {"label": _("Ouverture en cours"), "tone": "info"}
    return opportunity, opportunity.instant


def _waits(request: HttpRequest, opportunity: Opportunity, at: datetime) -> dict[str, bool]:
    """For public/_waiting.html: whether the opening is due and not done, and whether somebody is doing it."""
    due = opportunity.is_due(at=at)
    return {"waiting": due, "under_way": due and outcome_of(request) is Outcome.UNDER_WAY}


@login_not_required
@public_page
@require_safe
def detail(request: HttpRequest, number: str) -> HttpResponse:
    """Everything of the notice and its public history; for those concerned, what they may do."""
    opportunity, at = _occasion(request, number)
    parts = parts_module.parts(opportunity)
    opened = opportunity.is_public() and hasattr(opportunity, "opening")
    acts = history.acts(opportunity)
    context = {
        "o": opportunity,
        "now": at,
        "parts": parts,
        "mode_sentence": parts_module.MODES[AwardMode(opportunity.award_mode)],
        "default_minimum": opportunity.default_minimum,
        "minima": any(criterion.minimum for criterion in parts.criteria),
        "adjusted": opportunity.award_mode == AwardMode.ADJUSTED_PRICE,
        "events": history.events(
            opportunity,
            acts,
            at=at,
            reexaminations=award_module.reexaminations(opportunity) if opportunity.state == State.AWARDED else (),
        ),
        "versions": version_section.lines(opportunity, acts, attested=cast(Any, opportunity).attested),
        "opened": opened,
        "accepting": opportunity.accepts_proposals(at=at),
        "show_award": opportunity.state == State.AWARDED,
        "reason_shown": opportunity.is_public() and opportunity.state_reason,
    } | _waits(request, opportunity, at)
    if request.user.is_authenticated:
        context |= _for_person(opportunity, request.user, at)
    return _while_true(render(request, "public/occasion.html", context), opportunity, at)


def _for_person(opportunity: Opportunity, user: User, at: datetime) -> dict[str, Any]:
    """What only this person sees: one's own proposals, or the body's panel."""
    works_there = occasion_rules.works_there(opportunity, user)
    if works_there or user.is_staff:
        not_public = opportunity.state in {State.DRAFT, State.IN_REVIEW}
        problems = problems_of(opportunity, at) if not_public else []
        missing = told(problems, links=opportunity.state == State.DRAFT and occasion_rules.is_buyer(opportunity, user))
        acts = _acts(opportunity, user, at, main="edit" if missing else None)
        # Its history tells of the evaluation: not to whoever answered.
        has_history = works_there and not occasion_rules.has_tie(opportunity, user)
        return {"works_there": works_there, "acts": acts, "missing": missing, "has_history": has_history}
    own = Proposal.objects.visible_to(user).filter(opportunity=opportunity, vendor__memberships__user=user)
    opened = hasattr(opportunity, "opening")
    audits = user.is_auditor and opened and not occasion_rules.has_tie(opportunity, user)
    return {"own_proposals": list(own.select_related("vendor").order_by("pk")), "audits": audits}


_MAIN_ACTS = {"confirm", "publish", "submit_for_review", "resume", "evaluation"}


def _acts(opportunity: Opportunity, user: User, at: datetime, *, main: str | None = None) -> list[dict[str, Any]]:
    """{name, url, main} of what this person may do now, in the order shown; labels are in the template.

    main: the one filled button; when None, the first act that moves the occasion forward.
    """
    before_closing = opportunity.closes_at is not None and at < opportunity.closes_at
    sealed = opportunity.state in {State.DRAFT, State.IN_REVIEW, State.PUBLISHED, State.SUSPENDED}
    cases = [
        ("confirm", "proposals:confirm", opportunity.can("confirm_award", user)),
        ("publish", "opportunities:publish", opportunity.can("publish", user)),
        ("submit_for_review", "opportunities:submit_for_review", opportunity.can("submit_for_review", user)),
        ("resume", "proposals:resume", opportunity.can("resume", user)),
        ("evaluation", "proposals:evaluation", not sealed and hasattr(opportunity, "opening")
         and occasion_rules.works_there(opportunity, user) and not occasion_rules.has_tie(opportunity, user)),
        ("edit", "opportunities:edit", occasion_rules.can_edit(opportunity, user)),
        ("delete", "opportunities:delete", occasion_rules.can_edit(opportunity, user)),
        ("take_back", "opportunities:take_back", opportunity.can("take_back", user)),
        ("return_to_author", "opportunities:return_to_author", opportunity.can("return_to_author", user)),
        ("addendum", "opportunities:add_addendum",
         occasion_rules.works_there(opportunity, user) and opportunity.takes_addenda(at=at)),
        ("suspend", "proposals:suspend", opportunity.can("suspend", user) and before_closing),
        ("cancel", "proposals:cancel", opportunity.can("cancel", user)),
    ]  # fmt: skip
    names = [name for name, _view, may in cases if may]
    main = main or next((name for name in names if name in _MAIN_ACTS), None)
    return [
        {"name": name, "url": reverse(view, args=[opportunity.number]), "main": name == main}
        for name, view, may in cases
        if may
    ]


# --- The minutes -----------------------------------------------------------------------------------------------------
@login_not_required
@public_page
@require_safe
def minutes(request: HttpRequest, number: str) -> HttpResponse:
    """The procès-verbal of the opening; before it, when it will be. Prices only where nothing else is scored."""
    opportunity, at = _occasion(request, number, published=True)
    context = {"o": opportunity, "now": at, "opening": None} | _waits(request, opportunity, at)
    if hasattr(opportunity, "opening"):
        rows = opportunity.opening.proposals.select_related("submission").only(
            "readable", "price_cents", "opening", "submission", "submission__receipt", "submission__version",
            "submission__received_at", "submission__receipt_number", "submission__envelope_sha256",
        )  # fmt: skip
        acts = [row for row in history.acts(opportunity) if row.action == history.MINUTES]
        context |= {
            "opening": opportunity.opening,
            "rows": list(rows.order_by("submission__received_at", "pk")),
            "shows_price": opportunity.award_mode == AwardMode.PRICE,
            "entry": acts[0].entry if acts else None,
        }
    return _while_true(render(request, "public/minutes.html", context), opportunity, at)


@login_not_required
@never_cache
@require_safe
def opening_state(request: HttpRequest, number: str) -> HttpResponse:
    """Asked now and then by a page that waits for the opening: 204 as long as its words are true, else « show again ».

    `vu`: what it says, « en-cours » or « attendue ».
    """
    opportunity, at = _occasion(request, number, published=True)
    stopped = request.GET.get("vu") == "en-cours" and outcome_of(request) is Outcome.HELD_BACK
    if opportunity.is_due(at=at) and not stopped:
        return HttpResponse(status=204)
    return HttpResponseClientRefresh()


@login_not_required
@public_page
@require_safe
def minutes_json(request: HttpRequest, number: str) -> HttpResponse:
    """The same minutes, signed: `tools/verify.py draw --minutes` compares a draw with them; 404 before the opening."""
    opportunity, _at = _occasion(request, number, published=True)
    if not hasattr(opportunity, "opening"):
        raise Http404
    return as_download(JsonResponse(signed_minutes(opportunity)), f"proces-verbal-{number}.json")


# --- Awards ----------------------------------------------------------------------------------------------------------
# The proponent's name as its receipt and the minutes say it: a vendor's page may change later, an award does not.
_WINNER = KeyTextTransform("proponent", "proposal__opened__submission__receipt")


@login_not_required
@public_page
@require_safe
def awards(request: HttpRequest) -> HttpResponse:
    """Standing awards, latest first; `?apres=<microseconds>-<pk>` goes on. A forged cursor shows the first page."""
    received = (
        OpenedProposal.objects.filter(opening=OuterRef("opportunity"))
        .order_by()
        .values("opening")
        .annotate(n=Count("pk"))
        .values("n")
    )
    rows = Award.objects.standing().annotate(received=Coalesce(Subquery(received), 0), winner=_WINNER)
    page = lists.page(request, rows.select_related("opportunity__body"), order=["-at", "-pk"], size=AWARDS_PAGE)
    for award in page.rows:
        award.days = (local(award.at).date() - local(award.opportunity.published).date()).days
        award.share = f"{100 * award.amount_cents / award.opportunity.budget:.1f}"
    totals = Award.objects.standing().aggregate(count=Count("pk"), cents=Sum("amount_cents"))
    context = {"awards": page.rows, "older": page.older, "first": page.first, "totals": totals}
    return render(request, "public/awards.html", context)


@login_not_required
@public_page
@require_safe
def award(request: HttpRequest, number: str) -> HttpResponse:
    """Who won, for how much, by which rank, decided how; reversed awards stay, with their reason."""
    opportunity, at = _occasion(request, number, published=True)
    rows = opportunity.awards.select_related("recommendation__proposal", "proposal__vendor").annotate(winner=_WINNER)
    opened = hasattr(opportunity, "opening")
    confirmed = [award_module.with_ranking(row, opportunity) for row in rows.order_by("-at", "-pk")] if opened else []
    standing = next((row for row in confirmed if row.reversed_at is None), None)
    ranking = award_module.ranking(standing) if standing else []
    received = opportunity.opening.proposals.count() if confirmed else 0
    context = {
        "o": opportunity,
        "now": at,
        "award": standing,
        "undone": [row for row in confirmed if row.reversed_at is not None],
        "received": received,
        "rejected": received - standing.admissible if standing else 0,
        "ranking": ranking,
        "unranked": standing.admissible - len(ranking) if standing else 0,
        "adjusts": opportunity.award_mode == AwardMode.ADJUSTED_PRICE,
        "notes": award_module.notes_of(standing) if standing else None,
        "reexaminations": award_module.reexaminations(opportunity) if standing else [],
        "draw": award_module.draw(opportunity) if standing and standing.drawn else None,
        "mode_sentence": parts_module.MODES[AwardMode(opportunity.award_mode)],
        "can_contract": request.user.is_authenticated and standing and _can_contract(opportunity, request.user),
        "can_reverse": request.user.is_authenticated and standing and _can_reverse(opportunity, request.user),
    }
    return _while_true(render(request, "public/award.html", context), opportunity, at)


@login_not_required
@require_safe
def notes_json(request: HttpRequest, number: str) -> HttpResponse:
    """The winner's notes as `tools/verify.py notes` reads them, once an award stands; without their comments."""
    rows = Award.objects.standing().select_related("opportunity", "proposal")
    award = get_object_or_404(rows, opportunity__number=number)
    award.proposal.opportunity = award.opportunity
    sealed = notes.sealed(award.proposal)
    if sealed is None:
        raise Http404
    return json_download(sealed.file(comments=False), f"notes-{number}.json")


def _can_contract(opportunity: Opportunity, user: User) -> bool:
    """Whether this person prepares the contract."""
    return occasion_rules.can_recommend(opportunity, user) or occasion_rules.can_oversee(opportunity, user)


def _can_reverse(opportunity: Opportunity, user: User) -> bool:
    if opportunity.awards.filter(contract__signed_at__isnull=False).exists():
        return False  # the contract is concluded: it may be terminated, by its own page
    asked = opportunity.reversal_requested_by_id is not None
    return opportunity.can("reverse_award", user) if asked else occasion_rules.can_request_reversal(opportunity, user)


@login_not_required
@require_safe
def draw_json(request: HttpRequest, number: str) -> HttpResponse:
    """The last draw as `tools/verify.py draw` reads it; once an award was confirmed, as it tells who came first."""
    draws = Draw.objects.filter(opportunity__number=number, opportunity__awards__isnull=False)
    draw = draws.order_by("at", "pk").last()
    if draw is None:
        raise Http404
    row = {name: getattr(draw, name) for name in ("commitment", "secret", "digests", "order")}
    return as_download(JsonResponse(row), f"tirage-{number}.json")
