"""Pages of a body’s own clauses: the list, one clause, its withdrawal."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from contracts.agreement import clause_actions
from contracts.agreement.forms import ClauseForm
from contracts.models import Clause
from marketplace.acts import act_page, attempt, show
from marketplace.keep import data_of
from marketplace.lifecycle import IllegalMove
from marketplace.requests import PersonRequest
from marketplace.twice.once import once
from opportunities import rules as occasion_rules
from opportunities.models import PublicBody


def _body(request: PersonRequest, pk: int) -> PublicBody:
    """One of the bodies that the person works for; Http404 for the others."""
    return get_object_or_404(PublicBody.objects.filter(memberships__user=request.user).distinct(), pk=pk)


@never_cache
@require_safe
def clauses(request: PersonRequest, pk: int) -> HttpResponse:
    """The standard clauses, then the body's own; its officers change these."""
    body = _body(request, pk)
    in_force = Clause.objects.filter(retired_at=None)
    context = {
        "body": body,
        "standard": in_force.filter(body=None),
        "own": in_force.filter(body=body),
        "may_change": "officer" in occasion_rules.roles_in(request.user, body.pk),
    }
    return render(request, "contracts/clauses.html", context)


@act_page
def clause(request: PersonRequest, pk: int, clause_id: int | None = None) -> HttpResponse:
    """A new clause, or one that replaces another."""
    body = _body(request, pk)
    if "officer" not in occasion_rules.roles_in(request.user, body.pk):
        raise PermissionDenied(_("Seules les personnes responsables de l’organisme changent ses clauses."))
    former = get_object_or_404(body.clauses, pk=clause_id) if clause_id is not None else None
    if former is not None and former.retired_at is not None:
        raise IllegalMove(_("Cette clause est déjà retirée."))
    initial = {name: getattr(former, name) for name in ClauseForm.Meta.fields} if former else None
    form = ClauseForm(data_of(request), initial=initial)

    def keep() -> None:
        clause_actions.keep(body, by=request.user, instead=former, **form.cleaned_data)

    if attempt(request, form, keep):
        messages.success(request, _("La clause est enregistrée : elle vaut pour les contrats à venir."))
        return redirect("contracts:clauses", pk=pk)
    return show(request, "contracts/clause.html", {"body": body, "form": form, "former": former})


@never_cache
@require_POST
@once
def retire_clause(request: PersonRequest, pk: int, clause_id: int) -> HttpResponse:
    """Take a clause of the body away."""
    clause = get_object_or_404(_body(request, pk).clauses.select_related("body"), pk=clause_id)
    clause_actions.retire(clause, by=request.user)
    messages.success(request, _("La clause « %s » est retirée des contrats à venir.") % clause.title)
    return redirect("contracts:clauses", pk=pk)


urlpatterns = [
    path("organismes/<int:pk>/clauses/", clauses, name="clauses"),
    path("organismes/<int:pk>/clauses/nouvelle/", clause, name="add_clause"),
    path("organismes/<int:pk>/clauses/<int:clause_id>/", clause, name="clause"),
    path("organismes/<int:pk>/clauses/<int:clause_id>/retirer/", retire_clause, name="retire_clause"),
]
