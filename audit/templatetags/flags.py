"""`{% load flags %}`: signals in words, on any page."""

from django import template

from audit import flagging
from audit.flags.catalogue import CATALOGUE, amount, sentence
from marketplace import clock

register = template.Library()


@register.inclusion_tag("audit/before_award.html")
def flags_if_awarded(recommendation) -> dict:
    """`{% flags_if_awarded recommendation %}`: what would be flagged if it were confirmed now, for who confirms."""
    return {"flags": flagging.if_awarded(recommendation.opportunity, recommendation, at=clock.now())}


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
    """`{{ flag.value|flag_amount:flag.code }}`: a value or a threshold with its unit: « 3 (jours) »."""
    if code not in CATALOGUE:
        return str(value)
    entry, shown = CATALOGUE[code], amount(code, value)
    if entry.kind == "dollars":
        return shown
    return f"{shown} {entry.unit}" if entry.kind == "percent" else f"{shown} ({entry.unit})"
