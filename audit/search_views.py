"""One box over everything an auditor may read: occasions, awards, contracts, vendors, people, cases, samples, ledger.

Never what is not published, nor a proposal before its opening, nor an e-mail address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django import forms
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from audit.access import auditors_only
from audit.cases import status as case_status
from audit.ledger import acts
from audit.ledger.search import matching
from audit.models import Monitoring, SamplingPlan
from audit.models.monitoring import MonitoringQuerySet
from audit.names import amount, named, nearest
from contracts.models import Contract, Invoice
from marketplace.dates import clock
from marketplace.ledger.entries import BEFORE_PUBLICATION
from marketplace.lists import FilterForm, WordsField, page
from marketplace.models import LedgerPayload, User
from marketplace.requests import PersonRequest
from marketplace.search import having, query_words
from marketplace.texts import Words
from marketplace.values import neq
from marketplace.values.signs import packed
from opportunities.models import BodyMembership, Opportunity, PublicBody
from opportunities.search.labels import public_badge
from proposals.models import Award, Proposal
from vendors.models import Vendor, VendorMembership

PAGE = 20
MOST_NAMES = 2_000
# What people do in procurements; what they do for themselves or for a vendor is not looked for.
PROCUREMENT = (
    "opportunity.", "proposal.", "contract.", "milestone.", "amendment.", "invoice.", "payment.", "award.",
    "monitoring.", "redflag.", "passport.", "duty.", "performance.", "sample.",
)  # fmt: skip


# --- What each tab finds ---------------------------------------------------------------------------------------------
def occasions(text: str, user: User):
    """By their words or number; and those that a vendor of that name won."""
    rows = Opportunity.objects.visible_to(user).public()
    won = Award.objects.standing().filter(named("proposal__vendor__legal_name", text))
    return rows.filter(_words("search_text", text) | _number("number", text) | Q(pk__in=won.values("opportunity")))


def awards(text: str, user: User):
    rows = Award.objects.filter(opportunity__published_at__isnull=False)
    matches = _words("opportunity__search_text", text) | named("proposal__vendor__legal_name", text)
    return rows.filter(matches | _number("opportunity__number", text) | _amount(text, "amount_cents"))


def contracts(text: str, user: User):
    """By their words, numbers, parties or value; and by the number or the amount of one of their invoices."""
    matches = _words("search_text", text) | _words("award__opportunity__search_text", text) | _number("number", text)
    matches |= named("award__proposal__vendor__legal_name", text) | _number("award__opportunity__number", text)
    billed = Invoice.objects.visible_to(user).filter(
        _number("number", text) | _amount(text, "total_cents", "before_cents")
    )
    matches |= _amount(text, "amount_cents", "worth") | Q(pk__in=billed.values("contract"))
    worth = F("amount_cents") + F("amended_cents")
    return Contract.objects.visible_to(user).annotate(worth=worth).filter(matches)


def vendors(text: str, user: User):
    try:
        same = Q(neq=neq.read(text))
    except ValueError:
        same = Q(pk__in=[])
    return vendors_told(user).filter(named("legal_name", text) | same)


def vendors_told(user: User):
    """Those that have a proposal opened: the others only prepare, which is nobody's business."""
    answered = Proposal.objects.visible_to(user).opened().filter(vendor=OuterRef("pk"))
    return Vendor.objects.filter(Exists(answered))


def people(text: str, user: User):
    """By their names alone."""
    return people_told(user).filter(named("name", text))


def people_told(user: User):
    """Those who did something in a procurement that may be read."""
    did = Q()
    for start in PROCUREMENT:
        did |= Q(action__startswith=start)
    acted = LedgerPayload.objects.filter(did, actor=OuterRef("pk")).exclude(entry__action="sealed")
    acted = acted.exclude(action__in=BEFORE_PUBLICATION).filter(entry__in=acts.visible())
    wrote = Opportunity.objects.public().filter(author=OuterRef("pk"))
    deposited = Proposal.objects.visible_to(user).opened().filter(submissions__submitted_by=OuterRef("pk"))
    return User.objects.filter(Exists(acted) | Exists(wrote) | Exists(deposited))


def cases(text: str, user: User):
    """By their number, their title, or their occasion."""
    matches = named("title", text) | _number("number", text) | _number("opportunity__number", text)
    return Monitoring.objects.visible_to(user).filter(matches | _words("opportunity__search_text", text))


def samples(text: str, user: User):
    return SamplingPlan.objects.visible_to(user).filter(named("title", text) | _number("number", text))


def _words(column: str, text: str) -> Q:
    """Every word of the search, as marketplace.search keeps them; nothing without a word."""
    return having(column, text) if query_words(text) else Q(pk__in=[])


def _number(column: str, text: str) -> Q:
    return Q(**{column: packed(text).upper()[:24]})


def _amount(text: str, *columns: str) -> Q:
    """Rows one of whose amounts is this one, to the cent; none when the text is no amount."""
    cents = amount(text)
    either = Q(pk__in=[])
    for column in columns if cents is not None else ():
        either |= Q(**{column: cents})
    return either


# --- How each tab lists what it found --------------------------------------------------------------------------------
def _with_bodies(rows: QuerySet, user: User) -> QuerySet:
    return rows.select_related("body").defer("search_text", "description")


def _with_winners(rows: QuerySet, user: User) -> QuerySet:
    return rows.select_related("opportunity__body", "proposal__vendor")


def _with_parties(rows: QuerySet, user: User) -> QuerySet:
    return rows.select_related("award__opportunity__body", "award__proposal__vendor")


def _with_last(rows: QuerySet, user: User) -> QuerySet:
    return cast(MonitoringQuerySet, rows).with_last().select_related("opportunity__body")


def _with_memberships(rows: QuerySet, user: User) -> QuerySet:
    """Nothing of a vendor of which nothing was opened."""
    of_vendors = VendorMembership.objects.filter(vendor__in=vendors_told(user)).select_related("vendor").order_by("pk")
    return rows.prefetch_related(
        Prefetch("body_memberships", BodyMembership.objects.select_related("body").order_by("pk")),
        Prefetch("vendor_memberships", of_vendors),
    )


def _occasion_results(rows: list, user: User) -> list[dict]:
    at = clock.now()
    return [{"row": row, "badge": public_badge(row, at)} for row in rows]


def _case_results(rows: list, user: User) -> list[dict]:
    return [{"row": row, "badge": case_status.badge(row)} for row in rows]


def _person_results(rows: list, user: User) -> list[dict]:
    return [{"row": row, "roles": _roles(row), "link": urlencode({"q": f"person:{row.public_id}"})} for row in rows]


def _roles(person: User) -> list[tuple[Words, str]]:
    """[(role, body or vendor)] of what may be told."""
    roles: list[tuple[Words, str]] = []
    roles += [(member.get_role_display(), member.body.name) for member in person.body_memberships.all()]
    roles += [(member.get_role_display(), member.vendor.legal_name) for member in person.vendor_memberships.all()]
    return roles + ([(acts.ROLES["auditor"], "")] if person.is_auditor else [])


@dataclass(frozen=True)
class Tab:
    """One kind of result. `search`: (text, user) -> rows; `listing`: the same rows with what a page of them reads.

    `results`: (rows of a page, user) -> what `template` draws; `series`: what its numbers start with: they open it.
    """

    label: Words
    search: Callable[[str, User], QuerySet]
    template: str
    listing: Callable[[QuerySet, User], QuerySet] = lambda rows, user: rows
    results: Callable[[list, User], list] = lambda rows, user: [{"row": row} for row in rows]
    series: str = ""


TABS = {
    "occasions": Tab(
        gettext_lazy("Occasions"), occasions, "audit/search/_occasions.html", _with_bodies, _occasion_results,
        series="DAN",
    ),
    "attributions": Tab(gettext_lazy("Attributions"), awards, "audit/search/_awards.html", _with_winners),
    "contrats": Tab(
        gettext_lazy("Contrats"), contracts, "audit/search/_contracts.html", _with_parties, series="CT"
    ),
    "prestataires": Tab(gettext_lazy("Prestataires"), vendors, "audit/search/_vendors.html"),
    "personnes": Tab(
        gettext_lazy("Personnes"), people, "audit/search/_people.html", _with_memberships, _person_results
    ),
    "verifications": Tab(
        gettext_lazy("Vérifications"), cases, "audit/search/_cases.html", _with_last, _case_results, series="VE"
    ),
    "echantillons": Tab(gettext_lazy("Échantillons"), samples, "audit/search/_samples.html", series="EC"),
    "registre": Tab(gettext_lazy("Registre"), matching, "audit/_entries.html", results=acts.told),
}  # fmt: skip


# --- The page --------------------------------------------------------------------------------------------------------
class SearchForm(FilterForm):
    q = WordsField()
    dans = forms.ChoiceField(required=False, choices=[(name, tab.label) for name, tab in TABS.items()])


def _counts(user: User, text: str) -> tuple[dict[str, QuerySet], dict[str, int]]:
    """The rows of each kind, and how many, in one query."""
    rows_by_tab = {name: tab.search(text, user) for name, tab in TABS.items()}
    count = Func(F("pk"), function="COUNT", output_field=IntegerField())
    columns = {name: Subquery(rows.order_by().annotate(n=count).values("n")) for name, rows in rows_by_tab.items()}
    counts = cast(dict[str, int | None], User.objects.filter(pk=user.pk).values(**columns).get())
    return rows_by_tab, {name: number or 0 for name, number in counts.items()}


def _suggestion(text: str, user: User) -> str:
    """The same search with each unknown word replaced by the nearest of a name that may be read; "" when that finds
    nothing either."""
    names: list[str] = []
    for rows, column in (
        (PublicBody.objects.all(), "name"),
        (vendors_told(user), "legal_name"),
        (people_told(user), "name"),
        (Opportunity.objects.visible_to(user).public().order_by("-pk"), "title"),
    ):
        names += rows.values_list(column, flat=True)[:MOST_NAMES]
    near = nearest(text, names)
    return near if near and any(_counts(user, near)[1].values()) else ""


def _best_tab(text: str, counts: dict[str, int]) -> str:
    """The first that has results, starting with the one whose numbers these are."""
    prefix = text.upper().partition("-")[0]
    first = [name for name, tab in TABS.items() if tab.series == prefix]
    return next((name for name in [*first, *TABS] if counts[name]), "occasions")


@require_safe
@auditors_only
def search(request: PersonRequest) -> HttpResponse:
    """`?q=` what, `?dans=` which tab (the first that has results by default), `?avant=<id>` goes on."""
    form, user = SearchForm(request.GET), request.user
    text = form.asked["q"]
    if not text:
        return render(request, "audit/search.html", {"q": text})
    rows_by_tab, counts = _counts(user, text)
    name = form.asked["dans"] or _best_tab(text, counts)
    tab, pairs = TABS[name], [("q", text), ("dans", name)]
    rows = tab.listing(rows_by_tab[name], user)
    listed = page(request, rows, order=("-pk",), size=PAGE, pairs=pairs, name="avant")
    context = {
        "q": text,
        "tab": name,
        "tab_label": tab.label,
        "tabs": [
            (other.label, counts[key], f"?{urlencode([('q', text), ('dans', key)])}", key == name)
            for key, other in TABS.items()
        ],
        "template": tab.template,
        "rows": tab.results(listed.rows, user),
        "suggestion": "" if any(counts.values()) else _suggestion(text, user),
        "older": listed.older,
        "first": listed.first,
    }
    return render(request, "audit/search.html", context)


urlpatterns = [path("recherche/", search, name="search")]
