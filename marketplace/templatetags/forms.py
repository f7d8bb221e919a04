"""`{% csrf_token %}`, in every template without a `load`: what each form posts that no person types.

Django's own token, then the form's number (marketplace/twice/once.py): no form can forget either.
"""

from django import template
from django.template.base import Parser, Token
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html

from marketplace.twice import once

register = template.Library()


class FormNode(CsrfTokenNode):
    """Both hidden fields. Nothing where Django writes nothing."""

    def render(self, context: template.Context) -> str:
        token = super().render(context)
        if not token:
            return token
        number = once.number_for(context.get("request"))
        return token + format_html('<input type="hidden" name="{}" value="{}" autocomplete="off">', once.FIELD, number)


@register.tag
def csrf_token(parser: Parser, token: Token) -> FormNode:
    """See the module."""
    return FormNode()
