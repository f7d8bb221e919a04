"""What must hold before an occasion moves: (opportunity, at) -> None, or ValidationError at the right field.

The docstring's first line is published in /api/workflow.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.dates.calendar import is_business_day, next_business_day
from marketplace.dates.localtime import day, local, to_utc
from marketplace.lifecycle import complain
from marketplace.money import format_cents
from marketplace.reasons import reason_given
from opportunities.enums import AwardMode, UnsuccessfulReason

Occasion = Any  # opportunities.models.Opportunity, which imports these
Say = Callable[[str, str], None]
REQUIRED = ("title", "description", "location", "region", "acceptance_criteria", "contact_name", "contact_email")
REQUIRED_VALUES = ("budget_cents", "closes_at", "questions_close_at", "assignment_date", "start_date")


def ceiling_cents(on: date) -> int:
    """The ceiling (excluded, before taxes) in force on a day: a dated setting."""
    return max((since, cents) for since, cents in settings.CEILING_CENTS if since <= on)[1]


def complete(opportunity: Occasion, at: datetime) -> None:
    """Every required field is filled, within its limits, and the dates are in order."""
    problems: dict[str, list[str]] = {}

    def say(field: str, message: str) -> None:
        problems.setdefault(field, []).append(message)

    missing = _("Ce champ est obligatoire.")
    for field in REQUIRED:
        if not getattr(opportunity, field).strip():
            say(field, missing)
    for field in REQUIRED_VALUES:
        if getattr(opportunity, field) is None:
            say(field, missing)
    if opportunity.remote_ok and not opportunity.remote_description.strip():
        say("remote_description", _("Précisez comment se fait le travail à distance."))
    if not opportunity.skills.exists():
        say("skills", _("Indiquez au moins une compétence."))
    _budget(opportunity, at, say)
    _grid(opportunity, say)
    _dates(opportunity, at, say)
    if problems:
        raise ValidationError(problems)


def _budget(opportunity: Occasion, at: datetime, say: Say) -> None:
    ceiling = ceiling_cents(local(at).date())
    if opportunity.budget_cents is not None and not 0 < opportunity.budget_cents < ceiling:
        say("budget_cents", _("Le montant doit être inférieur à %s avant taxes.") % format_cents(ceiling))


def _grid(opportunity: Occasion, say: Say) -> None:
    criteria = list(opportunity.criteria.all())
    total = sum(criterion.weight for criterion in criteria)
    if opportunity.award_mode == AwardMode.PRICE:
        if criteria:
            say("criteria", _("Le mode « prix uniquement » n’a pas de grille : retirez les critères."))
        return
    least = 3 if opportunity.award_mode == AwardMode.ADJUSTED_PRICE else 1
    if len(criteria) < least:
        message = ngettext("Ce mode demande au moins %d critère.", "Ce mode demande au moins %d critères.", least)
        say("criteria", message % least)
    elif total != 100:
        say("criteria", _("Le total des poids est de %d %%; il doit être de 100 %%.") % total)
    if opportunity.award_mode == AwardMode.ADJUSTED_PRICE and opportunity.k_percent is None:
        say("k_percent", _("Annoncez la valeur de K, de 15 à 30 %."))


def _dates(opportunity: Occasion, at: datetime, say: Say) -> None:
    if opportunity.closes_at is not None:
        closing = local(opportunity.closes_at).date()
        if opportunity.closes_at <= at:
            say("closes_at", _("La date limite est déjà passée."))
        if not is_business_day(closing):
            say("closes_at", _not_a_business_day(closing))
        if opportunity.assignment_date is not None and opportunity.assignment_date < closing:
            say("assignment_date", _("L’attribution ne peut pas précéder la date limite de dépôt."))
        if opportunity.questions_close_at is not None and not (at < opportunity.questions_close_at):
            say("questions_close_at", _("La date limite des questions est déjà passée."))
        if opportunity.questions_close_at is not None and opportunity.questions_close_at > opportunity.closes_at:
            say("questions_close_at", _("Les questions doivent se terminer avant la date limite de dépôt."))


def _not_a_business_day(closing: date) -> str:
    shown = {"day": day(closing), "next": day(next_business_day(closing))}
    return _("Le %(day)s n’est pas un jour ouvrable. Le premier qui suit est le %(next)s.") % shown


def long_enough(opportunity: Occasion, at: datetime) -> None:
    """The publication period is long enough, or its shortness has a recorded reason."""
    if opportunity.closes_at is None:  # said by `complete`
        return
    shortest = local(at).date() + timedelta(days=settings.MINIMUM_PUBLICATION_DAYS)
    if local(opportunity.closes_at).date() < shortest and not opportunity.short_period_reason.strip():
        complain(
            "short_period_reason",
            _("Moins de %d jours pour déposer : inscrivez le motif, qui sera public.")
            % settings.MINIMUM_PUBLICATION_DAYS,
        )


def not_closed_yet(opportunity: Occasion, at: datetime) -> None:
    """The closing instant is still to come."""
    if at >= opportunity.closes_at:
        complain(None, _("La date limite de dépôt est passée."))


def closed(opportunity: Occasion, at: datetime) -> None:
    """The closing instant has passed, by the database's clock."""
    if at < opportunity.closes_at:
        complain(None, _("La date limite de dépôt n’est pas passée."))


def least_days_after_resumption() -> int:
    """What a resumption leaves at least to deposit, an addendum having perhaps just come."""
    return max(settings.RESUME_MINIMUM_DAYS, settings.ADDENDUM_NEAR_CLOSING_DAYS)


def resumed_closing(opportunity: Occasion, closes_at: datetime | None, at: datetime) -> None:
    """The new closing instant leaves the legal minimum and falls on a business day."""
    least = least_days_after_resumption()
    if closes_at is None or closes_at < at + timedelta(days=least):
        complain("closes_at", _("Laissez au moins %d jours après la reprise.") % least)
    if closes_at < opportunity.closes_at:
        complain("closes_at", _("Une reprise ne peut pas devancer la date limite annoncée."))
    if not is_business_day(local(closes_at).date()):
        complain("closes_at", _not_a_business_day(local(closes_at).date()))
    keep_order(opportunity, closes_at)


def keep_order(opportunity: Occasion, closes_at: datetime) -> None:
    """Push the dates that a later closing instant would overtake."""
    if opportunity.assignment_date and opportunity.assignment_date < local(closes_at).date():
        opportunity.assignment_date = local(closes_at).date()
        opportunity.start_date = max(opportunity.start_date, opportunity.assignment_date)
        if opportunity.completion_date:
            opportunity.completion_date = max(opportunity.completion_date, opportunity.start_date)


def closing_after_addendum(opportunity: Occasion, at: datetime) -> datetime | None:
    """The closing instant that an addendum published at `at` brings; None when it is early enough to change nothing.

    Near the closing it moves by three days at least, to a business day whose eve is one too, at the same local hour.
    Days are counted on the clock people read: the change of hour adds or takes nothing. While suspended nothing moves:
    the resumption gives another instant, later than any addendum before it by as much (`resumed_closing`).
    """
    if opportunity.state == "suspended":
        return None
    near = timedelta(days=settings.ADDENDUM_NEAR_CLOSING_DAYS)
    closing = local(opportunity.closes_at).replace(tzinfo=None)
    if closing - local(at).replace(tzinfo=None) > near:
        return None
    moved = closing.date() + near
    while not (is_business_day(moved) and is_business_day(moved - timedelta(days=1))):
        moved += timedelta(days=1)
    return to_utc(datetime.combine(moved, closing.time()), fold=0)


def all_scored(opportunity: Occasion, at: datetime) -> None:
    """Every proposal was admitted or rejected, and every admissible one is scored."""
    waiting = opportunity.proposals.filter(state__in=["opened", "admissible"]).count()
    if waiting:
        message = ngettext(
            "Il reste %d proposition à examiner ou à noter.", "Il reste %d propositions à examiner ou à noter.", waiting
        )
        complain(None, message % waiting)
    if not opportunity.proposals.filter(state="scored").exists():
        complain(None, _("Aucune proposition notée : concluez plutôt sans attribution."))


def prices_veiled(opportunity: Occasion, at: datetime) -> None:
    """Quality is scored, prices are asked, and they are not unveiled yet."""
    if not opportunity.prices_wait:
        complain(None, _("Il n’y a pas de prix à dévoiler : ce mode n’en attend pas, ou ils sont déjà dévoilés."))


def prices_unveiled(opportunity: Occasion, at: datetime) -> None:
    """Where quality and prices count, prices are unveiled."""
    if opportunity.prices_wait:
        complain(None, _("Dévoilez d’abord les prix : le classement vient ensuite."))


def no_note_reexamination_pending(opportunity: Occasion, at: datetime) -> None:
    """No re-examination, of notes or of an admission, waits for a decision."""
    if opportunity.proposals.filter(note_reexaminations__state="pending").exists():
        complain(None, _("Un réexamen attend une décision : acceptez-le, refusez-le ou retirez-le d’abord."))


def unsuccessful_because(opportunity: Occasion, code: str, reason: str) -> None:
    """The stated reason agrees with what was received and decided."""
    if code not in UnsuccessfulReason.values:
        complain("code", _("Choisissez un motif."))
    received = opportunity.proposals.exclude(state__in=["draft", "withdrawn", "submitted"])
    if code == UnsuccessfulReason.NONE_RECEIVED and received.exists():
        complain("code", _("Des propositions ont été reçues."))
    if code == UnsuccessfulReason.NONE_CONFORMING and (
        not received.exists() or received.exclude(state="rejected").exists()
    ):
        complain("code", _("Des propositions ne sont pas rejetées, ou aucune n’a été reçue."))
    if code == UnsuccessfulReason.OTHER:
        reason_given(reason)


def reversal_requested(opportunity: Occasion, at: datetime) -> None:
    """An officer asked for the reversal, with a public reason."""
    if opportunity.reversal_requested_by_id is None:
        complain(None, _("Une ou un responsable doit d’abord demander l’annulation, avec un motif."))


def no_contract_signed(opportunity: Occasion, at: datetime) -> None:
    """No contract was concluded with the winner."""
    if opportunity.awards.filter(contract__signed_at__isnull=False).exists():
        complain(None, _("Le contrat est conclu : l’attribution ne peut plus être annulée. Il peut être résilié."))
