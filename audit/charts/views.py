"""The page of pictures: what is read from the database for them, filtered by period and body."""

from collections import defaultdict

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from audit.access import auditors_only
from audit.charts import charts
from audit.ledger.search import in_period
from contracts.models import Invoice
from marketplace.dates import clock
from marketplace.dates.fields import day_field
from marketplace.dates.localtime import local
from marketplace.lifecycle import known
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts
from opportunities import conditions
from opportunities.models import PublicBody
from proposals.models import Award

MOST = 20_000


class PeriodForm(PlainTexts, forms.Form):
    """Read from the address; by default, the last twelve months."""

    du = day_field(gettext_lazy("Attribuées du"))
    au = day_field(gettext_lazy("Au"))
    organisme = forms.ModelChoiceField(
        label=gettext_lazy("Organisme"), queryset=PublicBody.objects.order_by("sort_key", "pk"), required=False,
        empty_label=gettext_lazy("Tous les organismes"),
    )  # fmt: skip

    def clean(self):
        values = super().clean() or {}
        if values.get("du") and values.get("au") and values["au"] < values["du"]:
            self.add_error("au", _("Le dernier jour précède le premier."))
        return values


def lines(*, since=None, until=None, body=None) -> list[charts.Line]:
    """Standing awards of the period, with what followed; two queries."""
    rows = in_period(Award.objects.standing(), since, until)
    rows = rows.filter(opportunity__body=body) if body else rows
    rows = rows.select_related("opportunity__body", "proposal__vendor", "contract").order_by("-at", "-pk")
    awards = list(rows[:MOST])
    paid: defaultdict[int, list[int]] = defaultdict(list)
    contracts = [award.contract.pk for award in awards if hasattr(award, "contract")]
    invoices = Invoice.objects.filter(contract__in=contracts, paid_at__isnull=False).exclude(kind="interest")
    for contract, issued, at in invoices.values_list("contract", "issued_at", "paid_at"):
        paid[contract].append((local(known(at)).date() - local(issued).date()).days)
    return [_line(award, paid) for award in awards]


def _line(award: Award, paid: dict[int, list[int]]) -> charts.Line:
    occasion, contract = award.opportunity, getattr(award, "contract", None)
    published = local(known(occasion.published_at)).date()
    return charts.Line(
        number=occasion.number, body=occasion.body.name, short=occasion.body.short,
        vendor=award.proposal.vendor.legal_name, cents=award.amount_cents,
        budget_cents=known(occasion.budget_cents), ceiling_cents=conditions.ceiling_cents(published),
        published=published, awarded=local(award.at).date(),
        signed=local(contract.signed_at).date() if contract and contract.signed_at else None,
        paid_days=tuple(paid[contract.pk]) if contract else (),
    )  # fmt: skip


@require_safe
@auditors_only
def page(request: PersonRequest) -> HttpResponse:
    today = local(clock.now()).date()
    year_ago = today.replace(year=today.year - 1, day=min(today.day, 28))
    asked = bool(set(request.GET) & {"du", "au", "organisme"})
    form = PeriodForm(request.GET if asked else {"du": year_ago.isoformat(), "au": today.isoformat()})
    shown: list[charts.Line] = []
    if form.is_valid():
        values = form.cleaned_data
        shown = lines(since=values["du"], until=values["au"], body=values["organisme"])
    context = {
        "form": form,
        "count": len(shown),
        "total": sum(line.cents for line in shown),
        "flows": charts.flows(shown),
        "concentration": charts.concentration(shown),
        "delays": charts.delays(shown),
        "prices": charts.prices(shown),
        "width": charts.WIDTH,
        "flow": {
            "width": charts.FLOW_WIDTH,
            "left": charts.LEFT,
            "right": charts.RIGHT,
            "node": charts.NODE,
            "end": charts.RIGHT - charts.NODE,
        },  # fmt: skip
    }
    return render(request, "audit/pictures.html", context)


urlpatterns = [path("images/", page, name="pictures")]
