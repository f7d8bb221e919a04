"""`{% load catalogue %}`: what the catalogue says in pages of other apps."""

from typing import Any

from django import template
from django.template import Context

from contracts.reuse import similarity
from opportunities.models import Opportunity

register = template.Library()


@register.inclusion_tag("contracts/similar.html", takes_context=True)
def similar_code(context: Context, opportunity: Opportunity | None) -> dict[str, Any]:
    """`{% similar_code opportunity %}`: « ce besoin existe déjà ? »; nothing for a notice that was never saved."""
    rows = similarity.matches(opportunity) if opportunity and opportunity.pk else []
    return {"rows": rows, "notice_lang": context.get("notice_lang", "")}
