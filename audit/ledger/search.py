"""Finding entries of the ledger: by number, hash, object, act, person, period. Sealed acts are found once opened."""

import re
from datetime import date, datetime, timedelta

from django.db.models import Q

from audit.ledger import acts
from audit.names import named
from marketplace.dates.localtime import to_utc
from marketplace.ledger import labels as ledger_labels
from marketplace.models import LedgerPayload, User
from marketplace.search import fold

MOST_PEOPLE = 50
MOST_SEALED = 200
_HASH = re.compile(r"[0-9a-f]{8,64}")
_OBJECT = re.compile(r"[a-z]+:[A-Za-z0-9-]+")
_NUMBER = re.compile(r"[A-Z]{2,4}-[A-Z0-9-]{4,20}")


def matching(text: str, user):
    """Entries that one box asks for: « 120 », « 3fa81c09… », « contract:CT-2026-0001 », « publier », a name.

    An object's number does not find the acts of a notice that is not published: they do not say which one it is.
    """
    text = text.strip()
    rows = acts.listed()
    if text.isascii() and text.isdigit() and len(text) < 18:
        return rows.filter(seq=int(text))
    if _HASH.fullmatch(text.lower()):
        return rows.filter(Q(hash__startswith=text.lower()) | Q(digest=text.lower()))
    if text.startswith("person:"):
        return rows.filter(actor=text[:60])
    if _OBJECT.fullmatch(text):
        return about(acts.visible(), text, user)
    if _NUMBER.fullmatch(text.upper()):
        kinds = ("occasion", "contract", "monitoring", "award", "sample", "amendment")
        return acts.visible().filter(subject__in=[f"{kind}:{text.upper()}" for kind in kinds])
    return rows.filter(Q(action__in=actions(text)) | Q(actor__in=actors(text)))


def about(rows, subject: str, user):
    """Entries of one object; the sealed ones too, once it is an opened proposal that the person may read."""
    if subject in acts.proposals_told([subject], user):
        sealed = LedgerPayload.objects.filter(subject=subject).values_list("entry_id", flat=True)[:MOST_SEALED]
        return rows.filter(Q(subject=subject) | Q(seq__in=list(sealed)))
    return rows.filter(subject=subject)


def actions(text: str) -> list[str]:
    """Codes of the acts whose words hold these; never a sealed one."""
    asked = fold(text).split()
    if not asked:
        return []
    known = ledger_labels.codes()
    codes = [code for code in known if all(word in fold(f"{code} {ledger_labels.label(code)}") for word in asked)]
    return codes + [f"{code}.refused" for code in codes]


def actors(text: str) -> list[str]:
    """`person:…` of those whose name holds these words."""
    people = User.objects.filter(named("name", text)).values_list("public_id", flat=True)[:MOST_PEOPLE]
    return [f"person:{public_id}" for public_id in people]


def in_period(rows, since: date | None, until: date | None, column: str = "at"):
    """Rows whose instant is in these days of Québec, both included; None: without bound."""
    if since:
        rows = rows.filter(**{f"{column}__gte": _midnight(since)})
    if until:
        rows = rows.filter(**{f"{column}__lt": _midnight(until + timedelta(days=1))})
    return rows


def _midnight(on: date):
    return to_utc(datetime(on.year, on.month, on.day))  # noqa: DTZ001 - local by definition
