"""Figures: money and time, the two largest things of any page about an occasion (docs/design.md).

`{% load figures %}`. Urgent is under 48 hours from the closing, and nothing else is.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html_join

from marketplace.charts.swarm import DAYS, TALL, WIDE, Need, draw
from marketplace.dates import localtime

register = template.Library()

SCALE = timedelta(days=DAYS)  # one scale in lists, so that a sorted one is a staircase
_UNIT = re.compile(r"(\d(?:[\d\s.,]*\d)?)")


@register.filter
def figure(text: str) -> str:
    """« 64 000 $ », « 8 jours 20 heures » → the same, its units in a span, which the style sheet halves."""
    parts = [(place, part) for place, part in enumerate(_UNIT.split(text)) if part]
    return format_html_join("", "{}", ((_told(part, number=bool(place % 2)),) for place, part in parts))


def _told(part: str, *, number: bool) -> str:
    return format_html_join("", "{}" if number else "<span>{}</span>", [(part,)])


@register.simple_tag
def soon(until: datetime | None, now: datetime) -> bool:
    """`{% soon o.closes_at now as urgent %}`: whether it closes in less than 48 hours."""
    return until is not None and now < until < now + localtime.URGENT


@register.inclusion_tag("components/time_bar.html")
def time_bar(until: datetime, now: datetime, since: datetime | None = None) -> dict[str, str]:
    """What remains: of thirty days, or of the period that began at `since`; a tenth of a percent of the width."""
    whole = until - since if since else SCALE
    share = (until - now) / whole if whole else 0.0
    return {"width": f"{100 * min(max(share, 0.0), 1.0):.1f}"}


@register.simple_tag
def weights(criteria: Iterable[Any]) -> list[dict[str, Any]]:
    """`{% weights criteria as segments %}`: {rank, x, width} of each criterion's share in a bar of 100 (`.weight`)."""
    segments: list[dict[str, Any]] = []
    x = 0
    for place, criterion in enumerate(criteria):
        shown = max(criterion.weight - 0.4, 0.1)  # a hair of ground between two
        segments.append({"rank": place % 4 + 1, "x": f"{x}", "width": f"{shown:.1f}"})
        x += criterion.weight
    return segments


@register.inclusion_tag("charts/swarm.html", takes_context=True)
def swarm(context: dict[str, Any], needs: Sequence[Need], at: datetime) -> dict[str, Any]:
    """`{% swarm needs now %}`: the thirty days to come (marketplace/charts/swarm.py)."""
    drawings = [draw(needs, at, frame) for frame in (WIDE, TALL)]
    return {"drawings": drawings, "notice_lang": context.get("notice_lang", "")}
