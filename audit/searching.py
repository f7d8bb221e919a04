"""One box over everything an auditor may read: occasions, awards, contracts, vendors, people, the ledger.

Never what is not published, nor a proposal before its opening, nor an e-mail address.
"""

from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from audit import acts
from audit.floor import auditors_only
from audit.ledger_search import matching
from audit.names import named
from contracts.models import Contract
from marketplace import clock
from marketplace.ledger import BEFORE_PUBLICATION
from marketplace.models import LedgerPayload, User
from marketplace.search import query_words
from opportunities.labels import public_badge
from opportunities.models import Opportunity
from proposals.models import Award, Proposal
from vendors.models import Vendor

PAGE = 20
QUERY_MAX = 200
TABS = {
    "occasions": gettext_lazy("Occasions"),
    "attributions": gettext_lazy("Attributions"),
    "contrats": gettext_lazy("Contrats"),
    "prestataires": gettext_lazy("Prestataires"),
    "personnes": gettext_lazy("Personnes"),
    "registre": gettext_lazy("Registre"),
}
# What people do in procurements; what they do for themselves or for a vendor is not looked for.
PROCUREMENT = ("opportunity.", "proposal.", "contract.", "milestone.", "amendment.", "invoice.", "payment.", "award.")
PROCUREMENT += ("monitoring.", "redflag.", "passport.", "duty.", "performance.", "sample.")


def occasions(text: str, user):
    rows = Opportunity.objects.visible_to(user).public()
    return rows.filter(_words("search_text", text) | _number("number", text))


def awards(text: str, user):
    rows = Award.objects.filter(opportunity__published_at__isnull=False)
    found = _words("opportunity__search_text", text) | named("proposal__vendor__legal_name", text)
    return rows.filter(found | _number("opportunity__number", text))


def contracts(text: str, user):
    found = _words("search_text", text) | _words("award__opportunity__search_text", text) | _number("number", text)
    found |= named("award__proposal__vendor__legal_name", text) | _number("award__opportunity__number", text)
    return Contract.objects.visible_to(user).filter(found)


def vendors(text: str, user):
    """Those that have a proposal opened: the others only prepare, which is nobody's business."""
    answered = Proposal.objects.visible_to(user).opened().filter(vendor=OuterRef("pk"))
    digits = "".join(sign for sign in text if sign.isdigit())
    neq = Q(neq=digits) if len(digits) == 10 else Q(pk__in=[])
    return Vendor.objects.filter(named("legal_name", text) | neq).filter(Exists(answered))


def people(text: str, user):
    """Those who did something in a procurement that may be read; by their names alone."""
    did = Q()
    for start in PROCUREMENT:
        did |= Q(action__startswith=start)
    acted = LedgerPayload.objects.filter(did, actor=OuterRef("pk")).exclude(entry__action="sealed")
    acted = acted.exclude(action__in=BEFORE_PUBLICATION).filter(entry__in=acts.visible())
    wrote = Opportunity.objects.public().filter(author=OuterRef("pk"))
    deposited = Proposal.objects.visible_to(user).opened().filter(submissions__submitted_by=OuterRef("pk"))
    return User.objects.filter(named("name", text)).filter(Exists(acted) | Exists(wrote) | Exists(deposited))


SEARCHES = {
    "occasions": occasions,
    "attributions": awards,
    "contrats": contracts,
    "prestataires": vendors,
    "personnes": people,
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


def _counts(user, text: str, found: dict) -> dict[str, int]:
    """How many of each, in one query."""
    columns = {
        name: Subquery(
            rows.order_by().annotate(n=Func(F("pk"), function="COUNT", output_field=IntegerField())).values("n")
        )
        for name, rows in found.items()
    }
    row = User.objects.filter(pk=user.pk).values(**columns).first()
    return {name: count or 0 for name, count in row.items()}


@require_safe
@auditors_only
def search(request: HttpRequest) -> HttpResponse:
    """`?q=` what, `?dans=` which tab (the first that has results by default), `?avant=<id>` goes on."""
    text = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:QUERY_MAX]
    context = {"q": text, "tabs": [], "rows": []}
    if text:
        found = {name: make(text, request.user) for name, make in SEARCHES.items()}
        counts = _counts(request.user, text, found)
        tab = request.GET.get("dans", "")
        if tab not in TABS:
            tab = next((name for name in TABS if counts[name]), "occasions")
        before = request.GET.get("avant", "")
        rows = found[tab].order_by("-pk")
        page = list(_listed(tab, rows.filter(pk__lt=int(before)) if _whole(before) else rows)[: PAGE + 1])
        here = [("q", text), ("dans", tab)]
        context |= {
            "tab": tab,
            "tab_label": TABS[tab],
            "tabs": [
                (label, counts[name], f"?{urlencode([('q', text), ('dans', name)])}", name == tab)
                for name, label in TABS.items()
            ],
            "rows": _results(tab, page[:PAGE], request.user),
            "older": f"?{urlencode([*here, ('avant', page[PAGE - 1].pk)])}" if len(page) > PAGE else None,
            "first": f"?{urlencode(here)}" if before else None,
        }
    return render(request, "audit/search.html", context)


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def _listed(tab: str, rows):
    if tab == "occasions":
        return rows.select_related("body").defer("search_text", "description")
    if tab == "attributions":
        return rows.select_related("opportunity__body", "proposal__vendor")
    if tab == "contrats":
        return rows.select_related("award__opportunity__body", "award__proposal__vendor")
    return rows


def _results(tab: str, rows: list, user) -> list[dict]:
    at = clock.now()
    if tab == "registre":
        return acts.told(rows, user)
    return [
        {
            "row": row,
            "badge": public_badge(row, at) if tab == "occasions" else None,
            "link": urlencode({"q": f"person:{row.public_id}"}) if tab == "personnes" else "",
        }
        for row in rows
    ]


urlpatterns = [path("recherche/", search, name="search")]
