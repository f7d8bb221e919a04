"""What a re-examination does to the ranks: the place of its proposal and the first one, before and after.

Told to whoever decides before it is accepted, and kept with it from there on: `NoteReexamination.effect`, of JSON
values `{"before": Place, "after": Place}`, Place being `{"rank", "place", "first"}`: the rank or null; one of PLACES;
the public identifiers of those at the first rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from proposals.award import ranks
from proposals.enums import State
from proposals.models import NoteReexamination, Proposal
from proposals.templatetags.scores import final_score

RANKED, BELOW, REJECTED, WAITING = "ranked", "below", "rejected", "waiting"
PLACES = (RANKED, BELOW, REJECTED, WAITING)


@dataclass(frozen=True)
class Place:
    """rank: None unless `place` is « ranked ». first: public identifiers, several where a tie is not drawn yet."""

    rank: int | None
    place: str
    first: tuple[str, ...]

    def kept(self) -> dict[str, Any]:
        return {"rank": self.rank, "place": self.place, "first": list(self.first)}


def of(reexamination: NoteReexamination) -> dict[str, Any]:
    """What it would change if it were accepted now: nothing of it is written."""
    proposal = reexamination.proposal
    before = ranks.lines(proposal.opportunity)
    after = ranks.lines(proposal.opportunity, instead=_instead(reexamination))
    rejected = reexamination.outcome == State.REJECTED
    return {
        "before": _place(before, proposal, rejected=proposal.state == State.REJECTED).kept(),
        "after": _place(after, proposal, rejected=rejected).kept(),
    }


def _instead(reexamination: NoteReexamination) -> ranks.Instead:
    proposal = reexamination.proposal
    if reexamination.outcome == State.REJECTED:
        return ranks.Instead(proposal, None, waits=False)
    scores = {score.criterion_id: Fraction(score.value) for score in proposal.scores.all()}
    scores |= {line.criterion_id: Fraction(line.value_after) for line in reexamination.lines.all()}
    whole = len(scores) == proposal.opportunity.criteria.count()
    return ranks.Instead(proposal, scores if whole else None, waits=not whole)


def _place(lines: list[ranks.Line], proposal: Proposal, *, rejected: bool) -> Place:
    first = tuple(sorted(str(line.proposal.public_id) for line in lines if line.ranked.rank == 1))
    if rejected:
        return Place(None, REJECTED, first)
    line = next((line for line in lines if line.proposal.pk == proposal.pk), None)
    if line is None:
        return Place(None, WAITING, first)
    return Place(line.ranked.rank, BELOW if line.ranked.rank is None else RANKED, first)


# --- Kept elsewhere than with it: signals, checklists ---------------------------------------------------------------
def change(row: NoteReexamination, names: Mapping[str, str]) -> dict[str, Any]:
    """An accepted one as JSON, its proposals by name; what `sentence` tells. `row`: with its lines and criteria."""
    kept = row.effect
    if kept:
        kept = {
            when: place | {"first": [names.get(one, one) for one in place["first"]]} for when, place in kept.items()
        }
    return {
        "vendor": names.get(str(row.proposal.public_id), ""),
        "outcome": row.outcome,
        "before": row.total_before,
        "after": row.total_after,
        "criteria": [
            {
                "label": line.criterion.label,
                "before": "" if line.value_before is None else f"{line.value_before:.2f}",
                "after": f"{line.value_after:.2f}",
            }
            for line in row.lines.all()
        ],
        "effect": kept,
    }


def sentence(change: Mapping[str, Any]) -> str:
    """« Notes de X : 71,50 → 69,00 (Prix : 80,00 → 74,00). Rang : 1 → sous le minimum… », in the active language."""
    vendor, effect = change["vendor"], told(change["effect"], change["vendor"], {})
    if change["outcome"] == State.REJECTED:
        parts = [_("%s, rejetée par réexamen.") % vendor]
    elif change["outcome"]:
        parts = [_("%s, admise par réexamen.") % vendor]
    else:
        criteria = "; ".join(
            _("%(label)s : %(before)s → %(after)s")
            % {"label": one["label"], "before": final_score(one["before"]), "after": final_score(one["after"])}
            for one in change["criteria"]
        )
        parts = [
            _("Notes de %(vendor)s : %(before)s → %(after)s (%(criteria)s).")
            % {
                "vendor": vendor,
                "before": final_score(change["before"]),
                "after": final_score(change["after"]),
                "criteria": criteria,
            }
        ]
    if effect:
        parts.append(_("Rang : %(before)s → %(after)s.") % {"before": effect.before, "after": effect.after})
        if effect.first_changes and effect.first_after:
            first = {"before": effect.first_before or "–", "after": effect.first_after}
            parts.append(_("Au premier rang : %(before)s → %(after)s.") % first)
    return " ".join(parts)


# --- In words --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Told:
    """For templates/proposals/_reexamined_effect.html, in the active language. lost: it was ranked, and is not."""

    name: str
    before: str
    after: str
    first_before: str
    first_after: str
    lost: str

    @property
    def first_changes(self) -> bool:
        return self.first_before != self.first_after


def told(effect: Mapping[str, Any] | None, name: str, names: Mapping[str, str]) -> Told | None:
    """name: of the proposal's vendor; names: by public identifier. None of one that was kept before effects were."""
    if not effect:
        return None
    before, after = effect["before"], effect["after"]
    lost = ""
    if before["place"] == RANKED and after["place"] == BELOW:
        lost = _("%s passe sous le minimum et n’est plus classée.") % name
    elif before["place"] == RANKED and after["place"] == REJECTED:
        lost = _("%s est rejetée et n’est plus classée.") % name
    return Told(name, _in_words(before), _in_words(after), _names(before, names), _names(after, names), lost)


def _in_words(place: Mapping[str, Any]) -> str:
    return {
        RANKED: str(place["rank"]),
        BELOW: _("sous le minimum, non classée"),
        REJECTED: _("rejetée"),
        WAITING: _("pas encore connu"),
    }[place["place"]]


def _names(place: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return ", ".join(names.get(one, one) for one in place["first"])
