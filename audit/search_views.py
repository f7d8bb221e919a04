"""One box over everything an auditor may read: occasions, awards, contracts, vendors, people, cases, samples, ledger.

Never what is not published, nor a proposal before its opening, nor an e-mail address.
"""

from django.db.models import Exists, F, Func, IntegerField, OuterRef, Prefetch, Q, Subquery
from django.http import HttpRequest, HttpResponse
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
from audit.names import amount, named, nearest
from contracts.models import Contract, Invoice
from marketplace.dates import clock
from marketplace.ledger.entries import BEFORE_PUBLICATION
from marketplace.models import LedgerPayload, User
from marketplace.search import query_words
from opportunities.models import BodyMembership, Opportunity, PublicBody
from opportunities.search.labels import public_badge
from proposals.models import Award, Proposal
from vendors.models import Vendor, VendorMembership

PAGE = 20
QUERY_MAX = 200
MOST_NAMES = 2_000
TABS = {
    "occasions": gettext_lazy("Occasions"),
    "attributions": gettext_lazy("Attributions"),
    "contrats": gettext_lazy("Contrats"),
    "prestataires": gettext_lazy("Prestataires"),
    "personnes": gettext_lazy("Personnes"),
    "verifications": gettext_lazy("Vérifications"),
    "echantillons": gettext_lazy("Échantillons"),
    "registre": gettext_lazy("Registre"),
}
# What a number names is shown first.
SERIES = {"DAN": "occasions", "CT": "contrats", "VE": "verifications", "EC": "echantillons"}
# What people do in procurements; what they do for themselves or for a vendor is not looked for.
PROCUREMENT = ("opportunity.", "proposal.", "contract.", "milestone.", "amendment.", "invoice.", "payment.", "award.")
PROCUREMENT += ("monitoring.", "redflag.", "passport.", "duty.", "performance.", "sample.")


def occasions(text: str, user):
    """By their words or number; and those that a vendor of that name won."""
    rows = Opportunity.objects.visible_to(user).public()
    won = Award.objects.standing().filter(named("proposal__vendor__legal_name", text))
    return rows.filter(_words("search_text", text) | _number("number", text) | Q(pk__in=won.values("opportunity")))


def awards(text: str, user):
    rows = Award.objects.filter(opportunity__published_at__isnull=False)
    found = _words("opportunity__search_text", text) | named("proposal__vendor__legal_name", text)
    return rows.filter(found | _number("opportunity__number", text) | _amount(text, "amount_cents"))


def contracts(text: str, user):
    """By their words, numbers, parties or value; and by the number or the amount of one of their invoices."""
    found = _words("search_text", text) | _words("award__opportunity__search_text", text) | _number("number", text)
    found |= named("award__proposal__vendor__legal_name", text) | _number("award__opportunity__number", text)
    billed = Invoice.objects.visible_to(user).filter(
        _number("number", text) | _amount(text, "total_cents", "before_cents")
    )
    found |= _amount(text, "amount_cents", "worth") | Q(pk__in=billed.values("contract"))
    worth = F("amount_cents") + F("amended_cents")
    return Contract.objects.visible_to(user).annotate(worth=worth).filter(found)


def vendors(text: str, user):
    digits = "".join(sign for sign in text if sign.isascii() and sign.isdigit())
    neq = Q(neq=digits) if len(digits) == 10 else Q(pk__in=[])
    return vendors_told(user).filter(named("legal_name", text) | neq)


def vendors_told(user):
    """Those that have a proposal opened: the others only prepare, which is nobody's business."""
    answered = Proposal.objects.visible_to(user).opened().filter(vendor=OuterRef("pk"))
    return Vendor.objects.filter(Exists(answered))


def people(text: str, user):
    """By their names alone."""
    return people_told(user).filter(named("name", text))


def people_told(user):
    """Those who did something in a procurement that may be read."""
    did = Q()
    for start in PROCUREMENT:
        did |= Q(action__startswith=start)
    acted = LedgerPayload.objects.filter(did, actor=OuterRef("pk")).exclude(entry__action="sealed")
    acted = acted.exclude(action__in=BEFORE_PUBLICATION).filter(entry__in=acts.visible())
    wrote = Opportunity.objects.public().filter(author=OuterRef("pk"))
    deposited = Proposal.objects.visible_to(user).opened().filter(submissions__submitted_by=OuterRef("pk"))
    return User.objects.filter(Exists(acted) | Exists(wrote) | Exists(deposited))


def cases(text: str, user):
    """By their number, their title, or their occasion."""
    found = named("title", text) | _number("number", text) | _number("opportunity__number", text)
    return Monitoring.objects.visible_to(user).filter(found | _words("opportunity__search_text", text))


def samples(text: str, user):
    return SamplingPlan.objects.visible_to(user).filter(named("title", text) | _number("number", text))


SEARCHES = {
    "occasions": occasions,
    "attributions": awards,
    "contrats": contracts,
    "prestataires": vendors,
    "personnes": people,
    "verifications": cases,
    "echantillons": samples,
    "registre": matching,
}


def _words(column: str, text: str) -> Q:
    """Every word of the search, as marketplace.search keeps them; nothing without a word."""
    words = query_words(text)
    found = Q() if words else Q(pk__in=[])
    for word in words:
        found &= Q(**{f"{column}__contains": f" {word} "})
    return found


def _number(column: str, text: str) -> Q:
    return Q(**{column: text.upper()[:24]})


def _amount(text: str, *columns: str) -> Q:
    """Rows one of whose amounts is this one, to the cent; none when the text is no amount."""
    cents = amount(text)
    found = Q(pk__in=[])
    for column in columns if cents is not None else ():
        found |= Q(**{column: cents})
    return found


def _counts(user, text: str) -> tuple[dict, dict[str, int]]:
    """The rows of each kind, and how many, in one query."""
    found = {name: make(text, user) for name, make in SEARCHES.items()}
    columns = {
        name: Subquery(
            rows.order_by().annotate(n=Func(F("pk"), function="COUNT", output_field=IntegerField())).values("n")
        )
        for name, rows in found.items()
    }
    row = User.objects.filter(pk=user.pk).values(**columns).first()
    return found, {name: count or 0 for name, count in row.items()}


def _suggestion(text: str, user) -> str:
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


@require_safe
@auditors_only
def search(request: HttpRequest) -> HttpResponse:
    """`?q=` what, `?dans=` which tab (the first that has results by default), `?avant=<id>` goes on."""
    text = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:QUERY_MAX]
    context = {"q": text, "tabs": [], "rows": []}
    if text:
        found, counts = _counts(request.user, text)
        tab = request.GET.get("dans", "")
        if tab not in TABS:
            tabs = [SERIES.get(text.upper().partition("-")[0], "occasions"), *TABS]
            tab = next((name for name in tabs if counts[name]), "occasions")
        before = request.GET.get("avant", "")
        rows = found[tab].order_by("-pk")
        page = list(_listed(tab, rows.filter(pk__lt=int(before)) if _whole(before) else rows, request.user)[: PAGE + 1])
        here = [("q", text), ("dans", tab)]
        context |= {
            "tab": tab,
            "tab_label": TABS[tab],
            "tabs": [
                (label, counts[name], f"?{urlencode([('q', text), ('dans', name)])}", name == tab)
                for name, label in TABS.items()
            ],
            "rows": _results(tab, page[:PAGE], request.user),
            "suggestion": "" if any(counts.values()) else _suggestion(text, request.user),
            "older": f"?{urlencode([*here, ('avant', page[PAGE - 1].pk)])}" if len(page) > PAGE else None,
            "first": f"?{urlencode(here)}" if before else None,
        }
    return render(request, "audit/search.html", context)


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def _listed(tab: str, rows, user):
    if tab == "occasions":
        return rows.select_related("body").defer("search_text", "description")
    if tab == "attributions":
        return rows.select_related("opportunity__body", "proposal__vendor")
    if tab == "contrats":
        return rows.select_related("award__opportunity__body", "award__proposal__vendor")
    if tab == "verifications":
        return rows.with_last().select_related("opportunity__body")
    if tab == "personnes":
        told = VendorMembership.objects.filter(vendor__in=vendors_told(user)).select_related("vendor").order_by("pk")
        return rows.prefetch_related(
            Prefetch("body_memberships", BodyMembership.objects.select_related("body").order_by("pk")),
            Prefetch("vendor_memberships", told),
        )
    return rows


def _results(tab: str, rows: list, user) -> list[dict]:
    at = clock.now()
    if tab == "registre":
        return acts.told(rows, user)
    if tab == "occasions":
        return [{"row": row, "badge": public_badge(row, at)} for row in rows]
    if tab == "verifications":
        return [{"row": row, "badge": case_status.badge(row)} for row in rows]
    if tab == "personnes":
        return [{"row": row, "roles": _roles(row), "link": urlencode({"q": f"person:{row.public_id}"})} for row in rows]
    return [{"row": row} for row in rows]


def _roles(person: User) -> list[tuple[str, str]]:
    """[(role, body or vendor)] of what may be told: nothing of a vendor of which nothing was opened."""
    found = [(one.get_role_display(), one.body.name) for one in person.body_memberships.all()]
    found += [(one.get_role_display(), one.vendor.legal_name) for one in person.vendor_memberships.all()]
    return found + ([(acts.ROLES["auditor"], "")] if person.is_auditor else [])


urlpatterns = [path("recherche/", search, name="search")]
