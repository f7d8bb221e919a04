"""What is asked: the occasion, its lifecycle, and who may see it."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from marketplace import keys, lifecycle
from marketplace.accounts.person import User
from marketplace.columns import shape
from marketplace.columns.state import StateField
from marketplace.lifecycle import known, moves
from marketplace.reasons import reason_given
from marketplace.regions import Region
from marketplace.search import index_text
from opportunities import conditions, rules
from opportunities.enums import AwardMode, CodeLicence, State, UnsuccessfulReason
from opportunities.models.body import PublicBody
from opportunities.models.limits import CONSTRAINTS, INDEXES
from opportunities.models.mode import ByMode
from opportunities.models.parts import Skill
from opportunities.models.queryset import OpportunityQuerySet
from opportunities.models.version import NoticeVersion


@lifecycle.register
class Opportunity(ByMode, lifecycle.Stateful, models.Model):
    """An occasion d'affaires: BC's Code With Us fields and limits; amounts in cents before taxes, instants in UTC."""

    number = models.CharField(_("numéro"), max_length=20, unique=True, editable=False)
    body = models.ForeignKey(
        PublicBody, verbose_name=_("organisme public"), on_delete=models.PROTECT, related_name="opportunities"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("autrice ou auteur"),
        on_delete=models.PROTECT,
        related_name="opportunities",
    )
    state = StateField(_("état"), default=State.DRAFT, choices=State.choices, protected=True, editable=False)

    title = models.CharField(_("titre"), max_length=200)
    teaser = models.TextField(_("résumé"), max_length=500, blank=True)
    description = models.TextField(_("description du besoin"), max_length=10_000, blank=True)
    remote_ok = models.BooleanField(_("travail à distance accepté"), default=True)
    remote_description = models.TextField(_("précisions sur le travail à distance"), max_length=500, blank=True)
    location = models.CharField(_("lieu"), max_length=100, blank=True)
    region = models.CharField(_("région administrative"), max_length=2, choices=Region, blank=True)
    budget_cents = models.PositiveBigIntegerField(_("montant, avant taxes"), null=True, blank=True)
    skills = models.ManyToManyField(Skill, verbose_name=_("compétences"), blank=True, related_name="opportunities")
    code_licence = models.CharField(
        _("licence du code livré"), max_length=20, choices=CodeLicence, default=CodeLicence.LILIQ_R
    )
    submission_info = models.TextField(_("remise du travail"), max_length=500, blank=True)
    acceptance_criteria = models.TextField(_("critères d’acceptation"), max_length=5_000, blank=True)
    evaluation_criteria = models.TextField(_("précisions sur l’évaluation"), max_length=2_000, blank=True)
    award_mode = models.CharField(
        _("mode d’adjudication"), max_length=20, choices=AwardMode, default=AwardMode.QUALITY_FIXED
    )
    k_percent = models.PositiveSmallIntegerField(_("valeur de K (%)"), null=True, blank=True)
    contact_name = models.CharField(_("personne à joindre"), max_length=100, blank=True)
    contact_email = models.EmailField(_("courriel de la personne à joindre"), blank=True)

    questions_close_at = models.DateTimeField(_("date limite des questions"), null=True, blank=True)
    closes_at = models.DateTimeField(_("date et heure limites de dépôt"), null=True, blank=True)
    assignment_date = models.DateField(_("attribution prévue"), null=True, blank=True)
    start_date = models.DateField(_("début du travail"), null=True, blank=True)
    completion_date = models.DateField(_("fin du travail"), null=True, blank=True)
    short_period_reason = models.TextField(_("motif du délai de dépôt abrégé"), max_length=500, blank=True)

    created_at = models.DateTimeField(_("créée le"))
    updated_at = models.DateTimeField(_("modifiée le"))
    published_at = models.DateTimeField(_("publiée le"), null=True, editable=False)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    recommended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    reversal_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    reversal_reason = models.TextField(blank=True, editable=False)
    # Once set, never changed nor taken back (opportunities/triggers.py). By nobody: before this was an act.
    notes_frozen_at = models.DateTimeField(null=True, editable=False)
    notes_frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # What the last return, suspension, cancellation or unsuccessful end was for; public once the occasion is.
    state_reason = models.TextField(_("motif"), blank=True, editable=False)
    unsuccessful_reason = models.CharField(max_length=20, choices=UnsuccessfulReason, blank=True, editable=False)
    # SHA-256 of a secret kept until a tie must be drawn: proves that the draw was not chosen after the fact.
    draw_commitment = models.CharField(max_length=64, blank=True, editable=False)
    search_text = models.TextField(blank=True, editable=False)
    # How many versions of the published notice there are; 0 before. Grows with each, by one.
    notice_version = models.PositiveSmallIntegerField(default=0, editable=False)
    # Who wrote any of it: none of them reviews it.
    editor_ids = shape.ShapedJSONField(default=list, editable=False, fits=shape.listed(shape.number))

    objects = OpportunityQuerySet.as_manager()

    # What the public pages add: the address, read often by the lists, how many entries of the ledger the last signed
    # checkpoint covers, and opportunities/search/labels.py.
    url: str
    attested: int
    badge: dict[str, str] | None
    # What the public reads of the award being confirmed, for its version.
    _award_told: Mapping[str, Any] | None = None

    class Meta:
        verbose_name = _("occasion d’affaires")
        verbose_name_plural = _("occasions d’affaires")
        indexes = INDEXES
        constraints = CONSTRAINTS

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("opportunities:detail", args=[self.number])

    # --- What is computed ------------------------------------------------------------------------------------------
    @property
    def closing(self) -> datetime:
        """`closes_at`, which a draft may lack, and no later state; so are the two below."""
        return known(self.closes_at)

    @property
    def budget(self) -> int:
        return known(self.budget_cents)

    @property
    def published(self) -> datetime:
        return known(self.published_at)

    def accepts_proposals(self, *, at: datetime) -> bool:
        """Published, and strictly before the closing instant."""
        return self.state == State.PUBLISHED and at < self.closing

    def is_due(self, *, at: datetime) -> bool:
        """Its closing instant has come, and it is not opened yet."""
        return self.state == State.PUBLISHED and at >= self.closing

    def takes_addenda(self, *, at: datetime) -> bool:
        """While proposals may still come in: now, or after the suspension."""
        return self.state == State.SUSPENDED or self.accepts_proposals(at=at)

    def is_public(self) -> bool:
        return self.published_at is not None

    def words(self) -> str:
        """What the search finds it by."""
        skills = " ".join(skill.name for skill in self.skills.all())
        return index_text(
            self.number, self.title, self.teaser, self.description, skills, self.location, self.body.name,
            self.body.acronym, self.get_region_display(),
        )  # fmt: skip

    # --- The lifecycle (product.md): the only moves that exist -------------------------------------------------------
    def ledger_subject(self) -> str:
        return f"occasion:{self.number}"

    def concerns(self, user: User) -> bool:
        return rules.works_there(self, user) or (user.is_authenticated and user.is_auditor)

    def also_writes(self, move: str, *, by: User | None, at: datetime) -> Mapping[str, Any]:
        """The version of the notice that this move makes, if it makes one; the ledger then holds its digest."""
        return NoticeVersion.objects.after(move, self, by=by, at=at, award=self._award_told)

    @moves(
        State.DRAFT,
        to=State.IN_REVIEW,
        allowed=rules.is_buyer,
        roles=["buyer"],
        label=_("Envoyer en révision"),
        conditions=[conditions.complete, conditions.long_enough],
    )
    def submit_for_review(self, *, by: User | None, at: datetime) -> None:
        self.submitted_by = by
        self.updated_at = at

    @moves(
        State.IN_REVIEW,
        to=State.DRAFT,
        allowed=rules.is_buyer,
        roles=["buyer"],
        label=_("Reprendre le brouillon"),
    )
    def take_back(self, *, by: User | None, at: datetime) -> None:
        """Before anybody decided. Whoever sent it stays its sender until it is sent again."""
        self.updated_at = at

    @moves(
        State.IN_REVIEW,
        to=State.DRAFT,
        allowed=rules.can_review,
        roles=["officer"],
        label=_("Retourner à l’autrice ou à l’auteur"),
        ledger_details=["reason"],
    )
    def return_to_author(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.state_reason = reason_given(reason)
        self.updated_at = at  # a form left open since before the review is then seen as stale

    @moves(
        State.IN_REVIEW,
        to=State.PUBLISHED,
        allowed=rules.can_review,
        roles=["officer"],
        label=_("Publier"),
        conditions=[conditions.complete, conditions.long_enough],
        basis="RCTI, a. 4",
    )
    def publish(self, *, by: User | None, at: datetime) -> None:
        self.published_at = self.updated_at = at
        self.published_by = by
        self.state_reason = ""
        self.draw_commitment = hashlib.sha256(self.draw_secret()).hexdigest()
        self.search_text = self.words()
        self._ledger_extra = {"closes_at": self.closing.isoformat(), "draw_commitment": self.draw_commitment}

    @moves(
        State.PUBLISHED,
        to=State.SUSPENDED,
        allowed=rules.can_oversee,
        roles=["officer"],
        label=_("Suspendre"),
        conditions=[conditions.not_closed_yet],
        ledger_details=["reason"],
    )
    def suspend(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.state_reason = reason_given(reason)

    @moves(
        State.SUSPENDED,
        to=State.PUBLISHED,
        allowed=rules.can_oversee,
        roles=["officer"],
        label=_("Reprendre"),
        ledger_details=["closes_at"],
    )
    def resume(self, *, by: User | None, at: datetime, closes_at: datetime) -> None:
        conditions.resumed_closing(self, closes_at, at)
        self.closes_at = closes_at
        self.state_reason = ""

    @moves(
        State.PUBLISHED,
        to=State.EVALUATION,
        allowed=rules.is_system,
        roles=["system"],
        label=_("Ouvrir les propositions"),
        conditions=[conditions.closed],
        basis="RCTI, ouverture publique",
    )
    def open(self, *, by: User | None, at: datetime) -> None:
        """The opening of the occasion; its proposals' is in proposals/opening/actions.py, same transaction."""

    @moves(
        State.EVALUATION,
        to=State.EVALUATION,
        allowed=rules.can_unveil,
        roles=["buyer"],
        label=_("Dévoiler les prix : les notes ne changeront plus"),
        conditions=[conditions.prices_veiled, conditions.all_scored],
    )
    def unveil_prices(self, *, by: User | None, at: datetime, notes: list[dict[str, str]]) -> None:
        """`notes`: the salted digest of each proposal's notes (proposals/evaluation/price_actions.py). Never undone."""
        self._freeze_notes(by, at, notes)

    @moves(
        State.EVALUATION,
        to=State.RECOMMENDED,
        allowed=rules.can_recommend,
        roles=["buyer"],
        label=_("Recommander une attribution"),
        conditions=[conditions.all_scored, conditions.prices_unveiled, conditions.no_note_reexamination_pending],
    )
    def recommend(self, *, by: User | None, at: datetime, notes: Sequence[dict[str, str]] = ()) -> None:
        """Notes that no unveiling froze are frozen here: where the price is fixed there is nothing to unveil.

        `notes`: the digests of those that have none yet.
        """
        self.recommended_by = by
        self._freeze_notes(by, at, notes)

    def _freeze_notes(self, by: User | None, at: datetime, notes: Sequence[dict[str, str]]) -> None:
        if self.notes_frozen_at is None:
            self.notes_frozen_at, self.notes_frozen_by = at, by
        if notes:
            self._ledger_extra = {"notes": list(notes)}

    @moves(
        State.RECOMMENDED,
        to=State.AWARDED,
        allowed=rules.can_confirm_award,
        roles=["officer"],
        label=_("Confirmer l’attribution"),
    )
    def confirm_award(
        self,
        *,
        by: User | None,
        at: datetime,
        told: dict[str, Any] | None = None,
        published: Mapping[str, Any] | None = None,
    ) -> None:
        """`told`: what the ledger keeps of it, the vendor and the amount; `published`: what the public reads of it.

        Both are given by proposals/award/actions.py.
        """
        self._ledger_extra, self._award_told = told or {}, published
        self.reversal_requested_by = None
        self.reversal_reason = ""

    @moves(
        State.RECOMMENDED,
        to=State.EVALUATION,
        allowed=rules.can_confirm_award,
        roles=["officer"],
        label=_("Renvoyer à l’évaluation"),
        ledger_details=["reason"],
    )
    def reject_recommendation(self, *, by: User | None, at: datetime, reason: str) -> None:
        reason_given(reason)
        self.recommended_by = None

    @moves(
        State.EVALUATION,
        to=State.UNSUCCESSFUL,
        allowed=rules.can_oversee,
        roles=["officer"],
        label=_("Conclure sans attribution"),
        ledger_details=["code", "reason"],
    )
    def conclude_without_award(self, *, by: User | None, at: datetime, code: str, reason: str = "") -> None:
        conditions.unsuccessful_because(self, code, reason)
        self.unsuccessful_reason = code
        self.state_reason = reason.strip()

    @moves(
        State.AWARDED,
        to=State.EVALUATION,
        allowed=rules.can_reverse_award,
        roles=["officer", "auditor"],
        label=_("Annuler l’attribution"),
        conditions=[conditions.reversal_requested, conditions.no_contract_signed],
    )
    def reverse_award(self, *, by: User | None, at: datetime) -> None:
        self._ledger_extra = {
            "reason": self.reversal_reason,
            "requested_by": f"person:{known(self.reversal_requested_by).public_id}",
        }
        self.state_reason = self.reversal_reason
        self.reversal_requested_by = None
        self.reversal_reason = ""
        self.recommended_by = self._award_told = None

    @moves(
        [State.IN_REVIEW, State.PUBLISHED, State.SUSPENDED, State.EVALUATION, State.RECOMMENDED],
        to=State.CANCELLED,
        allowed=rules.can_oversee,
        roles=["officer"],
        label=_("Annuler l’occasion"),
        ledger_details=["reason"],
    )
    def cancel(self, *, by: User | None, at: datetime, reason: str) -> None:
        self.state_reason = reason_given(reason)

    def draw_secret(self) -> bytes:
        """32 bytes nobody can guess, never stored: revealed only when a tie is drawn (proposals/evaluation/draw.py)."""
        return keys.derived(f"draw:{self.number}")
