"""Checkpoints of the ledger: the root of its Merkle tree at a size, signed: nobody can rewrite what came before.

A checkpoint is a signed note in the format of C2SP tlog-checkpoint, one text that tools/verify.py and other verifiers
of transparency logs read: origin, size, root, then two lines of ours (instant, hash of the last entry), an empty line
and one Ed25519 signature. Leaf n of the tree (RFC 9162) is the 32-byte hash of entry n + 1, which commits to the row.
"""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace import keys
from marketplace.accounts.person import User
from marketplace.celery import COVER_EVERY
from marketplace.dates import clock
from marketplace.ledger import entries, merkle
from marketplace.ledger.entries import LedgerEntry
from marketplace.lifecycle import IllegalMove

BLOCK = 256  # entries whose root is kept, so that a proof reads a few hundred rows and not the whole ledger
COVER_ODDS = 4
_LOCK = 0x1ED6E3
_ON_DEMAND_AFTER = timedelta(minutes=1)  # a checkpoint is for ever: a second click must not make another


class LedgerBlock(models.Model):
    """The root of 256 entries that are all there: block 0 is entries 1 to 256. Recomputable at any time."""

    number = models.PositiveIntegerField(primary_key=True)
    root = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("bloc du registre")
        verbose_name_plural = _("blocs du registre")

    def __str__(self) -> str:
        return str(self.number)


class Checkpoint(models.Model):
    """One signed note. `size`: how many entries it attests; `root` and `head`: hexadecimal; `at`: UTC."""

    size = models.BigIntegerField(_("inscriptions"), primary_key=True)
    root = models.CharField(_("racine"), max_length=64)
    head = models.CharField(_("empreinte de la dernière inscription"), max_length=64)
    at = models.DateTimeField(_("signé le"))
    key = models.CharField(_("clé"), max_length=44)
    note = models.TextField(_("relevé signé"))

    class Meta:
        verbose_name = _("relevé signé")
        verbose_name_plural = _("relevés signés")
        ordering = ["size"]
        indexes = [models.Index(fields=["at"], name="checkpoint_at")]
        constraints = [models.CheckConstraint(condition=Q(size__gte=1), name="checkpoint_of_something")]

    def __str__(self) -> str:
        return f"{self.size}"


def cover_due() -> float | None:
    """Asked each COVER_EVERY seconds: in how many to write a cover entry, at any instant until then; mostly None."""
    return secrets.randbelow(COVER_EVERY * 1000) / 1000 if secrets.randbelow(COVER_ODDS) == 0 else None


def cover() -> None:
    """A sealed entry that records nothing: nobody can count deposits by counting sealed entries."""
    with transaction.atomic():
        entries.record("ledger.cover", "ledger", by=None, at=clock.now(), sealed=True)


def check_origin() -> Checkpoint | None:
    """The last checkpoint, None when there is none; IllegalMove when it names another ledger than LEDGER_ORIGIN.

    One of another name, signed once, could never be removed, and no export would verify any more.
    """
    last = Checkpoint.objects.order_by("-size").first()
    origin = last.note.partition("\n")[0] if last else settings.LEDGER_ORIGIN
    if origin != settings.LEDGER_ORIGIN:
        raise IllegalMove(
            _("Les relevés de ce registre portent le nom « %(kept)s »; LEDGER_ORIGIN dit « %(now)s ». "
              "Remettez le premier : un registre ne change jamais de nom.")
            % {"kept": origin, "now": settings.LEDGER_ORIGIN}
        )  # fmt: skip
    return last


def covering(seq: int) -> Checkpoint | None:
    """The last checkpoint that holds the entry of this number; None until one does."""
    return Checkpoint.objects.filter(size__gte=seq).order_by("-size").first()


def make(*, by: User | None = None, at: datetime) -> Checkpoint:
    """Record the request, then sign the whole ledger as it stands. `by` is a User or None for the nightly one.

    IllegalMove, and nothing is recorded: the ledger has another name; somebody asks within a minute of the last one.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = check_origin()
        if by and before and clock.database_now() - before.at < _ON_DEMAND_AFTER:
            raise IllegalMove(_("Un relevé vient d’être signé : attendez une minute avant d’en signer un autre."))
        last = entries.record("ledger.checkpoint", "ledger", by=by, at=at)
        _keep_blocks(last.seq)
        root = root_of(0, last.seq)
        text = (
            f"{settings.LEDGER_ORIGIN}\n{last.seq}\n{base64.b64encode(root).decode()}\n"
            f"{entries.instant(last.recorded_at)}\n{last.hash}\n"
        )
        return Checkpoint.objects.create(
            size=last.seq,
            root=root.hex(),
            head=last.hash,
            at=last.recorded_at,
            key=keys.key_id(),
            note=f"{text}\n\u2014 {settings.LEDGER_ORIGIN} {_signature(text)}\n",
        )


def _signature(text: str) -> str:
    """As C2SP signed-note writes it: four bytes that name the key, then the Ed25519 signature, in base64."""
    named = hashlib.sha256(f"{settings.LEDGER_ORIGIN}\n\x01".encode() + keys.public()).digest()[:4]
    return base64.b64encode(named + base64.b64decode(keys.sign(text.encode()))).decode()


def _leaves(start: int, end: int) -> list[bytes]:
    hashes = LedgerEntry.objects.filter(seq__gt=start, seq__lte=end).order_by("seq").values_list("hash", flat=True)
    return [merkle.leaf(bytes.fromhex(text)) for text in hashes]


def _keep_blocks(size: int) -> None:
    """Add the roots of the blocks that are complete since the last checkpoint."""
    first = LedgerBlock.objects.count()
    LedgerBlock.objects.bulk_create(
        LedgerBlock(number=number, root=merkle.root(_leaves(number * BLOCK, (number + 1) * BLOCK)).hex())
        for number in range(first, size // BLOCK)
    )


def root_of(start: int, end: int) -> bytes:
    """The root of entries start + 1 to end, where RFC 9162's trees part: `start` begins a complete subtree."""
    first, stop = start // BLOCK, end // BLOCK
    whole: list[bytes] = []
    if start % BLOCK == 0 and first < stop:
        blocks = LedgerBlock.objects.filter(number__gte=first, number__lt=stop).order_by("number")
        whole = [bytes.fromhex(text) for text in blocks.values_list("root", flat=True)]
    tail = _leaves(start + len(whole) * BLOCK, end)
    return merkle.root(whole + [merkle.root(tail[n : n + BLOCK]) for n in range(0, len(tail), BLOCK)])


class Roots:
    """`root_of` that remembers: many proofs of neighbours read each block once, whatever their number."""

    def __init__(self) -> None:
        self._roots: dict[tuple[int, int], bytes] = {}
        self._blocks: dict[int, list[bytes]] = {}

    def __call__(self, start: int, end: int) -> bytes:
        if (start, end) not in self._roots:
            self._roots[start, end] = self._root(start, end)
        return self._roots[start, end]

    def _root(self, start: int, end: int) -> bytes:
        number, first = start // BLOCK, start // BLOCK * BLOCK
        if end > first + BLOCK:
            return root_of(start, end)
        if number not in self._blocks:
            self._blocks[number] = _leaves(first, first + BLOCK)
        return merkle.root(self._blocks[number][start - first : end - first])


def frontier(size: int) -> list[bytes]:
    """The roots of the complete subtrees that the first `size` entries are made of, the largest first."""
    roots, start = [], 0
    for power in range(size.bit_length() - 1, -1, -1):
        if size >> power & 1:
            roots.append(root_of(start, start + (1 << power)))
            start += 1 << power
    return roots


def proof_of(
    entry: LedgerEntry, checkpoint: Checkpoint, *, payload: bool = False, roots: merkle.RootOf = root_of
) -> dict[str, Any]:
    """What `tools/verify.py proof` reads: the entry, its path to the checkpoint's root, the checkpoint.

    `payload`: with the entry's salted detail, for those who may read it. `roots`: `Roots()`, for many proofs at once.
    ValueError when the checkpoint is older.
    """
    path = merkle.inclusion(entry.seq - 1, checkpoint.size, roots)
    detail = {"salt": entry.payload.salt, "body": entry.payload.body} if payload else {}
    return {
        "type": "dan-proof/1",
        "entry": entry.chained() | {"hash": entry.hash},
        "path": [step.hex() for step in path],
        "checkpoint": checkpoint.note,
        **detail,
    }


def consistency_of(first: Checkpoint, second: Checkpoint) -> dict[str, Any]:
    """What `tools/verify.py consistency` reads: both checkpoints and what lies between. ValueError out of order."""
    path = merkle.consistency(first.size, second.size, root_of)
    return {
        "type": "dan-consistency/1",
        "first": first.note,
        "second": second.note,
        "path": [step.hex() for step in path],
    }
