"""Past purchases played again through the public verbs, each act at its recorded instant."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from demo.purchases import Bid, Purchase
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.lifecycle import IllegalMove
from marketplace.models import User
from marketplace.search import fold
from opportunities.enums import AwardMode, CodeLicence, UnsuccessfulReason
from opportunities.models import BodyMembership, Opportunity, PublicBody, Skill
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.award import ranks
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.enums import State
from proposals.evaluation import actions as evaluation_actions
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from vendors.models import Vendor, VendorMembership

BODY = "Archives 18F (reprise de données publiques)"
SHORT_PERIOD_REASON = "Reprise d’un achat historique : délai d’origine"
REFUSALS = (ValidationError, IllegalMove, PermissionDenied)
# The record tells when bids came, not when people decided: one hour between two acts after the closing.
HOUR = timedelta(hours=1)


class Refused(Exception):
    """The platform refused an act without which the purchase cannot be played."""


@dataclass(frozen=True)
class Outcome:
    """What the platform made of one purchase. `winner` and `amount` (whole dollars) are None without an award."""

    purchase: Purchase
    counted: int
    winner: int | None
    amount: int | None
    tied: bool

    @property
    def as_recorded(self) -> bool:
        recorded = self.purchase.winner
        return (self.winner, self.amount) == ((recorded.bidder, recorded.amount) if recorded else (None, None))

    @property
    def word(self) -> str:
        """same, differs, or tie: several lowest prices, which the platform's recorded draw put in order."""
        if self.tied:
            return "tie"
        return "same" if self.as_recorded else "differs"


@dataclass(frozen=True)
class People:
    """Who acts for the body."""

    body: PublicBody
    buyer: User
    officer: User
    second_officer: User


def replay(purchases: Iterable[Purchase]) -> Iterator[Outcome]:
    """Play them in order. To be run in one transaction, with mails held. Refused names the purchase and says why."""
    people = _people()
    for purchase in purchases:
        try:
            yield _play(purchase, people)
        except REFUSALS as error:
            why = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            raise Refused(f"achat {purchase.id} : la plateforme a refusé : {why}") from error


def _play(purchase: Purchase, people: People) -> Outcome:
    opportunity = _in_review(purchase, people)
    for bid in (bid for bid in purchase.bids if bid.at < purchase.opens_at):
        _bid(opportunity, bid)  # refused: nothing is published yet
    with clock.set_to(purchase.opens_at):
        notice_review_actions.publish(opportunity, by=people.officer)
    for bid in (bid for bid in purchase.bids if purchase.opens_at <= bid.at < purchase.closes_at):
        _bid(opportunity, bid)
    with clock.set_to(purchase.closes_at):
        opening_actions.open_if_due(opportunity.number)
    for bid in (bid for bid in purchase.bids if bid.at >= purchase.closes_at):
        _bid(opportunity, bid)  # refused: too late
    return _decide(purchase, Opportunity.objects.get(pk=opportunity.pk), people)


def _in_review(purchase: Purchase, people: People) -> Opportunity:
    at = purchase.opens_at - timedelta(days=1)
    closing_day = local(purchase.closes_at).date()
    with clock.set_to(at):
        opportunity = notice_review_actions.create(
            by=people.buyer,
            body=people.body,
            at=at,
            title=purchase.title,
            teaser=purchase.teaser,
            description=purchase.description,
            remote_description="Tout le travail se fait à distance.",
            location="À distance",
            region="03",
            budget_cents=purchase.ceiling * 100,
            code_licence=CodeLicence.TO_BE_AGREED,
            submission_info=f"Dépôt de code : {purchase.repository}" if purchase.repository else "",
            acceptance_criteria="Ceux que donne la description, dans sa langue d’origine.",
            award_mode=AwardMode.PRICE,
            contact_name="Archives (reprise)",
            contact_email="archives@exemple.invalid",
            questions_close_at=purchase.closes_at,
            closes_at=purchase.closes_at,
            assignment_date=closing_day,
            start_date=closing_day,
            short_period_reason=SHORT_PERIOD_REASON,
        )
        for name in purchase.skills:
            skill, _created = Skill.objects.get_or_create(folded=fold(name).strip(), defaults={"name": name})
            opportunity.skills.add(skill)
        notice_review_actions.submit_for_review(opportunity, by=people.buyer)
    return opportunity


def _bid(opportunity: Opportunity, bid: Bid) -> None:
    """Deposit, or replace what this bidder deposited before. A refused bid leaves nothing behind it."""
    vendor, owner = _bidder(bid)
    try:
        with clock.set_to(bid.at), transaction.atomic():
            proposal = draft_actions.start(opportunity, vendor, by=owner, at=bid.at)
            draft_actions.write(
                proposal, at=bid.at, text="Offre reprise d’un achat historique.", price_cents=bid.amount * 100
            )
            deposit_actions.deposit(
                proposal,
                by=owner,
                idempotency_key=uuid.uuid4(),
                integrity=True,
                no_collusion=True,
                lobbying="none",
                accept_terms=True,
            )
    except REFUSALS:
        pass


def _decide(purchase: Purchase, opportunity: Opportunity, people: People) -> Outcome:
    opened = list(Proposal.objects.filter(opportunity=opportunity, state=State.OPENED).order_by("pk"))
    if not opened:
        with clock.set_to(purchase.closes_at + HOUR):
            award_actions.conclude(opportunity, by=people.officer, code=UnsuccessfulReason.NONE_RECEIVED)
        return Outcome(purchase, counted=0, winner=None, amount=None, tied=False)
    with clock.set_to(purchase.closes_at + HOUR):
        for proposal in opened:
            evaluation_actions.admit(proposal, by=people.buyer)
    with clock.set_to(purchase.closes_at + 2 * HOUR):
        first = ranks.lines(opportunity)[0]
        award_actions.recommend(opportunity, first.proposal, by=people.buyer)
    with clock.set_to(purchase.closes_at + 3 * HOUR):
        award = award_actions.confirm(opportunity, by=people.second_officer)
    winner = next(bid.bidder for bid in purchase.bids if _address(bid.bidder) == award.proposal.vendor.email)
    return Outcome(
        purchase, counted=len(opened), winner=winner, amount=award.amount_cents // 100, tied=first.ranked.drawn
    )


# --- People, made once: several files can be replayed one after the other -------------------------------------------
def _person(email: str, name: str) -> User:
    """Nobody signs in as them: no password works."""
    return User.objects.filter(email=email).first() or User.objects.create_user(email, name=name)


def _people() -> People:
    body, _created = PublicBody.objects.get_or_create(name=BODY, defaults={"acronym": "18F", "region": "03"})
    persons = {}
    for key, role, name in (
        ("buyer", "buyer", "Acheteuse (reprise)"),
        ("officer", "officer", "Responsable (reprise)"),
        ("second_officer", "officer", "Second responsable (reprise)"),
    ):
        persons[key] = _person(f"reprise-{key.replace('_', '-')}@exemple.invalid", name)
        BodyMembership.objects.get_or_create(user=persons[key], body=body, role=role)
    return People(body=body, **persons)


def _address(bidder: int) -> str:
    """What a bidder is found again by, from one purchase and one file to the next."""
    return f"proposant-{bidder}@exemple.invalid"


def _bidder(bid: Bid) -> tuple[Vendor, User]:
    email = _address(bid.bidder)
    owner = _person(email, f"Mandataire du proposant {bid.bidder} (reprise)")
    vendor, created = Vendor.objects.get_or_create(
        email=email,
        defaults={
            "legal_name": f"Proposant {bid.bidder} (reprise)",
            "street": "Adresse non publiée",
            "city": "Inconnue",
            "province": "Inconnue",
            "postal_code": "Inconnu",
            "country": "États-Unis",
            "created_at": bid.at,
        },
    )
    if created:
        VendorMembership.objects.create(user=owner, vendor=vendor, role=VendorMembership.Role.OWNER)
    return vendor, owner
