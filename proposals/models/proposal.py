"""The answers: proposals, and what the platform keeps of their sealing, opening, scoring and award."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Max, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketplace import lifecycle
from marketplace.accounts.person import User, Visitor
from marketplace.columns.state import StateField
from marketplace.lifecycle import moves
from marketplace.reasons import reason_given
from opportunities.models import Opportunity
from proposals import conditions, rules
from proposals.enums import RejectionCode, State
from proposals.models.evaluation import NotesVersion
from proposals.models.file import DraftFile, SealedFile
from proposals.models.submission import SealedEnvelope, Submission
from vendors.models import Vendor

NoteReexamination = Any  # proposals.models.reexamination, which needs the proposal

# From the opening on. Before it, a proposal exists for nobody but its vendor.
AFTER_OPENING = [
    State.OPENED,
    State.ADMISSIBLE,
    State.REJECTED,
    State.SCORED,
    State.AWARDED,
    State.NOT_AWARDED,
]


def _by_hand(user: User) -> Q:
    """What this person wrote, or sent."""
    return Q(created_by=user) | Q(pk__in=Submission.objects.filter(submitted_by=user).values("proposal"))


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """A vendor's people see its own; after the opening, the body's people and auditors too; nobody else, ever.

        Administrators get nothing by being administrators, and whoever answers an occasion sees no rival's proposal.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        own = Q(vendor__in=user.vendor_memberships.values("vendor"))
        mine = Proposal.objects.filter(opportunity=models.OuterRef("opportunity"), vendor__memberships__user=user)
        rival = models.Exists(mine.exclude(state__in=[State.DRAFT, State.WITHDRAWN]))
        opened = Q(~rival, state__in=AFTER_OPENING)
        if not user.is_auditor:
            opened &= Q(opportunity__body__in=user.body_memberships.values("body"))
        return self.filter(own | opened)

    def opened(self) -> Self:
        return self.filter(state__in=AFTER_OPENING)

    def tying(self, user: User) -> Self:
        """Those by which this person has a tie with the occasion: a vendor of theirs sent it, or they wrote or sent it
        for one that they left since, and it was not taken back.

        What opportunities.rules.has_tie asks of one occasion, for lists.
        """
        sent = self.exclude(state__in=[State.DRAFT, State.WITHDRAWN])
        return sent.filter(_by_hand(user) | Q(vendor__in=user.vendor_memberships.values("vendor")))

    def may_tie(self, user: User) -> bool:
        """Whether this person acts for a vendor, or ever wrote or sent a proposal; one query. Most staff never did."""
        ours = self.model._base_manager.filter(_by_hand(user)).order_by().values("pk")
        return bool(user.vendor_memberships.order_by().values("pk").union(ours)[:1])

    def with_instants(self) -> Self:
        """Each with `deposited_at`, of its last dépôt, and `decided_at`, of the standing award; None before."""
        return self.annotate(
            deposited_at=Max("submissions__received_at"),
            decided_at=Max("opportunity__awards__at", filter=Q(opportunity__awards__reversed_at=None)),
        )

    def for_list(self) -> Self:
        return self.select_related("opportunity__body", "vendor").order_by("-pk")


@lifecycle.register
class Proposal(lifecycle.Stateful, models.Model):
    """One vendor's answer to one occasion. Its content is never here: encrypted in `draft`, then in envelopes."""

    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    opportunity = models.ForeignKey(
        Opportunity, verbose_name=_("occasion"), on_delete=models.PROTECT, related_name="proposals"
    )
    vendor = models.ForeignKey(
        Vendor, verbose_name=_("prestataire"), on_delete=models.PROTECT, related_name="proposals"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = StateField(_("état"), default=State.DRAFT, choices=State.choices, protected=True, editable=False)
    draft = models.BinaryField(default=b"")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    rejection_code = models.CharField(_("motif de rejet"), max_length=10, choices=RejectionCode, blank=True)
    rejection_text = models.TextField(_("explication du rejet"), max_length=2_000, blank=True)
    examined_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    # The accepted one by which it stands where it stands, once notes are frozen.
    reexamination = models.ForeignKey(
        "proposals.NoteReexamination", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    objects = ProposalQuerySet.as_manager()

    # Read by ProposalQuerySet.with_instants.
    deposited_at: datetime | None
    decided_at: datetime | None

    class Meta:
        verbose_name = _("proposition")
        constraints = [
            lifecycle.choices_constraint("proposal", State.values),
            models.UniqueConstraint(
                fields=["opportunity", "vendor"],
                name="proposal_one_per_vendor",
                violation_error_message=_("Ce prestataire a déjà une proposition pour cette occasion."),
            ),
            models.UniqueConstraint(fields=["opportunity"], condition=Q(state="awarded"), name="proposal_one_winner"),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(rejection_code=""), name="proposal_rejected_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return str(self.public_id)

    def get_absolute_url(self) -> str:
        return reverse("proposals:detail", args=[self.public_id])

    # --- What the ledger and the locks need ------------------------------------------------------------------------
    def concerns(self, user: User) -> bool:
        return self.opportunity.concerns(user)

    @property
    def ledger_sealed(self) -> bool:
        """Before the opening its acts are « sealed » in the ledger: not even who or which occasion."""
        return self.state not in AFTER_OPENING

    def ledger_subject(self) -> str:
        return f"proposal:{self.public_id}"

    def lock_parents(self) -> dict[str, models.Model]:
        """The occasion, held: its state and closing stay, and proposals of it do not wait for each other. Those who
        press just before the closing instant are all in time, however slow the storage is for one of them."""
        return {"opportunity": lifecycle.held(self.opportunity)}

    # --- The lifecycle (product.md): the only moves that exist -------------------------------------------------------
    @moves(
        [State.DRAFT, State.SUBMITTED, State.WITHDRAWN],
        to=State.SUBMITTED,
        allowed=rules.can_deposit,
        roles=["vendor"],
        label=_("Déposer"),
        conditions=[conditions.before_closing, conditions.vendor_answers],
        basis="RCTI, dépôt électronique",
    )
    def submit(self, *, by: User | None, at: datetime, submission: Submission) -> None:
        """`submission`: just sealed and written, at this instant, by proposals/deposit/actions.py."""
        self.updated_at = at
        self._ledger_extra = {"version": submission.version, "envelope_sha256": submission.envelope_sha256}

    @moves(
        State.SUBMITTED,
        to=State.WITHDRAWN,
        allowed=rules.can_deposit,
        roles=["vendor"],
        label=pgettext_lazy("proposition", "Retirer"),
        conditions=[conditions.before_closing],
    )
    def withdraw(self, *, by: User | None, at: datetime) -> None:
        """The sealed content is destroyed; digests stay. The draft stays with its author."""
        last = self.submissions.latest("version")
        SealedEnvelope.objects.filter(submission__proposal=self).delete()
        SealedFile.objects.filter(submission__proposal=self).delete()
        self.updated_at = at
        self._ledger_extra = {"version": last.version, "envelope_sha256": last.envelope_sha256}

    @moves(
        State.SUBMITTED,
        to=State.OPENED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Ouvrir"),
        conditions=[conditions.in_evaluation],
    )
    def open(self, *, by: User | None, at: datetime) -> None:
        self.draft = b""  # the opened submission is what counts from here on
        DraftFile.objects.filter(proposal=self).delete()

    @moves(
        State.OPENED,
        to=State.ADMISSIBLE,
        allowed=rules.can_examine,
        roles=["buyer"],
        label=_("Admettre"),
        conditions=[conditions.in_evaluation, conditions.admission_open, conditions.readable],
    )
    def admit(self, *, by: User | None, at: datetime) -> None:
        self.examined_by = by

    @moves(
        State.OPENED,
        to=State.REJECTED,
        allowed=rules.can_examine,
        roles=["buyer"],
        label=_("Rejeter"),
        conditions=[conditions.in_evaluation, conditions.admission_open],
        basis="RCTI, a. 7",
        ledger_details=["code", "text"],
    )
    def reject(self, *, by: User | None, at: datetime, code: str, text: str) -> None:
        if code not in RejectionCode.values:
            lifecycle.complain("code", _("Choisissez un motif de rejet."))
        if not text.strip():
            lifecycle.complain("text", _("Expliquez le rejet : le prestataire lira ce texte."))
        if len(text) > 2_000:
            lifecycle.complain("text", _("L’explication dépasse 2 000 caractères."))
        self.rejection_code, self.rejection_text, self.examined_by = code, text.strip(), by

    @moves(
        [State.ADMISSIBLE, State.SCORED],
        to=State.SCORED,
        allowed=rules.can_examine,
        roles=["buyer"],
        label=_("Noter"),
        conditions=[conditions.in_evaluation, conditions.notes_open],
    )
    def score(self, *, by: User | None, at: datetime, version: NotesVersion | None = None) -> None:
        """`version`: the notes just written by proposals/evaluation/actions.py; None when it keeps those that it has.

        The ledger keeps comments too: in the detail, which the law may have erased.
        """
        conditions.fully_scored(self, at)
        if version is not None:
            scores = {str(place): line["value"] for place, line in enumerate(version.criteria)}
            comments = {str(place): line["comment"] for place, line in enumerate(version.criteria) if line["comment"]}
            self._ledger_extra = {"scores": scores, "comments": comments, "version": version.number}

    @moves(
        State.SCORED,
        to=State.AWARDED,
        allowed=rules.can_settle,
        roles=["officer"],
        label=_("Retenir"),
        conditions=[conditions.wins],
    )
    def award(self, *, by: User | None, at: datetime) -> None:
        """Part of proposals/award/actions.py."""

    @moves(
        State.SCORED,
        to=State.NOT_AWARDED,
        allowed=rules.can_settle,
        roles=["officer"],
        label=_("Ne pas retenir"),
        conditions=[conditions.loses],
    )
    def decline(self, *, by: User | None, at: datetime) -> None:
        """Part of proposals/award/actions.py."""

    @moves(
        [State.ADMISSIBLE, State.SCORED, State.REJECTED],
        to=State.OPENED,
        allowed=rules.can_examine,
        roles=["buyer"],
        label=_("Revoir l’admissibilité"),
        conditions=[conditions.in_evaluation, conditions.admission_open],
        ledger_details=["reason"],
    )
    def reexamine(self, *, by: User | None, at: datetime, reason: str) -> None:
        """Correct a mistake in the open: the examination starts again, what was decided stays in the ledger."""
        reason_given(reason)
        self.rejection_code = self.rejection_text = ""
        self.examined_by = None

    # --- Once notes are frozen: by two people (proposals/evaluation/reexamination_actions.py) -------------------------
    @moves(
        [State.OPENED, State.REJECTED],
        to=State.ADMISSIBLE,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Admettre par réexamen"),
        conditions=[conditions.in_evaluation, conditions.readable],
    )
    def readmit(self, *, by: User | None, at: datetime, reexamination: NoteReexamination) -> None:
        """`reexamination`: accepted, which asked for it; the database refuses any other (proposals/triggers.py)."""
        self.rejection_code = self.rejection_text = ""
        self._settle(reexamination)

    @moves(
        [State.OPENED, State.ADMISSIBLE, State.SCORED],
        to=State.REJECTED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Rejeter par réexamen"),
        conditions=[conditions.in_evaluation],
        basis="RCTI, a. 7",
    )
    def exclude(self, *, by: User | None, at: datetime, reexamination: NoteReexamination) -> None:
        """As `readmit`."""
        self.rejection_code, self.rejection_text = reexamination.code, reexamination.text
        self._settle(reexamination)
        self._ledger_extra = {**self._ledger_extra, "code": reexamination.code, "text": reexamination.text}

    def _settle(self, reexamination: NoteReexamination) -> None:
        self.reexamination, self.examined_by = reexamination, reexamination.decided_by
        asked, decided = reexamination.asked_by, reexamination.decided_by
        people = {"asked_by": f"person:{asked.public_id}", "decided_by": f"person:{lifecycle.known(decided).public_id}"}
        self._ledger_extra = {"reason": reexamination.reason, **people}

    @moves(
        [State.ADMISSIBLE, State.AWARDED, State.NOT_AWARDED],
        to=State.SCORED,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Reclasser"),
        conditions=[conditions.in_evaluation, conditions.fully_scored],
    )
    def restore(self, *, by: User | None, at: datetime) -> None:
        """With the notes that it has: when an award falls, and once two people admitted it or gave its first notes."""
