"""What the person who deposits declares for the vendor, sealed with the proposal: integrity, probity, lobbying.

Proposals deposited before probity and lobbying were asked (0.6.0) have the first only, and stay valid.
"""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from marketplace.dates.localtime import moment
from marketplace.ledger.entries import instant
from proposals.enums import Lobbying

INTEGRITY, PROBITY, LOBBYING = "integrity_declaration", "probity_declaration", "lobbying_declaration"


def declared(*, by: str, at: datetime, lobbying: str) -> dict[str, dict[str, str]]:
    """The part of a proposal's content that holds the three. `by`: the person's name; `lobbying`: of `Lobbying`."""
    made = {"by": by, "at": instant(at)}
    return {INTEGRITY: made, PROBITY: made, LOBBYING: made | {"choice": lobbying}}


def told(content: dict[str, Any]) -> list[tuple[str, str]]:
    """[(what, what was declared)] of an opened proposal, for those who read it."""
    lobbying = content.get(LOBBYING)
    choice = str(Lobbying(lobbying["choice"]).label) if lobbying else _not_asked()
    return [
        (_("Déclaration d’intégrité"), _made(content.get(INTEGRITY), _("Elle manque."))),
        (_("Attestation relative à la probité"), _made(content.get(PROBITY), _not_asked())),
        (_("Activités de lobbyisme"), choice),
    ]


def _made(declaration: dict[str, str] | None, otherwise: str) -> str:
    if declaration is None:
        return otherwise
    when = moment(datetime.fromisoformat(declaration["at"]))
    return _("Faite par %(name)s, le %(when)s.") % {"name": declaration["by"], "when": when}


def _not_asked() -> str:
    return _("Elle n’était pas demandée au moment de ce dépôt.")
