"""Why a proposal came where it came, in the announced mode and with its figures: what its vendor reads of the result.

Of the retained proposal it says what the award's public page says: its final note, its price, its adjusted price.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from marketplace.dates.localtime import moment
from marketplace.lifecycle import known
from marketplace.money import format_cents
from marketplace.templatetags.marketplace import decimal_fr, percent
from opportunities.enums import ACCEPTABLE, AwardMode
from opportunities.models import Criterion, Opportunity
from proposals.enums import State
from proposals.evaluation import effect
from proposals.models import NoteReexamination, Proposal, Recommendation
from proposals.templatetags.scores import final_score

Line = dict[str, Any]  # of Recommendation.ranking


def reexaminations(proposal: Proposal) -> str:
    """What two people changed of it after notes were frozen, a paragraph each; empty when nothing was."""
    paragraphs = []
    for row in NoteReexamination.objects.accepted().filter(proposal=proposal).order_by("pk"):
        at = moment(known(row.decided_at))
        if row.outcome == State.REJECTED:
            told = _("Le %s, votre proposition a été rejetée par réexamen, décidé par deux personnes.") % at
        elif row.outcome:
            told = _("Le %s, votre proposition a été admise par réexamen, décidé par deux personnes.") % at
        else:
            told = _(
                "Le %(at)s, vos notes ont été réexaminées, par deux personnes : note finale %(before)s → %(after)s."
            ) % {
                "at": at,
                "before": final_score(row.total_before),
                "after": final_score(row.total_after),
            }
        ranks = effect.told(row.effect, "", {})
        if ranks:
            told += " " + _("Rang : %(before)s → %(after)s.") % {"before": ranks.before, "after": ranks.after}
        paragraphs.append(told + " " + _("Motif : %s") % row.reason)
    return "\n\n".join(paragraphs)


def sentences(recommendation: Recommendation, proposal: Proposal) -> list[str]:
    """In the active language; nothing for a proposal that was not ranked because it was rejected."""
    own, winner = recommendation.line(proposal), recommendation.line(recommendation.proposal)
    if own is None or winner is None:
        return []
    opportunity = proposal.opportunity
    if own["rank"] is None:
        return _not_ranked(opportunity, own)
    told = [_ranked(AwardMode(opportunity.award_mode), opportunity, own, winner)]
    if own["drawn"]:
        told.append(_("Vous étiez à égalité : un tirage au sort, que chacun peut refaire, a donné l’ordre."))
    elif own is not winner and _equal(AwardMode(opportunity.award_mode), own, winner):
        told.append(_("Vous étiez à égalité : la note au critère le plus lourd a donné l’ordre."))
    return told


def text(recommendation: Recommendation, proposal: Proposal) -> str:
    """The same, in one paragraph."""
    return " ".join(sentences(recommendation, proposal))


def _not_ranked(opportunity: Opportunity, own: Line) -> list[str]:
    """Which minimum was not met, by how much."""
    default = opportunity.default_minimum
    told = []
    for criterion in opportunity.criteria.all():
        floor = default if criterion.minimum is None else criterion.minimum
        value = own["scores"].get(str(criterion.pk))
        if floor is not None and value is not None and Decimal(value) < floor:
            told.append(_under(criterion, Decimal(value), floor))
    if opportunity.award_mode == AwardMode.ADJUSTED_PRICE and own["final"] and Fraction(own["final"]) < ACCEPTABLE:
        told.append(
            _("Votre note finale est de %(final)s; ce mode demande au moins %(floor)d.")
            % {"final": final_score(own["final"]), "floor": ACCEPTABLE}
        )
    told.append(_("Une proposition sous un minimum annoncé n’est pas classée, quel que soit son prix."))
    return told


def _under(criterion: Criterion, value: Decimal, floor: int) -> str:
    return _("Au critère « %(criterion)s », votre note est de %(value)s; le minimum annoncé était de %(floor)d.") % {
        "criterion": criterion.label,
        "value": decimal_fr(value),
        "floor": floor,
    }


def _ranked(mode: AwardMode, opportunity: Opportunity, own: Line, winner: Line) -> str:
    money = {
        "own": format_cents(own["price_cents"], exact=True),
        "winner": format_cents(winner["price_cents"], exact=True),
        "rank": own["rank"],
    }
    if mode == AwardMode.PRICE:
        return (
            _(
                "Dans ce mode, seul le prix compte : le vôtre, %(own)s, vous place au rang %(rank)d; celui de la"
                " proposition retenue est de %(winner)s."
            )
            % money
        )
    if mode == AwardMode.QUALITY_MIN_PRICE:
        return (
            _(
                "Dans ce mode, la qualité ouvre la porte et le prix classe : vos notes atteignent les minimums, et une"
                " note plus haute ne change pas le rang. Votre prix, %(own)s, vous place au rang %(rank)d; celui de la"
                " proposition retenue est de %(winner)s."
            )
            % money
        )
    finals = {"own_final": final_score(own["final"]), "winner_final": final_score(winner["final"])}
    if mode == AwardMode.QUALITY_FIXED:
        return _(
            "Dans ce mode, le montant est le même pour tous et seule la note finale compte : la vôtre, %(own_final)s,"
            " vous place au rang %(rank)d; celle de la proposition retenue est de %(winner_final)s."
        ) % (money | finals)
    adjusted = {
        "k": percent(Decimal(known(opportunity.k_percent))),
        "own_adjusted": format_cents(own["adjusted_cents"], exact=True),
        "winner_adjusted": format_cents(winner["adjusted_cents"], exact=True),
    }
    return _(
        "Dans ce mode, le prix ajusté classe : prix ÷ (1 + K × (note − 70) ÷ 30), avec K = %(k)s. Votre prix, %(own)s,"
        " avec la note %(own_final)s, donne %(own_adjusted)s et le rang %(rank)d; celui de la proposition retenue,"
        " %(winner)s avec la note %(winner_final)s, donne %(winner_adjusted)s."
    ) % (money | finals | adjusted)


def _equal(mode: AwardMode, own: Line, winner: Line) -> bool:
    """Whether what this mode ranks by is the same."""
    measures = {AwardMode.QUALITY_FIXED: "final", AwardMode.ADJUSTED_PRICE: "adjusted_cents"}
    name = measures.get(mode, "price_cents")
    return bool(own[name] == winner[name])
