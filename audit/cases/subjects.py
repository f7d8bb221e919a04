"""What a page that found something hands to « Ouvrir une vérification »: the object and the reason, already written.

The address says which (`?point=opening`), never the words: nobody writes in an auditor's form by a link. What this
person may not read, or says nothing of this occasion, gives nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.cases.actions import flags_of
from audit.cases.status import flag_title
from audit.flags.catalogue import sentence
from audit.models import Monitoring
from audit.reviews import actions as review_actions
from audit.reviews import checklist_words, facts
from audit.samples import actions as sample_actions
from contracts.models import Duty, Mismatch
from contracts.payments import reconciliation
from marketplace.dates.localtime import day, local
from marketplace.models import User
from marketplace.values.signs import packed
from opportunities.models import Opportunity
from proposals.models import Proposal

Subject = tuple[str, str]  # the case's object, and the reason
TITLE_MAX = Monitoring._meta.get_field("title").max_length


def prefilled(asked: Mapping[str, Any], occasion: Opportunity, user: User, *, at: datetime) -> dict[str, str]:
    """{title, text} of what the address asks (`asked`: request.GET), in the active language; {} when it is nothing."""
    for name, find in _FOUND.items():
        value = packed(asked.get(name, ""))[:40]
        if value and (subject := find(value, occasion, user, at)):
            return {"title": subject[0][:TITLE_MAX], "text": subject[1]}
    return {}


def _point(code: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    """A line of the checklist that does not hold."""
    award = facts.awards().standing().filter(opportunity=occasion).first()
    if award is None or code not in checklist_words.WORDS:
        return None
    line = next(row for row in review_actions.computed(award, at=at) if row["code"] == code)
    if line["done"] is not False:
        return None
    title = checklist_words.title(code)
    found = checklist_words.sentence(code, False, line["details"])
    return title, _("La liste de vérification de l’attribution dit non à « %(title)s ».\n\n%(found)s") % {
        "title": title, "found": found,
    }  # fmt: skip


def _signal(key: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    flag = flags_of(occasion, user).filter(pk=key).first() if key.isdecimal() else None
    return (flag_title(flag), sentence(flag.code, flag.details)) if flag else None


def _sample(number: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    reason = sample_actions.reason_for(number, occasion)
    return ("", reason) if reason else None


def _mismatch(key: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    """A discrepancy between our books and Stripe's."""
    rows = Mismatch.objects.filter(payment__invoice__contract__award__opportunity=occasion)
    row = rows.select_related("run", "payment__invoice").filter(pk=key).first() if key.isdecimal() else None
    if row is None or row.payment is None:
        return None
    found = {
        "day": day(local(row.run.started_at).date()), "words": reconciliation.words(row.kind),
        "ours": reconciliation.shown(row.ours) or "–", "theirs": reconciliation.shown(row.theirs) or "–",
    }  # fmt: skip
    text = _("Rapprochement du %(day)s. %(words)s\n\nSelon la plateforme : %(ours)s. Selon Stripe : %(theirs)s.")
    return _("Écart de paiement, facture %s") % row.payment.invoice.number, text % found


def _unreadable(key: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    """A proposal whose envelope could not be opened."""
    try:
        rows = Proposal.objects.visible_to(user).opened().filter(opportunity=occasion, public_id=UUID(key))
    except ValueError:
        return None
    row = rows.filter(opened__readable=False).select_related("vendor").first()
    if row is None:
        return None
    text = _("L’enveloppe de « %s » n’a pas pu être ouverte : elle a été altérée ou elle est incomplète.")
    return _("Intégrité non constatée : %s") % row.vendor, text % row.vendor


def _publication(key: str, occasion: Opportunity, user: User, at: datetime) -> Subject | None:
    """A publication at the SEAO that is late."""
    rows = Duty.objects.visible_to(user, at=at).filter(contract__award__opportunity=occasion, done_on=None)
    late = rows.filter(due_on__lt=local(at).date()).select_related("contract")
    row = late.filter(pk=key).first() if key.isdecimal() else None
    if row is None:
        return None
    title = _("Publication en retard : %s") % row.get_kind_display()
    return title, _("%(number)s : à publier au SEAO au plus tard le %(day)s, et non publié.") % {
        "number": row.contract.number, "day": day(row.due_on),
    }  # fmt: skip


_FOUND: dict[str, Callable[[str, Opportunity, User, datetime], Subject | None]] = {
    "point": _point,
    "signal": _signal,
    "echantillon": _sample,
    "ecart": _mismatch,
    "proposition": _unreadable,
    "publication": _publication,
}
