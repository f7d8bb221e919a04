"""The buyer's long form, its files, and what still misses before the review."""

import copy
from datetime import datetime, time, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.dates import clock
from marketplace.dates.calendar import add_business_days, next_business_day
from marketplace.dates.localtime import local, to_utc
from marketplace.keep import keeps_typed, typed_before
from marketplace.models import User
from opportunities import conditions, rules
from opportunities.drafts import actions
from opportunities.drafts.forms import NewOpportunityForm, OpportunityForm, grid
from opportunities.enums import AwardMode
from opportunities.models import Opportunity, PublicBody, Skill

CLOSING_HOUR = time(14)
RECOMMENDED_DAYS = 15
QUESTIONS_BEFORE = 3  # business days
SUGGESTED_SKILLS = 300
BLANK_ROWS = 3


@keeps_typed
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new draft; only its title is needed."""
    at = clock.now()
    bodies = PublicBody.objects.filter(memberships__user=request.user, memberships__role="buyer", active=True)
    if not bodies.exists():
        raise PermissionDenied(_("Seules les personnes acheteuses d’un organisme créent une occasion."))
    if request.method != "POST":
        return _show(request, at, *_first_forms(request, at, bodies=bodies, initial=_suggested(at, request.user)))
    if "ajouter_critere" in request.POST:
        return _show(request, at, *_quiet_forms(_one_more(request.POST), at, bodies=bodies))
    form, rows = NewOpportunityForm(request.POST, request.FILES, at=at, bodies=bodies), grid(request.POST)
    if form.is_valid() & rows.is_valid():
        try:
            made = actions.start(
                by=request.user, body=form.cleaned_data["body"], at=at, values=form.draft_values(),
                skills=form.cleaned_data["skills"], criteria=rows.rows(), files=form.cleaned_data["files"],
            )  # fmt: skip
            return _saved(request, made)
        except ValidationError as error:
            _put(error, form)
    return _show(request, at, form, rows, status=422)


def of_my_body(request: HttpRequest, number: str, *, at) -> Opportunity:
    """The occasion for the people of its body; Http404 for anyone else, published or not, who leaves no trace."""
    rows = Opportunity.objects.visible_to(request.user, at=at).select_related("body", "author", "submitted_by")
    opportunity = get_object_or_404(rows, number=number)
    if not rules.works_there(opportunity, request.user):
        raise Http404
    return opportunity


@keeps_typed
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, number: str) -> HttpResponse:
    """A draft of one's body. Saved whole, unless somebody saved it since it was shown."""
    at = clock.now()
    opportunity = of_my_body(request, number, at=at)
    if request.method != "POST":
        actions.check_editable(opportunity, request.user)
        forms = _first_forms(request, at, instance=opportunity)
        return _show(request, at, *forms, opportunity=opportunity, seen=actions.version(opportunity))
    seen = request.POST.get("updated_at", "")
    if "ajouter_critere" in request.POST:
        actions.check_editable(opportunity, request.user)
        forms = _quiet_forms(_one_more(request.POST), at, instance=opportunity)
        return _show(request, at, *forms, opportunity=opportunity, seen=seen)
    # The form writes on its own copy: what the page shows beside it stays what is stored.
    form = OpportunityForm(request.POST, request.FILES, instance=copy.copy(opportunity), at=at)
    rows = grid(request.POST)
    stale = None
    if form.is_valid() & rows.is_valid():
        try:
            saved = actions.save(
                opportunity, by=request.user, seen=seen, values=form.draft_values(),
                skills=form.cleaned_data["skills"], criteria=rows.rows(), files=form.cleaned_data["files"],
            )  # fmt: skip
            return _saved(request, saved)
        except actions.Stale as error:
            stale, seen = error.current, actions.version(error.current)
        except ValidationError as error:
            _put(error, form)
    else:
        actions.check_editable(opportunity, request.user)
    return _show(request, at, form, rows, opportunity=opportunity, seen=seen, stale=stale, status=422)


@login_not_required
@require_safe
def attachment(request: HttpRequest, number: str, file_id) -> HttpResponse:
    """A file of the notice, for whoever may see the notice; always as a download."""
    row = get_object_or_404(Opportunity.objects.visible_to(request.user, at=clock.now()), number=number)
    found = get_object_or_404(row.attachments, public_id=file_id)
    answer = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=found.name, content_type=found.content_type
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def remove_attachment(request: HttpRequest, number: str, file_id) -> HttpResponse:
    """Ask, then remove a file from a draft."""
    opportunity = of_my_body(request, number, at=clock.now())
    found = get_object_or_404(opportunity.attachments.select_related("opportunity"), public_id=file_id)
    if request.method == "POST":
        actions.detach(found, by=request.user)
        messages.success(request, _("« %s » est retiré.") % found.name)
        return redirect(f"{reverse('opportunities:edit', args=[number])}#pieces")
    actions.check_editable(opportunity, request.user)
    return render(request, "opportunities/remove_attachment.html", {"opportunity": opportunity, "attachment": found})


# --- Forms ------------------------------------------------------------------------------------------------------------
def _suggested(at, user: User) -> dict:
    """A closing instant at 14 h, the first business day at least 15 days away; questions three business days before."""
    closing = next_business_day(local(at).date() + timedelta(days=RECOMMENDED_DAYS))
    questions = add_business_days(closing, -QUESTIONS_BEFORE)
    return {
        "closes_at": to_utc(datetime.combine(closing, CLOSING_HOUR)),
        "questions_close_at": to_utc(datetime.combine(questions, CLOSING_HOUR)),
        "contact_name": user.name,
        "contact_email": user.email,
    }


def _form(data, at, *, instance=None, bodies=None, **kwargs):
    if bodies is None:
        return OpportunityForm(data, instance=instance, at=at, **kwargs)
    return NewOpportunityForm(data, bodies=bodies, at=at, **kwargs)


def _first_forms(request, at, *, instance=None, bodies=None, initial=None) -> tuple:
    """What is stored, or what was typed before the session ended."""
    typed = typed_before(request)
    if typed is not None:
        return _quiet_forms(typed, at, instance=instance, bodies=bodies)
    criteria = list(instance.criteria.all()) if instance else []
    form = _form(None, at, instance=instance, bodies=bodies, initial=initial)
    return form, grid(criteria=criteria, more=1 if criteria else BLANK_ROWS)


def _quiet_forms(data, at, *, instance=None, bodies=None) -> tuple:
    return _form(data, at, instance=instance, bodies=bodies, quiet=True), grid(data, quiet=True)


def _one_more(data):
    """What was typed, with one more row in the grid."""
    data = data.copy()
    try:
        total = int(data.get("grille-TOTAL_FORMS", ""))
    except ValueError:
        total = 0
    data["grille-TOTAL_FORMS"] = str(min(max(total, 0) + 1, 50))
    return data


def _put(error: ValidationError, form) -> None:
    """Show what an act refused at its field, or at the top when the form has no such field."""
    for field, problems in (error.error_dict if hasattr(error, "error_dict") else {None: error.error_list}).items():
        form.add_error(field if field in form.fields else None, problems)


def _saved(request, opportunity: Opportunity) -> HttpResponse:
    if "reviser" in request.POST:
        return redirect("opportunities:submit_for_review", number=opportunity.number)
    messages.success(request, _("Le brouillon %s est enregistré.") % opportunity.number)
    return redirect("opportunities:edit", number=opportunity.number)


# --- The page ---------------------------------------------------------------------------------------------------------
def _show(request, at, form, rows, *, opportunity=None, seen="", stale=None, status=200) -> HttpResponse:
    lines = missing(opportunity, at) if opportunity else []
    context = {
        "form": form,
        "grid": rows,
        "show_errors": not form.quiet and form.is_bound,
        "opportunity": opportunity,
        "seen": seen,
        "stale": stale,
        "missing": lines,
        # What is typed has its own errors; what is stored has these.
        "warnings": _warnings(opportunity, lines) if opportunity and not form.is_bound else {},
        "total_weight": _total_weight(rows),
        "known_skills": Skill.objects.values_list("name", flat=True)[:SUGGESTED_SKILLS],
        "attachments": list(opportunity.attachments.all()) if opportunity else [],
        "modes": AwardMode,
        "ceiling_cents": conditions.ceiling_cents(local(at).date()),
    }
    return render(request, "opportunities/edit.html", context, status=status)


def _total_weight(rows) -> int:
    """The sum of the weights on the page, typed or stored."""
    typed = [str(row["weight"].value() or "").strip() for row in rows.forms if not row["DELETE"].value()]
    return sum(int(text) for text in typed if text.isascii() and text.isdecimal() and len(text) < 4)


# Where a condition's field is on the form, when the name does not tell.
_PLACES = {"criteria": "grille"}


def missing(opportunity: Opportunity, at) -> list[dict]:
    """[{name, label, message, url}] of what keeps the notice from going further; url leads to the form's field."""
    address = reverse("opportunities:edit", args=[opportunity.number])
    lines = []
    for check in (conditions.complete, conditions.long_enough):
        try:
            check(opportunity, at)
        except ValidationError as error:
            for name, problems in error.message_dict.items():
                url = f"{address}#{_PLACES.get(name, f'id_{name}')}" if name != NON_FIELD_ERRORS else address
                label = field_label(name)
                lines += [{"name": name, "label": label, "message": text, "url": url} for text in problems]
    return lines


_WARNED = ("closes_at", "questions_close_at", "assignment_date")


def _warnings(opportunity: Opportunity, lines: list[dict]) -> dict[str, list[str]]:
    """What is wrong with a date that was saved all the same, by field: said beside it before anybody sends it."""
    told: dict[str, list[str]] = {}
    for line in lines:
        name = line["name"]
        if name == "short_period_reason" or (name in _WARNED and getattr(opportunity, name) is not None):
            told.setdefault(name, []).append(line["message"])
    return told


def field_label(name: str) -> str:
    """What the form calls a field."""
    if name == "criteria":
        return _("Grille d’évaluation")
    declared = OpportunityForm.base_fields.get(name)
    label = str(declared.label or "") if declared else ""
    return label[:1].upper() + label[1:]
