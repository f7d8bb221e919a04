"""Objects of the ledger's public entries in words, with a link where there is a public page of them.

Nothing here says more than the public pages do: vendors and people are not named, nor bodies that never published.
"""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from contracts.models import Contract, Milestone, Payment
from opportunities.enums import State
from opportunities.models import Opportunity, PublicBody
from proposals.models import Proposal

_PLAIN = {
    "proposal": lambda _name: _("Une proposition"),
    "vendor": lambda _name: _("Un prestataire"),
    "person": lambda _name: _("Une personne"),
    "ledger": lambda _name: _("Le registre"),
    "entry": lambda name: _("Inscription %s…") % name,  # the start of its hash
    "flags": lambda _name: _("Les signaux"),
    "terms": lambda name: _("Conditions, version %s") % name,
}


def named(subjects: Iterable[str]) -> dict[str, tuple[str, str]]:
    """{subject: (words, address or "")}; what has no words is left out. Six queries at most."""
    asked = defaultdict(set)
    for subject in subjects:
        kind, _colon, name = subject.partition(":")
        asked[kind].add(name)
    words_of: dict[str, tuple[str, str]] = {}
    for kind, words in _PLAIN.items():
        words_of |= {_subject(kind, name): (words(name), "") for name in asked[kind]}
    words_of |= _occasions(asked) | _bodies(asked["organisme"]) | _awarded_proposals(asked["proposal"])
    places = _milestones(asked["milestone"]) | _payments(asked["payment"])
    places |= {f"contract:{name}": (_("Contrat %s") % name, name) for name in asked["contract"]}
    for name in asked["amendment"]:
        contract, _mark, number = name.rpartition("-A")
        values = {"number": number, "contract": contract}
        places[f"amendment:{name}"] = (_("Avenant %(number)s du contrat %(contract)s") % values, contract)
    rows = Contract.objects.public().filter(number__in={number for _words, number in places.values()})
    public = set(rows.values_list("number", flat=True)) if places else set()
    for subject, (place_words, number) in places.items():
        words_of[subject] = (place_words, reverse("contracts:detail", args=[number]) if number in public else "")
    return words_of


def _subject(kind: str, name: str) -> str:
    return f"{kind}:{name}" if name else kind


def _occasions(asked: dict) -> dict:
    numbers = asked["occasion"] | asked["award"]
    if not numbers:
        return {}
    public = set(Opportunity.objects.public().filter(number__in=numbers).values_list("number", flat=True))
    url = {number: reverse("opportunities:detail", args=[number]) for number in public}
    occasions = {f"occasion:{number}": (_("Occasion %s") % number, url.get(number, "")) for number in asked["occasion"]}
    return occasions | {
        f"award:{number}": (_("Attribution de l’occasion %s") % number, url.get(number, ""))
        for number in asked["award"]
    }


def _awarded_proposals(names: set[str]) -> dict:
    """Those of an occasion that is awarded, whose page tells what was re-examined: before, not even which occasion."""
    if not names:
        return {}
    rows = Proposal.objects.filter(public_id__in=_ids(names), opportunity__state=State.AWARDED)
    return {
        f"proposal:{public_id}": (_("Une proposition, occasion %s") % number, reverse("proposals:award", args=[number]))
        for public_id, number in rows.values_list("public_id", "opportunity__number")
    }


def _bodies(names: set[str]) -> dict:
    if not names:
        return {}
    keys = {int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 18}
    rows = PublicBody.objects.filter(pk__in=keys, opportunities__in=Opportunity.objects.public()).distinct()
    body_names = {str(pk): name for pk, name in rows.values_list("pk", "name")}
    return {f"organisme:{name}": (body_names.get(name, _("Un organisme public")), "") for name in names}


def _milestones(names: set[str]) -> dict:
    rows = Milestone.objects.filter(public_id__in=_ids(names)).values_list("public_id", "position", "contract__number")
    return {
        f"milestone:{public_id}": (
            _("Jalon %(rank)d du contrat %(contract)s") % {"rank": rank, "contract": number}, number,
        )
        for public_id, rank, number in rows
    } if names else {}  # fmt: skip


def _payments(names: set[str]) -> dict:
    rows = Payment.objects.filter(public_id__in=_ids(names)).values_list("public_id", "invoice__contract__number")
    return {
        f"payment:{public_id}": (_("Paiement du contrat %s") % number, number) for public_id, number in rows
    } if names else {}  # fmt: skip


def _ids(names: set[str]) -> list[UUID]:
    ids = []
    for name in names:
        try:
            ids.append(UUID(name))
        except ValueError:  # no object of ours
            continue
    return ids
