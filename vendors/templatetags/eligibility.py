"""What a vendor must have, announced before anybody writes. `{% load eligibility %}`."""

from django import template

from marketplace.dates import clock
from marketplace.dates.localtime import local
from vendors.eligibility import actions

register = template.Library()


@register.simple_tag
def attestation_from(most_cents: int | None = None) -> int | None:
    """From how many cents before taxes Revenu Québec's attestation is asked today; None if `most_cents` is under it."""
    least = actions.attestation_from_cents(local(clock.now()).date())
    return least if most_cents is None or most_cents >= least else None
