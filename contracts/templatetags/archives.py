"""`{% load archives %}`: what was read in a delivered archive, for people."""

from django import template

from contracts.code import sentences

register = template.Library()


@register.filter
def told(kept: sentences.Kept) -> str:
    """A kept sentence, in the active language."""
    return sentences.told(kept)
