"""The list of occasions: search, filters with their counts, keyset pagination."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from marketplace import lists
from marketplace.cache import hold, public_page
from marketplace.dates import clock
from marketplace.dates.localtime import language
from marketplace.requests import HtmxRequest
from opportunities.models import Opportunity
from opportunities.search.filters import EVERY_STATE, GROUPS, OPEN, Filters, Group
from opportunities.search.labels import public_badge

PAGE = 20
REGIONS_SHOWN = 6
NEVER = 15  # the page cache's own limit: nothing on the page changes sooner
_FIELDS = (
    *("number", "title", "teaser", "state", "region", "budget_cents", "award_mode", "closes_at", "published_at"),
    *("body__name", "body__acronym"),
)


@dataclass(frozen=True)
class _Page:
    """`newer`, `older`: whether some come before the rows shown, or after them."""

    rows: list[Opportunity]
    newer: bool
    older: bool


@login_not_required
@public_page
@require_safe
def occasions(request: HtmxRequest) -> HttpResponse:
    """Everything that was ever published. The same page for everyone, drafts never: they are in « À faire »."""
    at = clock.now()
    filters = Filters.read(request.GET, at)
    public = Opportunity.objects.visible_to(AnonymousUser(), at=at)
    total, counts = filters.counts(public)
    page = _page(request.GET, filters, filters.rows(public), total)
    for row in page.rows:
        row.url = row.get_absolute_url()
        row.badge = None if filters.only_open else public_badge(row, at)
    path = reverse("opportunities:list")
    context = {
        "now": at,
        "rows": page.rows,
        "total": total,
        "filters": filters,
        "result": _result(filters, total),
        "order": _order_words(filters),
        "chips": [{"label": label, "url": _url(path, filters.pairs(without=pair))} for pair, label in filters.labels()],
        "groups": [_group(group, filters, counts[group.param]) for group in GROUPS],
        "skills": filters.skill_counts(public),
        "chosen_skills": {skill.pk for skill in filters.skills},
        "pages": _links(path, filters, page),
        "elsewhere_url": _url(path, [*(pair for pair in filters.pairs() if pair[0] != "etat"), EVERY_STATE]),
        "clear_url": path,
        "can_create": request.user.is_authenticated and request.user.body_memberships.filter(role="buyer").exists(),
    }
    part = request.htmx and not request.htmx.history_restore_request
    response = render(request, "opportunities/_answer.html" if part else "opportunities/list.html", context)
    patch_vary_headers(response, ["HX-Request"])
    if part:
        response["HX-Push-Url"] = _url(path, filters.pairs())
    soon = [row.closing - at for row in page.rows if row.state == "published" and row.closing > at]
    return hold(response, min([NEVER, *(int(left.total_seconds()) for left in soon)]))


# --- Pages: « after this row », never « page 12 » ------------------------------------------------------------------
def _order(filters: Filters) -> lists.Order:
    """Open ones: the nearest closing first; the others: the latest closing first."""
    return ("closes_at", "pk") if filters.only_open else ("-closes_at", "-pk")


def _page(data: QueryDict, filters: Filters, rows: QuerySet[Opportunity], total: int) -> _Page:
    rows = rows.select_related("body").prefetch_related("skills").only(*_FIELDS)
    order, back = _order(filters), lists.backwards(_order(filters))
    if data.get("page") == "derniere" and total > PAGE:
        return _Page(list(rows.order_by(*back)[: total % PAGE or PAGE])[::-1], newer=True, older=False)
    after, before = (lists.read(data.get(name, ""), rows, order) for name in ("apres", "avant"))
    if after:
        shown = list(rows.filter(lists.beyond(order, after)).order_by(*order)[: PAGE + 1])
        if shown:
            return _Page(shown[:PAGE], newer=True, older=len(shown) > PAGE)
    elif before:
        shown = list(rows.filter(lists.beyond(back, before)).order_by(*back)[: PAGE + 1])
        if shown:
            return _Page(shown[:PAGE][::-1], newer=len(shown) > PAGE, older=True)
    shown = list(rows.order_by(*order)[: PAGE + 1])
    return _Page(shown[:PAGE], newer=False, older=len(shown) > PAGE)


def _links(path: str, filters: Filters, page: _Page) -> dict[str, str]:
    pairs, order = filters.pairs(), _order(filters)
    links = {}
    if page.rows and page.newer:
        links["first"] = _url(path, pairs)
        links["newer"] = _url(path, [*pairs, ("avant", lists.written(page.rows[0], order))])
    if page.rows and page.older:
        links["older"] = _url(path, [*pairs, ("apres", lists.written(page.rows[-1], order))])
        links["last"] = _url(path, [*pairs, ("page", "derniere")])
    return links


# --- Words -----------------------------------------------------------------------------------------------------------
def _url(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _group(group: Group, filters: Filters, counts: Counter[str]) -> dict[str, Any]:
    chosen = set(filters.chosen[group.param])
    values: list[dict[str, Any]] = [
        {"value": value, "label": label, "number": counts[value], "chosen": value in chosen}
        for value, label in group.values.items()
    ]
    shown = {"param": group.param, "legend": group.legend, "values": values, "more": []}
    if group.param == "region":
        values = [line for line in values if line["number"] or line["chosen"]]
        values.sort(key=lambda line: (not line["chosen"], -line["number"], line["value"]))
        most = max(REGIONS_SHOWN, len(chosen))
        shown |= {"values": values[:most], "more": values[most:]}
    return shown


def _result(filters: Filters, total: int) -> str:
    """« 23 occasions ouvertes »: the state is said when there is only one."""
    if not total:  # French says « aucune », and gettext would write a zero in the plural
        return {
            OPEN: _("Aucune occasion ouverte"),
            "suspendue": _("Aucune occasion suspendue"),
            "evaluation": _("Aucune occasion en évaluation"),
            "attribuee": _("Aucune occasion attribuée"),
            "sans-suite": _("Aucune occasion sans suite"),
        }.get("".join(filters.chosen["etat"]), _("Aucune occasion"))
    number = f"{total:,}".replace(",", "," if language() == "en" else "\u00a0")
    if len(filters.chosen["etat"]) != 1:
        return ngettext("%(n)s occasion", "%(n)s occasions", total) % {"n": number}
    return {
        OPEN: ngettext("%(n)s occasion ouverte", "%(n)s occasions ouvertes", total),
        "suspendue": ngettext("%(n)s occasion suspendue", "%(n)s occasions suspendues", total),
        "evaluation": ngettext("%(n)s occasion en évaluation", "%(n)s occasions en évaluation", total),
        "attribuee": ngettext("%(n)s occasion attribuée", "%(n)s occasions attribuées", total),
        "sans-suite": ngettext("%(n)s occasion sans suite", "%(n)s occasions sans suite", total),
    }[filters.chosen["etat"][0]] % {"n": number}


def _order_words(filters: Filters) -> str:
    if filters.only_open:
        return _("de la plus proche à la plus lointaine")
    return _("de la plus récente à la plus ancienne")
