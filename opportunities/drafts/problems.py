"""What keeps a draft from going further, and where on its form each thing is corrected."""

from datetime import datetime

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from opportunities import conditions
from opportunities.drafts.forms import OpportunityForm
from opportunities.models import Opportunity

# Where a condition's field is on the form, when the name does not tell.
_PLACES = {"criteria": "grille"}
_WARNED = ("closes_at", "questions_close_at", "assignment_date")


def problems_of(opportunity: Opportunity, at: datetime) -> list[dict[str, str]]:
    """[{name, label, message, url}] of what keeps the notice from going further; url leads to the form's field."""
    address = reverse("opportunities:edit", args=[opportunity.number])
    lines = []
    for check in (conditions.complete, conditions.long_enough):
        try:
            check(opportunity, at)
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                url = f"{address}#{_PLACES.get(name, f'id_{name}')}" if name != NON_FIELD_ERRORS else address
                label = opportunity.amount_label if name == "budget_cents" else _field_label(name)
                lines += [{"name": name, "label": label, "message": text, "url": url} for text in messages]
    return lines


def told(problems: list[dict[str, str]], *, links: bool) -> list[str]:
    """« Champ : ce qui manque » of each, as a page shows it; `links`: the reader may correct it on the form."""
    texts = [f"{line['label']}{_(' :')} {line['message']}" if line["label"] else line["message"] for line in problems]
    if not links:
        return texts
    return [format_html('<a href="{}">{}</a>', line["url"], text) for line, text in zip(problems, texts, strict=True)]


def warnings_of(opportunity: Opportunity, problems: list[dict[str, str]]) -> dict[str, list[str]]:
    """What is wrong with a date that was saved all the same, by field: said beside it before anybody sends it."""
    messages: dict[str, list[str]] = {}
    for problem in problems:
        name = problem["name"]
        if name == "short_period_reason" or (name in _WARNED and getattr(opportunity, name) is not None):
            messages.setdefault(name, []).append(problem["message"])
    return messages


def _field_label(name: str) -> str:
    """What the form calls a field."""
    if name == "criteria":
        return _("Grille d’évaluation")
    declared = OpportunityForm.base_fields.get(name)
    label = str(declared.label or "") if declared else ""
    return label[:1].upper() + label[1:]
