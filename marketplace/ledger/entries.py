"""The ledger: an append-only, hash-chained record of every act, written in the act's own transaction.

An entry's `digest` commits to a canonical payload kept beside it, salted, so that personal data can be erased and the
chain stays valid. Acts on unopened proposals are recorded as `sealed`, without actor or subject: their payload says
which act it was, and is shown only after the opening. Proposals' content never enters the ledger, digests only.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.person import User
from marketplace.columns.shape import ShapedJSONField, held
from marketplace.dates import clock

GENESIS = "0" * 64
# Acts on a notice that the public cannot see yet, and may never see.
BEFORE_PUBLICATION = [
    f"opportunity.{act}"
    for act in ("create", "edit", "attach", "detach", "delete", "submit_for_review", "take_back", "return_to_author")
]
# Between the parties: a contract before it is concluded, an amendment before it is in force, who refuses what, how work
# was judged, how a payment goes before money moves. Nor how people sign in, nor what is changed of them.
BETWEEN_PARTIES = [
    *(f"amendment.{act}" for act in ("propose", "approve", "refuse", "withdraw")),
    *(f"contract.{act}" for act in ("create", "edit", "offer", "refuse_terms", "withdraw_offer")),
    *("performance.evaluate", "performance.reply", "vendor.payout_account"),
    "award.review",  # a body's own audit
    # What is asked of frozen notes, until the award tells what was accepted, whose entry anybody may read.
    *(f"notereexamination.{act}" for act in ("ask", "refuse", "withdraw")),
    *(f"person.{act}" for act in ("second_factor_on", "second_factor_off", "undo", "edit", "deactivate", "reactivate")),
]
MONEY_MOVED = ["payment.transfer", "payment.confirm", "payment.refund"]
_LOCK = 0x1ED6E2  # one advisory lock for the whole chain: entries are ordered by taking it
_ROWS = 500  # in one statement
_LAST = "SELECT seq, hash, {now} FROM marketplace_ledgerentry ORDER BY seq DESC LIMIT 1"


def canonical(value: dict[str, Any] | list[Any]) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8: the same bytes for the same value, in any language."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def instant(value: datetime) -> str:
    """An instant as the ledger writes it: 2026-11-24T19:00:00.000000Z."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    def public(self) -> Self:
        """What anyone may read one by one: no sealed act, which nobody may count; nothing of an evaluation under way;
        nothing of a notice that is not published; not what stays between
        parties, nor how people sign in; no refusal; not who read what; not what auditors look at.
        """
        hidden = Q(action__startswith="proposal.") | Q(action__endswith=".refused") | Q(action__in=BEFORE_PUBLICATION)
        hidden |= Q(action__startswith="read.") | Q(action__startswith="monitoring.") | Q(action__startswith="redflag.")
        hidden |= Q(action__startswith="sample.")
        hidden |= Q(action__in=BETWEEN_PARTIES) | Q(action__startswith="payment.") & ~Q(action__in=MONEY_MOVED)
        return self.exclude(action="sealed").exclude(hidden)


class LedgerEntry(models.Model):
    """One link. `at`: the instant the act was decided by; `recorded_at`: the database's clock at writing (both UTC)."""

    seq = models.BigIntegerField(_("rang"), primary_key=True)
    at = models.DateTimeField(_("instant du geste"))
    recorded_at = models.DateTimeField(_("inscrit le"))
    action = models.CharField(_("geste"), max_length=60)
    actor = models.CharField(_("auteur du geste"), max_length=60)
    subject = models.CharField(_("objet du geste"), max_length=60)
    digest = models.CharField(_("empreinte du détail"), max_length=64)
    previous = models.CharField(_("empreinte précédente"), max_length=64)
    hash = models.CharField(_("empreinte"), max_length=64)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("inscription au registre")
        verbose_name_plural = _("inscriptions au registre")
        ordering = ["seq"]
        indexes = [
            models.Index(fields=["subject", "seq"], name="ledger_subject_seq"),
            models.Index(fields=["-seq"], condition=~Q(action="sealed"), name="ledger_public"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["previous"], name="ledger_chain_is_a_line"),
            models.UniqueConstraint(fields=["hash"], name="ledger_hash_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="ledger_seq_from_one"),
        ]

    def __str__(self) -> str:
        return self.action

    def chained(self) -> dict[str, Any]:
        """What `hash` is computed over, as tools/verify.py recomputes it."""
        return {
            "seq": self.seq,
            "at": instant(self.at),
            "recorded_at": instant(self.recorded_at),
            "action": self.action,
            "actor": self.actor,
            "subject": self.subject,
            "digest": self.digest,
            "previous": self.previous,
        }


class LedgerPayloadQuerySet(models.QuerySet["LedgerPayload"]):
    def about(self, subject: str) -> Self:
        """Acts on one object, oldest first, sealed ones included: for those entitled to that object only."""
        return self.filter(subject=subject).select_related("entry").order_by("entry__seq")


class LedgerPayload(models.Model):
    """What an entry's digest commits to: sha256(salt ‖ canonical(body)). Erasable; the chain does not need it."""

    entry = models.OneToOneField(LedgerEntry, primary_key=True, on_delete=models.PROTECT, related_name="payload")
    subject = models.CharField(max_length=60)
    action = models.CharField(max_length=60)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=True
    )
    body = ShapedJSONField(fits=held())
    salt = models.CharField(max_length=32)

    objects = LedgerPayloadQuerySet.as_manager()

    class Meta:
        verbose_name = _("détail d’inscription")
        verbose_name_plural = _("détails d’inscriptions")
        indexes = [models.Index(fields=["subject", "action"], name="payload_subject_action")]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.action}"


def _actor(by: User | None) -> str:
    return "system" if by is None else f"person:{by.public_id}"


@dataclass(frozen=True)
class Act:
    """What one entry records. `body` holds JSON values only, and never a proposal's content."""

    action: str
    subject: str
    body: dict[str, Any]
    sealed: bool = False


def record(
    action: str, subject: str, *, by: User | None, at: datetime, sealed: bool = False, **body: Any
) -> LedgerEntry:
    """Append one entry; RuntimeError outside a transaction. `by` is a User or None for the system.

    `body` holds JSON values only, and never a proposal's content. A sealed entry is dated when it is written: how long
    its act took before would tell a deposit from an entry that covers for deposits (marketplace/ledger/checkpoints.py).
    """
    return record_all([Act(action, subject, body, sealed)], by=by, at=at)[0]


def record_all(acts: Iterable[Act], *, by: User | None, at: datetime) -> list[LedgerEntry]:
    """Append one entry an act, in their order, under one lock: what hundreds of acts of one instant cost the others.

    RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("The ledger is written in the transaction of the act that it records.")
    # Each statement sees what was committed when it begins: the last row is read once the lock is granted.
    # SQLite: the IMMEDIATE transaction already holds the only write lock.
    lock = f"SELECT pg_advisory_xact_lock({_LOCK})" if connection.vendor == "postgresql" else ""
    last, previous, recorded_at = clock.row_and_now(_LAST, after=lock) or (0, GENESIS, clock.database_now())
    actor, entries, payloads = _actor(by), [], []
    for seq, act in enumerate(acts, start=last + 1):
        content = {"action": act.action, "actor": actor, "subject": act.subject, **act.body}
        salt = os.urandom(16).hex()
        entry = LedgerEntry(
            seq=seq,
            at=(clock.chosen() or recorded_at) if act.sealed else at,
            recorded_at=recorded_at,
            action="sealed" if act.sealed else act.action,
            actor="sealed" if act.sealed else actor,
            subject="sealed" if act.sealed else act.subject,
            digest=hashlib.sha256(salt.encode() + canonical(content)).hexdigest(),
            previous=previous,
        )
        entry.hash = previous = hashlib.sha256(canonical(entry.chained())).hexdigest()
        entries.append(entry)
        payloads.append(
            LedgerPayload(entry=entry, subject=act.subject, action=act.action, actor=by, body=content, salt=salt)
        )
    for first in range(0, len(entries), _ROWS):
        _insert(entries[first : first + _ROWS], payloads[first : first + _ROWS])
    return entries


def _insert(*tables: Sequence[models.Model]) -> None:
    """What `save(force_insert=True)` does, in a third of the time: every act pays it (tools/bench_ledger.py).

    tables: the rows of one table each, at least one.
    """
    statements = []
    for rows in tables:
        fields = rows[0]._meta.concrete_fields
        names, marks = ", ".join(str(field.column) for field in fields), ", ".join(["%s"] * len(fields))
        values = [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields]
        marked = ", ".join([f"({marks})"] * len(rows))
        statements.append((f"INSERT INTO {rows[0]._meta.db_table} ({names}) VALUES {marked}", values))
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias
    if connection.vendor == "postgresql":  # one round trip
        texts, parameters = zip(*statements, strict=True)
        statements = [("; ".join(texts), list(chain(*parameters)))]
    with connection.cursor() as cursor:
        for text, values in statements:
            cursor.execute(text, values)


def record_read(what: str, subject: str, *, by: User, at: datetime, file: str = "") -> None:
    """Keep who read something sensitive (`what`: proposal, file, casefile…), once an hour for a person and an object.

    `file`: which one of the object's files, by its SHA-256 or its identifier, never by its name.
    """
    named: dict[str, Any] = {"file": file} if file else {}
    recent = LedgerPayload.objects.filter(subject=subject, action=f"read.{what}", actor=by)
    recent = recent.filter(**{f"body__{name}": value for name, value in named.items()})
    if not recent.filter(entry__at__gt=at - timedelta(hours=1)).exists():
        with transaction.atomic():
            record(f"read.{what}", subject, by=by, at=at, **named)


def erase(entry: LedgerEntry, *, by: User | None, at: datetime, reason: str, opened: bool = False) -> None:
    """Destroy an entry's detail (Act respecting access, Law 25): the entry, its digest and the chain stay.

    ValueError when there is none left, or when the act is sealed and the caller does not say that the occasion was
    `opened`: until then, that detail is all that tells who deposited what. The erasure is itself an act, whose reason
    is kept; it names the entry by its hash, for a number would tell how many were deposited. It is written first: on
    PostgreSQL the application's role may take a detail away through `erase_payload` alone, which asks for that trace.
    """
    if entry.action == "sealed" and not opened:
        raise ValueError(f"Entry {entry.seq} is sealed until its occasion is opened.")
    with transaction.atomic():
        record("ledger.erase", f"entry:{entry.hash[:32]}", by=by, at=at, reason=reason)
        if not _erase_payload(entry):
            raise ValueError(f"Entry {entry.seq} has no detail to erase.")


def _erase_payload(entry: LedgerEntry) -> bool:
    """Whether there was a detail. That of an erasure is never taken away: it holds the reason."""
    if connection.vendor != "postgresql":
        return bool(LedgerPayload.objects.filter(entry=entry).exclude(action="ledger.erase").delete()[0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT erase_payload(%s)", [entry.seq])
        return bool(cursor.fetchone()[0])


def record_refusal(action: str, subject: str, *, by: User, at: datetime, reason: str) -> None:
    """Keep a trace of a refused act that matters, in a transaction of its own: the act's was rolled back.

    Once an hour for the same person, act and object: a ledger must not be filled by whoever insists.
    """
    recent = LedgerPayload.objects.filter(subject=subject, action=f"{action}.refused", actor=by)
    if recent.filter(entry__at__gt=at - timedelta(hours=1)).exists():
        return
    with transaction.atomic():
        record(f"{action}.refused", subject, by=by, at=at, reason=reason)


def head() -> LedgerEntry | None:
    """The last entry that the public may see, or None before the first."""
    return LedgerEntry.objects.public().order_by("-seq").first()
