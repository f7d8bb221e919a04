"""What keeps a contract from its next turn: what it lacks, who may not sign and why, an award that was reversed."""

from datetime import datetime

from django.utils.translation import gettext as _

from contracts import conditions, rules
from contracts.models import Contract
from marketplace import lifecycle
from marketplace.lifecycle import IllegalMove
from marketplace.models import User
from marketplace.money import format_cents
from opportunities import rules as occasion_rules

READY = (conditions.award_stands, conditions.licence_agreed, conditions.plan_complete, conditions.plan_in_order)


def gate(contract: Contract, action: str, user: User) -> None:
    """`lifecycle.gate`; a contract whose award was reversed goes nowhere."""
    if contract.is_void and getattr(Contract, action).allowed(contract, user):
        raise IllegalMove(_("L’attribution a été annulée : ce contrat est sans effet."))
    lifecycle.gate(contract, action, user)


def missing(contract: Contract, at: datetime) -> list[str]:
    """What keeps the contract from being offered, eligibility apart."""
    return [message for condition in READY for message in conditions.complaints(condition, contract, at)]


def why_not(contract: Contract, user: User, action: str) -> str:
    """Why this person of a party may not make this signature; an empty text when they may."""
    if action == "sign_as_vendor":
        if rules.binds_vendor(contract, user):
            return ""
        return _("Seuls les propriétaires et gestionnaires du prestataire l’engagent : l’une de ces personnes signe.")
    if not occasion_rules.is_officer(contract.opportunity, user):
        return _("Une personne responsable des règles contractuelles, nommée signataire, conclut le contrat.")
    if occasion_rules.has_tie(contract.opportunity, user):
        return _("Vous appartenez à un prestataire qui a répondu à cette occasion : une autre personne doit signer.")
    named = contract.body.signatories.filter(user=user, ended_at=None).first()
    if named is None:
        return _("Vous n’êtes pas nommé signataire de l’organisme : la personne qui pilote la plateforme le fait.")
    if named.limit_cents < contract.value_cents:
        return _("Votre limite de signature est de %(limit)s; ce contrat vaut %(value)s.") % {
            "limit": format_cents(named.limit_cents),
            "value": format_cents(contract.value_cents),
        }
    return ""
