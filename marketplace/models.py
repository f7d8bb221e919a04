"""The ground floor's tables: terms, outgoing mail, number series, sweeps, which seal key opens this database.

Published here with them: people and changes to their accounts (accounts/person.py, accounts/change.py), the ledger's
(ledger/entries.py, ledger/checkpoints.py), the heartbeat (service/heartbeat.py), forms that were sent (twice/sent.py).
"""

import uuid
from datetime import datetime

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.change import AccountChange
from marketplace.accounts.person import User
from marketplace.ledger.checkpoints import Checkpoint, LedgerBlock
from marketplace.ledger.entries import LedgerEntry, LedgerPayload
from marketplace.service.heartbeat import Heartbeat
from marketplace.twice.sent import SentForm

__all__ = [
    "AccountChange",
    "Checkpoint",
    "FileScan",
    "FileSweep",
    "Heartbeat",
    "KeptFile",
    "KeyCheck",
    "LedgerBlock",
    "LedgerEntry",
    "LedgerPayload",
    "NumberSeries",
    "OutgoingEmail",
    "SentForm",
    "Terms",
    "TermsAcceptance",
    "User",
]


class TermsQuerySet(models.QuerySet["Terms"]):
    def in_force(self, kind: str, *, at: datetime) -> "Terms":
        """The text that applies at `at`. Terms.DoesNotExist before the first, which a migration writes."""
        return self.filter(kind=kind, in_force_at__lte=at).latest("version")


class Terms(models.Model):
    """One version of a text that people accept. Never edited: a change is a new version."""

    class Kind(models.TextChoices):
        USE = "use", _("Conditions d’utilisation")
        PROPOSAL = "proposal", _("Conditions de dépôt")

    kind = models.CharField(_("sorte"), max_length=10, choices=Kind)
    version = models.PositiveIntegerField(_("version"))
    in_force_at = models.DateTimeField(_("en vigueur à partir du"))
    text_fr = models.TextField(_("texte en français"))
    text_en = models.TextField(_("texte en anglais"))
    # What this version changes, told by mail and on the page that asks to accept it: empty for the first.
    changes_fr = models.TextField(_("ce qui change, en français"), blank=True)
    changes_en = models.TextField(_("ce qui change, en anglais"), blank=True)
    objects = TermsQuerySet.as_manager()

    class Meta:
        verbose_name = _("conditions")
        verbose_name_plural = _("conditions")
        constraints = [
            models.UniqueConstraint(fields=["kind", "version"], name="terms_version_unique"),
            models.CheckConstraint(condition=Q(kind__in=["use", "proposal"]), name="terms_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, version {self.version}"

    @property
    def text(self) -> str:
        """Markdown, in the reader's language."""
        return self.text_en if translation.get_language() == "en" else self.text_fr

    @property
    def changes(self) -> str:
        """Likewise: what this version changes; "" for the first."""
        return self.changes_en if translation.get_language() == "en" else self.changes_fr


class TermsAcceptance(models.Model):
    """Who accepted which version, and when."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="terms_acceptances")
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="acceptances")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("acceptation")
        constraints = [models.UniqueConstraint(fields=["user", "terms"], name="terms_accepted_once")]

    def __str__(self) -> str:
        return f"{self.user}, {self.terms}"


class OutgoingEmail(models.Model):
    """The outbox: one row, one recipient, written in the act's transaction and sent after it (mail/delivery.py)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("en attente")
        SENDING = "sending", _("en cours d’envoi")
        SENT = "sent", _("envoyé")
        GIVEN_UP = "given_up", _("abandonné")

    class Reason(models.TextChoices):
        """Why the last attempt failed. The first two are about the mail service, and stop all messages; the third
        passes, the next two do not, the last is ours to correct."""

        UNREACHABLE = "unreachable", _("le serveur de courriel ne répond pas")
        UNWELCOME = "unwelcome", _("le serveur de courriel ne nous laisse pas entrer")
        PUT_OFF = "put_off", _("le serveur de courriel demande d’attendre")
        REFUSED = "refused", _("le serveur de courriel refuse ce message")
        ADDRESS = "address", _("cette adresse ne peut pas recevoir de courriel")
        DEFECT = "defect", _("ce message n’a pas pu être préparé")

    # In addresses and in `Message-ID`: a number would tell how many messages there are, deposits' included.
    public_id = models.UUIDField(_("identifiant"), unique=True, default=uuid.uuid4, editable=False)
    to = models.ForeignKey(
        User, verbose_name=_("destinataire"), null=True, on_delete=models.PROTECT, related_name="emails"
    )
    address = models.EmailField(_("adresse courriel"))
    template = models.CharField(_("gabarit"), max_length=80)
    language = models.CharField(_("langue"), max_length=5)
    subject = models.CharField(_("sujet"), max_length=250)
    body = models.TextField(_("corps"))
    # What is told only to the author of an unopened proposal: hidden from administrators.
    confidential = models.BooleanField(_("confidentiel"), default=False)
    # A confirmation or password link: the body is erased once sent.
    secret = models.BooleanField(_("contient un lien personnel"), default=False)
    # Demo and replay: kept to be looked at, never sent.
    held = models.BooleanField(_("gardé sans être envoyé"), default=False)
    created_at = models.DateTimeField(_("écrit le"))
    state = models.CharField(_("état"), max_length=10, choices=State.choices, default=State.WAITING)
    waits_since = models.DateTimeField(_("en attente depuis le"))  # given up 72 hours later; moved by « Renvoyer »
    next_at = models.DateTimeField(_("prochain essai"), null=True)  # None: as soon as somebody takes it
    claimed_at = models.DateTimeField(_("pris le"), null=True)  # by who sends it, or died while sending it
    sent_at = models.DateTimeField(_("envoyé le"), null=True)
    attempts = models.PositiveSmallIntegerField(_("essais d’envoi"), default=0)
    reason = models.CharField(_("motif"), max_length=12, choices=Reason.choices, blank=True)
    # The error's name and the server's codes (« 550 5.1.1 »): never its sentence, which repeats the address.
    last_error = models.CharField(_("dernière erreur"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("courriel")
        indexes = [
            models.Index(fields=["created_at"], condition=Q(sent_at=None, held=False), name="email_to_send"),
            # When the mail server last took a message (mail/outbox.py).
            models.Index(fields=["claimed_at"], condition=Q(confidential=False), name="email_tried"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(state__in=["waiting", "sending", "given_up"], sent_at=None),
                name="email_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.created_at:%Y-%m-%d}"


class FileSweep(models.Model):
    """What one sweep of the stored files found (marketplace/files/sweep.py)."""

    at = models.DateTimeField()
    looked = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    missing = models.PositiveIntegerField()
    altered = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"


class KeptFile(models.Model):
    """A file chosen beside a wrong field, or as a session ended: encrypted, for its author, until the next try.

    marketplace/files/shelf.py. Neither its name, nor its type, nor the form it was for stands here in the clear.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # None: somebody whose session had ended, until the next sign-in of the same browser.
    owner = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")  # goes with its author
    place = models.CharField(max_length=64)  # a keyed digest of the form's address
    about = models.BinaryField()  # a box: the field, the name
    size = models.PositiveIntegerField()
    file = models.FileField(upload_to="kept", unique=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("fichier gardé")
        ordering = ["pk"]
        indexes = [models.Index(fields=["owner", "place"], name="kept_file_place")]

    def __str__(self) -> str:
        return str(self.public_id)


class FileScan(models.Model):
    """What the antivirus said of a stored file after it was taken without it (marketplace/files/quarantine.py)."""

    class State(models.TextChoices):
        WAITING = "waiting", _("en attente d’analyse")
        CLEAN = "clean", _("analysé")
        INFECTED = "infected", _("un virus y a été trouvé")

    name = models.CharField(max_length=100, unique=True)  # exactly as the file's row holds it
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    at = models.DateTimeField()  # of the last try

    class Meta:
        verbose_name = _("analyse d’un fichier")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "clean", "infected"]), name="file_scan_state_known"
            )
        ]
        indexes = [models.Index(fields=["state", "at"], name="file_scan_state")]

    def __str__(self) -> str:
        return f"{self.state}"


class StorageMark(models.Model):
    """Which storage holds this database's files (marketplace/files/store.py, `ours`): one row, by `migrate`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.CharField(max_length=36)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="storage_mark_single")]

    def __str__(self) -> str:
        return self.value


class NumberSeries(models.Model):
    """A yearly counter with a row lock: DAN-2026-0001, DAN-2026-0002…"""

    prefix = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "year"], name="number_series_unique")]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}"

    @classmethod
    def take(cls, prefix: str, year: int) -> str:
        """The next number, unique even when asked for twice at once."""
        with transaction.atomic():
            series, _created = cls.objects.get_or_create(prefix=prefix, year=year)
            cls.objects.filter(pk=series.pk).update(last=F("last") + 1)
            return f"{prefix}-{year}-{cls.objects.values_list('last', flat=True).get(pk=series.pk):04d}"


class KeyCheck(models.Model):
    """Which seal key opens this database (marketplace/keys.py): one row, by `migrate`; append-only by trigger."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    verifier = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="key_check_single")]

    def __str__(self) -> str:
        return self.verifier[:8]
