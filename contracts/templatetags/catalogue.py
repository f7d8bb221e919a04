"""`{% load catalogue %}`: what the catalogue says in pages of other apps."""

from django import template

from contracts.reuse import similarity

register = template.Library()


@register.inclusion_tag("contracts/similar.html", takes_context=True)
def similar_code(context, opportunity) -> dict:
    """`{% similar_code opportunity %}`: « ce besoin existe déjà ? »; nothing for a notice that was never saved."""
    rows = similarity.matches(opportunity) if opportunity and opportunity.pk else []
    return {"rows": rows, "notice_lang": context.get("notice_lang", "")}
