"""What a vendor must have, announced before anybody writes. `{% load eligibility %}`."""

from datetime import datetime
from typing import Any

from django import template

from marketplace.dates import clock
from marketplace.dates.localtime import local
from vendors.eligibility import actions

register = template.Library()


@register.simple_tag(takes_context=True)
def attestation_from(context: dict[str, Any], most_cents: int | None = None) -> int | None:
    """From how many cents before taxes Revenu Québec's attestation is asked today; None if `most_cents` is under it.

    Today is the page's own, `now` where it has one: the database's clock is asked once a page.
    """
    now = context.get("now")
    least = actions.attestation_from_cents(local(now if isinstance(now, datetime) else clock.now()).date())
    return least if most_cents is None or most_cents >= least else None
