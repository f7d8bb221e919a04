"""What the public calls an occasion's state: « ouverte » and « en évaluation » depend on the closing instant."""

from datetime import datetime

from django.utils.translation import gettext as _

from opportunities.enums import State
from opportunities.models import Opportunity


def public_badge(opportunity: Opportunity, at: datetime) -> dict[str, str]:
    """{label, tone} for components/badge.html, as of `at`. The tone "ok" means open to proposals, and nothing else."""
    state = opportunity.state
    if opportunity.accepts_proposals(at=at):
        return {"label": _("Ouverte"), "tone": "ok"}
    if opportunity.is_due(at=at):  # nobody evaluates what is not opened
        return {"label": _("Fermée"), "tone": "neutral"}
    if state in {State.EVALUATION, State.RECOMMENDED}:
        return {"label": _("En évaluation"), "tone": "info"}
    tones = {State.SUSPENDED: "warn", State.CANCELLED: "bad", State.IN_REVIEW: "info"}
    return {"label": opportunity.get_state_display(), "tone": tones.get(state, "neutral")}
