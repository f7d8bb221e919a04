"""The auditors' tables: monitorings here; signals, samples and reviews of awards beside."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audit import conditions, rules
from audit.enums import ASKS, REPLIES, TOLD, Note, State
from marketplace import lifecycle
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from proposals.models import Proposal

TEXT_MAX = 10_000


class MonitoringQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """Auditors; officers of the body, once something was asked or concluded. Nobody with a tie, nobody else.

        An auditor who works for the body sees of it what that work lets them see: nobody audits their own work.
        `corrected`: a remedy was accepted (audit/cases/status.py, badge).
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        works = user.body_memberships
        tied = Proposal.objects.tying(user).values("opportunity")
        sees = Q(state__in=TOLD, opportunity__body__in=works.filter(role="officer").values("body"))
        if user.is_auditor:
            sees |= ~Q(opportunity__body__in=works.values("body"))
        accepted = MonitoringNote.objects.filter(monitoring=OuterRef("pk"), kind=Note.ACCEPTANCE)
        return self.filter(sees).exclude(opportunity__in=tied).annotate(corrected=Exists(accepted))

    def with_last(self):
        """What audit/cases/status.py reads. `last_kind`: of the last message, which tells whose turn it is;
        `replied_at`: when the body first said something to what was last asked of it; None when it did not."""
        notes = MonitoringNote.objects.filter(monitoring=OuterRef("pk"))
        asked = MonitoringNote.objects.filter(monitoring=OuterRef(OuterRef("pk")), kind__in=ASKS).order_by("-pk")
        replies = notes.filter(kind__in=REPLIES, pk__gt=Subquery(asked.values("pk")[:1])).order_by("pk")
        return self.annotate(
            last_kind=Subquery(notes.order_by("-pk").values("kind")[:1]),
            replied_at=Subquery(replies.values("at")[:1]),
        )

    def awaiting_body(self):
        """An answer or a remedy is awaited of the body."""
        asked = Q(state=State.ASKED, last_kind=Note.QUESTION)
        return self.with_last().filter(asked | Q(state=State.CONCLUDED, finding=True, last_kind=Note.CONCLUSION))

    def awaiting_auditor(self):
        """Nothing asked yet; answered, or a remedy announced; or nothing more is awaited: it may be closed."""
        said = Q(state=State.ASKED, last_kind=Note.ANSWER) | Q(state=State.CONCLUDED, last_kind=Note.REMEDY)
        ended = Q(state__in=[State.OPEN, State.REMEDIED]) | Q(state=State.CONCLUDED, finding=False)
        return self.with_last().filter(said | ended)

    def late(self, today):
        """What is awaited of the body should have come by yesterday; `today` in Québec."""
        return self.awaiting_body().filter(due_on__lt=today)

    def for_list(self):
        return self.select_related("opportunity__body", "opened_by").order_by("-opened_at", "-pk")


@lifecycle.register
class Monitoring(lifecycle.Stateful, models.Model):
    """An auditor's case about one procurement: what is asked of the body, its answers, the conclusion, the remedy.

    `due_on`: the last day (Québec) for what is awaited of the body: an answer, or a remedy.
    """

    number = models.CharField(_("numéro"), max_length=20, unique=True)
    opportunity = models.ForeignKey(
        "opportunities.Opportunity", verbose_name=_("occasion"), on_delete=models.PROTECT, related_name="monitorings"
    )
    state = StateField(
        _("état"), default=State.OPEN, choices=State.choices, protected=True, editable=False, db_index=True
    )
    title = models.CharField(_("objet"), max_length=150)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(_("ouverte le"))
    due_on = models.DateField(_("attendu au plus tard le"), null=True, blank=True)
    finding = models.BooleanField(_("manquement relevé"), null=True, blank=True)
    concluded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    concluded_at = models.DateTimeField(_("conclue le"), null=True, blank=True)
    closed_at = models.DateTimeField(_("fermée le"), null=True, blank=True)

    corrected: bool  # MonitoringQuerySet.visible_to
    last_kind: str  # MonitoringQuerySet.with_last
    replied_at: datetime | None  # the same

    objects = MonitoringQuerySet.as_manager()

    class Meta:
        verbose_name = _("vérification")
        verbose_name_plural = _("vérifications")
        indexes = [models.Index(fields=["-opened_at", "-id"], name="monitoring_recent")]
        constraints = [
            lifecycle.choices_constraint("monitoring", State.values),
            models.CheckConstraint(condition=~Q(title=""), name="monitoring_has_title"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "explanation_requested"], finding=None)
                | ~Q(state__in=["open", "explanation_requested"])
                & Q(finding__isnull=False, concluded_by__isnull=False, concluded_at__isnull=False),
                name="monitoring_concluded_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="remedied") | Q(finding=True), name="monitoring_remedies_a_finding"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("audit:monitoring", args=[self.number])

    def ledger_subject(self) -> str:
        return f"monitoring:{self.number}"

    def concerns(self, user) -> bool:
        return rules.is_auditor(self, user) or rules.can_answer(self, user)

    @moves(
        [State.OPEN, State.ASKED],
        to=State.ASKED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Demander des explications"),
    )
    def ask(self, *, by, at, due_on, write):
        """`write(self, by=, at=)`, here and below: the message; gives what the ledger keeps of it."""
        self.due_on = due_on
        said = write(self, by=by, at=at)
        self._ledger_extra = {"due_on": due_on.isoformat()} | said

    @moves(
        [State.OPEN, State.ASKED],
        to=State.CONCLUDED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Conclure la vérification"),
    )
    def conclude(self, *, by, at, finding, due_on, write):
        if finding:
            conditions.heard(self, at)
        self.finding, self.due_on = finding, due_on if finding else None
        self.concluded_by, self.concluded_at = by, at
        said = write(self, by=by, at=at)
        last_day = {"due_on": due_on.isoformat()} if finding else {}
        self._ledger_extra = {"finding": finding} | last_day | said

    @moves(
        State.CONCLUDED,
        to=State.REMEDIED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Constater le correctif"),
        conditions=[conditions.with_finding],
    )
    def accept_remedy(self, *, by, at, write):
        self.due_on = None
        self._ledger_extra = write(self, by=by, at=at)

    @moves(
        [State.CONCLUDED, State.REMEDIED],
        to=State.CLOSED,
        allowed=rules.can_monitor,
        roles=["auditor"],
        label=_("Fermer la vérification"),
        conditions=[conditions.nothing_awaited],
    )
    def close(self, *, by, at, write):
        self.due_on, self.closed_at = None, at
        self._ledger_extra = write(self, by=by, at=at)


class MonitoringNote(models.Model):
    """One message of a case, by an auditor or by the body; never changed. `due_on`: the last day it gives, or None.

    `key`: of the form that sent it; the same form sent twice (a double click) makes one message.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    monitoring = models.ForeignKey(Monitoring, on_delete=models.PROTECT, related_name="notes")
    kind = models.CharField(_("nature"), max_length=12, choices=Note.choices)
    text = models.TextField(_("texte"), max_length=TEXT_MAX)
    due_on = models.DateField(_("au plus tard le"), null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("écrit le"))

    class Meta:
        verbose_name = _("pièce d’une vérification")
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="monitoring_note_has_text")]

    def __str__(self) -> str:
        return f"{self.monitoring_id} {self.kind}"


class MonitoringFile(models.Model):
    """A document joined to a message, or the letter made of it; private, never changed, for those who see the case."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    note = models.ForeignKey(MonitoringNote, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(_("nom"), max_length=255)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(_("octets"))
    sha256 = models.CharField(max_length=64)
    scanned = models.BooleanField(default=False)
    is_letter = models.BooleanField(default=False)
    file = models.FileField(upload_to="verifications")

    class Meta:
        verbose_name = _("document d’une vérification")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["note"], condition=Q(is_letter=True), name="monitoring_note_one_letter")
        ]

    def __str__(self) -> str:
        return self.name
