"""`{% load flags %}`: signals in words, on any page."""

from django import template

from audit.flags.catalogue import CATALOGUE, sentence, with_unit

register = template.Library()


@register.filter
def flag_title(code: str) -> str:
    """`{{ flag.code|flag_title }}` → « Prix identiques »; the code itself when it has no words any more."""
    return str(CATALOGUE[code].title) if code in CATALOGUE else code


@register.filter
def flag_sentence(flag) -> str:
    """`{{ flag|flag_sentence }}`: a RedFlag, or a Found of audit/flags/compute.py, in one sentence."""
    return sentence(flag.code, flag.details) if flag.code in CATALOGUE else ""


@register.filter
def flag_normal(code: str) -> str:
    """`{{ flag.code|flag_normal }}`: why it may be normal."""
    return str(CATALOGUE[code].normal) if code in CATALOGUE else ""


@register.filter
def flag_amount(value, code: str) -> str:
    """`{{ flag.value|flag_amount:flag.code }}`: a value or a threshold with its unit: « 3 jours »."""
    return with_unit(code, value) if code in CATALOGUE else str(value)
