"""The buyer's long form, its files, and what still misses before the review."""

import copy
from datetime import datetime, time, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from marketplace import acts
from marketplace.acts import ConfirmForm, Page, act_page, attempt, draft_page
from marketplace.dates import clock
from marketplace.dates.calendar import add_business_days, next_business_day
from marketplace.dates.localtime import local, to_utc
from marketplace.files import shelf
from marketplace.files.downloads import stored_download
from marketplace.keep import data_of, typed_before
from marketplace.lifecycle import known
from marketplace.models import User
from marketplace.requests import PersonRequest
from opportunities import conditions
from opportunities.access import of_my_body
from opportunities.drafts import actions
from opportunities.drafts.forms import BaseGrid, NewOpportunityForm, OpportunityForm, grid
from opportunities.drafts.problems import problems_of, warnings_of
from opportunities.enums import AwardMode
from opportunities.models import Opportunity, PublicBody, Skill

CLOSING_HOUR = time(14)
RECOMMENDED_DAYS = 15
QUESTIONS_BEFORE = 3  # business days
SUGGESTED_SKILLS = 300
BLANK_ROWS = 3
Bodies: TypeAlias = QuerySet[PublicBody] | None  # those to choose from, for a new draft
Forms = tuple[OpportunityForm, BaseGrid]


@act_page
def create(request: PersonRequest) -> HttpResponse:
    """A new draft; only its title is needed."""
    at = clock.now()
    bodies = PublicBody.objects.filter(memberships__user=request.user, memberships__role="buyer", active=True)
    if not bodies.exists():
        raise PermissionDenied(_("Seules les personnes acheteuses d’un organisme créent une occasion."))
    if request.method != "POST":
        return _show(request, at, *_first_forms(request, at, bodies=bodies, initial=_suggested(at, request.user)))
    files = known(shelf.chosen(request))
    if "ajouter_critere" in request.POST:
        forms = _quiet_forms(_one_more(request.POST), at, bodies=bodies)
        files.keep(forms[0])
        return _show(request, at, *forms)
    form, rows = NewOpportunityForm(request.POST, files, at=at, bodies=bodies), grid(request.POST)

    def start() -> Opportunity:
        return actions.start(by=request.user, body=form.cleaned_data["body"], at=at, **_typed(form, rows))

    if not rows.is_valid():
        files.keep(form)
    elif done := attempt(request, form, start):
        return _saved(request, done.result)
    return _show(request, at, form, rows, status=422)


@draft_page
def edit(request: PersonRequest, number: str) -> HttpResponse:
    """A draft of one's body. Saved whole, unless somebody saved it since it was shown."""
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    if request.method != "POST":
        actions.check_editable(opportunity, request.user)
        forms = _first_forms(request, at, instance=opportunity)
        return _show(request, at, *forms, opportunity=opportunity, seen=actions.version(opportunity))
    seen, files = request.POST.get("updated_at", ""), known(shelf.chosen(request))
    if "ajouter_critere" in request.POST:
        actions.check_editable(opportunity, request.user)
        forms = _quiet_forms(_one_more(request.POST), at, instance=opportunity)
        files.keep(forms[0])
        return _show(request, at, *forms, opportunity=opportunity, seen=seen)
    # The form writes on its own copy: what the page shows beside it stays what is stored.
    form = OpportunityForm(request.POST, files, instance=copy.copy(opportunity), at=at)
    rows = grid(request.POST)
    stale = None

    def save() -> Opportunity:
        if len(actions.fresh(opportunity, form.cleaned_data["files"])) < len(form.cleaned_data["files"]):
            messages.info(request, _("Cette pièce est déjà jointe : une seule copie est gardée."))
        return actions.save(opportunity, by=request.user, seen=seen, **_typed(form, rows))

    try:
        if not rows.is_valid():
            files.keep(form)
        elif done := attempt(request, form, save):
            return _saved(request, done.result)
        actions.check_editable(opportunity, request.user)
    except actions.Stale as error:
        stale, seen = error.current, actions.version(error.current)
        files.keep(form)
    return _show(request, at, form, rows, opportunity=opportunity, seen=seen, stale=stale, status=422)


def _typed(form: OpportunityForm, rows: BaseGrid) -> dict[str, Any]:
    """What opportunities/drafts/actions.py writes: values, skills, criteria, files."""
    typed = form.cleaned_data
    return {
        "values": form.draft_values(), "skills": typed["skills"], "criteria": rows.rows(), "files": typed["files"]
    }  # fmt: skip


@login_not_required
@require_safe
def attachment(request: HttpRequest, number: str, file_id: UUID) -> HttpResponseBase:
    """A file of the notice, for whoever may see the notice; always as a download."""
    opportunity = get_object_or_404(Opportunity.objects.visible_to(request.user, at=clock.now()), number=number)
    attachment = get_object_or_404(opportunity.attachments, public_id=file_id)
    return stored_download(attachment.file, attachment.name, attachment.content_type)


@act_page
def remove_attachment(request: PersonRequest, number: str, file_id: UUID) -> HttpResponse:
    """Ask, then remove a file from a draft."""
    opportunity = of_my_body(request, number, at=clock.now())
    attachment = get_object_or_404(opportunity.attachments.select_related("opportunity"), public_id=file_id)
    if attempt(request, ConfirmForm(data_of(request)), lambda: actions.detach(attachment, by=request.user)):
        messages.success(request, _("« %s » est retiré.") % attachment.name)
        return redirect(f"{reverse('opportunities:edit', args=[number])}#pieces")
    actions.check_editable(opportunity, request.user)
    return render(
        request, "opportunities/remove_attachment.html", {"opportunity": opportunity, "attachment": attachment}
    )


@act_page
def delete(request: PersonRequest, number: str) -> HttpResponse:
    """Ask, then take a draft away for ever."""
    opportunity = of_my_body(request, number, at=clock.now())
    form = ConfirmForm(data_of(request))
    if attempt(request, form, lambda: actions.delete(opportunity, by=request.user)):
        messages.success(request, _("Le brouillon %s est supprimé.") % number)
        return redirect("dashboard")
    actions.check_deletable(opportunity, request.user)
    page = Page(
        title=_("Supprimer le brouillon"),
        lead=_("C’est définitif : personne ne pourra le reprendre, et son numéro ne servira plus."),
        submit=_("Supprimer le brouillon"),
        tone="bad",
        danger=True,
    )
    context = {"page": page, "form": form, "opportunity": opportunity, "back": opportunity.get_absolute_url()}
    return acts.show(request, "opportunities/delete.html", context)


# --- Forms ------------------------------------------------------------------------------------------------------------
def _suggested(at: datetime, user: User) -> dict[str, Any]:
    """A closing instant at 14 h, the first business day at least 15 days away; questions three business days before."""
    closing = next_business_day(local(at).date() + timedelta(days=RECOMMENDED_DAYS))
    questions = add_business_days(closing, -QUESTIONS_BEFORE)
    return {
        "closes_at": to_utc(datetime.combine(closing, CLOSING_HOUR)),
        "questions_close_at": to_utc(datetime.combine(questions, CLOSING_HOUR)),
        "contact_name": user.name,
        "contact_email": user.email,
    }


def _form(
    data: QueryDict | None, at: datetime, *, instance: Opportunity | None = None, bodies: Bodies = None, **kwargs: Any
) -> OpportunityForm:
    if bodies is None:
        return OpportunityForm(data, instance=instance, at=at, **kwargs)
    return NewOpportunityForm(data, bodies=bodies, at=at, **kwargs)


def _first_forms(
    request: PersonRequest,
    at: datetime,
    *,
    instance: Opportunity | None = None,
    bodies: Bodies = None,
    initial: dict[str, Any] | None = None,
) -> Forms:
    """What is stored, or what was typed before the session ended."""
    typed = typed_before(request)
    if typed is not None:
        return _quiet_forms(typed, at, instance=instance, bodies=bodies)
    criteria = list(instance.criteria.all()) if instance else []
    form = _form(None, at, instance=instance, bodies=bodies, initial=initial)
    return form, grid(criteria=criteria, more=1 if criteria else BLANK_ROWS)


def _quiet_forms(data: QueryDict, at: datetime, *, instance: Opportunity | None = None, bodies: Bodies = None) -> Forms:
    return _form(data, at, instance=instance, bodies=bodies, quiet=True), grid(data, quiet=True)


def _one_more(data: QueryDict) -> QueryDict:
    """What was typed, with one more row in the grid."""
    data = data.copy()
    try:
        total = int(data.get("grille-TOTAL_FORMS", ""))
    except ValueError:
        total = 0
    data["grille-TOTAL_FORMS"] = str(min(max(total, 0) + 1, 50))
    return data


def _saved(request: PersonRequest, opportunity: Opportunity) -> HttpResponse:
    if "reviser" in request.POST:
        return redirect("opportunities:submit_for_review", number=opportunity.number)
    messages.success(request, _("Le brouillon %s est enregistré.") % opportunity.number)
    return redirect("opportunities:edit", number=opportunity.number)


# --- The page ---------------------------------------------------------------------------------------------------------
def _show(
    request: PersonRequest,
    at: datetime,
    form: OpportunityForm,
    rows: BaseGrid,
    *,
    opportunity: Opportunity | None = None,
    seen: str = "",
    stale: Opportunity | None = None,
    status: int = 200,
) -> HttpResponse:
    problems = problems_of(opportunity, at) if opportunity else []
    context = {
        "form": form,
        "grid": rows,
        "show_errors": not form.quiet and form.is_bound,
        "opportunity": opportunity,
        "seen": seen,
        "stale": stale,
        "missing": problems,
        # What is typed has its own errors; what is stored has these.
        "warnings": warnings_of(opportunity, problems) if opportunity and not form.is_bound else {},
        "total_weight": _total_weight(rows),
        "known_skills": Skill.objects.values_list("name", flat=True)[:SUGGESTED_SKILLS],
        "attachments": list(opportunity.attachments.all()) if opportunity else [],
        "modes": AwardMode,
        "ceiling_cents": conditions.ceiling_cents(local(at).date()),
    }
    return render(request, "opportunities/edit.html", context, status=status)


def _total_weight(rows: BaseGrid) -> int:
    """The sum of the weights on the page, typed or stored."""
    typed = [str(row["weight"].value() or "").strip() for row in rows.forms if not row["DELETE"].value()]
    return sum(int(text) for text in typed if text.isascii() and text.isdecimal() and len(text) < 4)
