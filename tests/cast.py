"""The people of every test, and occasions at any stage, made through the public verbs."""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal

from marketplace.dates import clock
from marketplace.dates.localtime import to_utc
from marketplace.models import User
from marketplace.search import fold
from opportunities.models import BodyMembership, Criterion, Opportunity, PublicBody, Skill
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import price_actions, reexamination_actions
from proposals.models import Proposal
from proposals.opening import actions as opening_actions
from tests.kept import kept
from vendors.models import TaxAttestation, Vendor, VendorMembership

PASSWORD = "Érable-rouge-4821"
PUBLISHED_AT = datetime.fromisoformat("2026-11-03T14:00:00+00:00")
CLOSES_AT = datetime.fromisoformat("2026-11-24T19:00:00+00:00")  # mardi 24 novembre 2026, 14 h (HNE)


def person(name: str, **fields) -> User:
    """« Béatrice Acheteuse » → beatrice.acheteuse@exemple.invalid: browsers refuse accents before the @."""
    email = f"{fold(name).replace(' ', '.')}@exemple.invalid"
    return User.objects.create_user(email, PASSWORD, name=name, **fields)


def vendor(name: str, owner: User, *, kind: str = "company") -> Vendor:
    """A firm with its owner and an attestation valid from 15 October 2026 to 31 January 2027."""
    made = Vendor.objects.create(
        kind=kind, legal_name=name, street="1, rue de l’Essai", city="Rimouski", region="01", postal_code="G5L 1A1",
        email=owner.email, created_at=PUBLISHED_AT,
    )  # fmt: skip
    VendorMembership.objects.create(user=owner, vendor=made, role="owner")
    TaxAttestation.objects.create(
        vendor=made, number="RQ-2026-000001", issued_on=date(2026, 10, 15), added_by=owner, at=PUBLISHED_AT
    )
    return made


class Cast:
    """buyer and officer of one body, vendors, and those who must be kept out."""

    kept_whole = True

    def __init__(self):
        self.body = PublicBody.objects.create(name="Ville d’Essai", acronym="VE", regime="municipal", region="01")
        self.other_body = PublicBody.objects.create(name="Régie d’ailleurs", acronym="RA", region="03")
        self.buyer = self.member("Béatrice Acheteuse", "buyer")
        self.other_buyer = self.member("Boris Acheteur", "buyer")
        self.officer = self.member("Odile Responsable", "officer")
        self.second_officer = self.member("Omar Responsable", "officer")
        self.outside_buyer = self.member("Bruno Ailleurs", "buyer", self.other_body)
        self.outside_officer = self.member("Ophélie Ailleurs", "officer", self.other_body)
        self.auditor = person("Aude Vérificatrice", is_auditor=True)
        self.administrator = person("Ada Pilote", is_staff=True, is_superuser=True)
        self.vendor_owner = person("Victor Proposant")
        self.vendor = vendor("Atelier Boréal inc.", self.vendor_owner)
        self.vendor_member = person("Marie Membre")
        VendorMembership.objects.create(user=self.vendor_member, vendor=self.vendor, role="member")
        self.rival_owner = person("Rita Rivale")
        self.rival = vendor("Coop Code du Fleuve", self.rival_owner)
        self.outsider = person("Ulysse Passant")

    def member(self, name: str, role: str, body=None) -> User:
        user = person(name)
        BodyMembership.objects.create(user=user, body=body or self.body, role=role)
        return user

    # --- Occasions at each stage -------------------------------------------------------------------------------------
    @kept
    def draft(self, *, at=PUBLISHED_AT, mode="quality_fixed", closes_at=CLOSES_AT, **fields) -> Opportunity:
        """A complete draft; `fields` replace the defaults."""
        values = {
            "title": "Tableau de bord des ponts et routes",
            "teaser": "Rendre lisibles les limites de charge.",
            "description": "Chaque printemps, **1 400** limites de charge changent.",
            "remote_description": "Rencontres à distance.",
            "location": "Rimouski",
            "region": "01",
            "budget_cents": 64_000_00,
            "acceptance_criteria": "Les tests passent.",
            "contact_name": "Béatrice Acheteuse",
            "contact_email": "beatrice@exemple.invalid",
            "award_mode": mode,
            "k_percent": 20 if mode == "adjusted_price" else None,
            "closes_at": closes_at,
            "questions_close_at": closes_at - timedelta(days=4),
            "assignment_date": closes_at.date() + timedelta(days=14),
            "start_date": closes_at.date() + timedelta(days=21),
        } | fields
        with clock.set_to(at):
            opportunity = notice_review_actions.create(by=self.buyer, body=self.body, at=at, **values)
        skill, _created = Skill.objects.get_or_create(folded="python", defaults={"name": "Python"})
        opportunity.skills.add(skill)
        grid = {"price": [], "quality_min_price": [60, 40], "adjusted_price": [40, 35, 25], "quality_fixed": [60, 40]}
        for position, weight in enumerate(grid[mode]):
            Criterion.objects.create(
                opportunity=opportunity, position=position, label=f"Critère {position + 1}", weight=weight
            )
        return opportunity

    @kept
    def in_review(self, *, at=PUBLISHED_AT, **fields) -> Opportunity:
        opportunity = self.draft(at=at, **fields)
        with clock.set_to(at):
            notice_review_actions.submit_for_review(opportunity, by=self.buyer)
        return opportunity

    @kept
    def published(self, *, at=PUBLISHED_AT, **fields) -> Opportunity:
        opportunity = self.in_review(at=at, **fields)
        with clock.set_to(at):
            notice_review_actions.publish(opportunity, by=self.officer)
        return opportunity

    @kept
    def proposal(self, opportunity, *, vendor=None, by=None, at=PUBLISHED_AT, **content) -> Proposal:
        """A draft proposal."""
        vendor = vendor or self.vendor
        by = by or vendor.memberships.filter(role="owner").earliest("pk").user
        made = draft_actions.start(opportunity, vendor, by=by, at=at)
        draft_actions.write(made, at=at, **({"text": "Nous ferons le travail.", "price_cents": 60_000_00} | content))
        return made

    @kept
    def submitted(self, opportunity, *, vendor=None, at=PUBLISHED_AT, key=None, **content) -> Proposal:
        made = self.proposal(opportunity, vendor=vendor, at=at, **content)
        self.deposit(made, at=at, key=key)
        return made

    @kept
    def deposit(self, proposal, *, at=PUBLISHED_AT, key=None, by=None):
        by = by or proposal.vendor.memberships.filter(role="owner").earliest("pk").user
        with clock.set_to(at):
            return deposit_actions.deposit(
                proposal,
                by=by,
                idempotency_key=key or uuid.uuid4(),
                integrity=True,
                no_collusion=True,
                lobbying="none",
                accept_terms=True,
            )

    @kept
    def opened(
        self, *, proposals=2, at=None, prices=(60_000_00, 55_000_00), **fields
    ) -> tuple[Opportunity, list[Proposal]]:
        """An occasion in evaluation, with one opened proposal of the vendor and, if 2, one of the rival."""
        opportunity = self.published(**fields)
        vendors = [self.vendor, self.rival][:proposals]
        made = [self.submitted(opportunity, vendor=v, price_cents=p) for v, p in zip(vendors, prices, strict=False)]
        with clock.set_to(at or opportunity.closes_at):
            assert opening_actions.open_if_due(opportunity.number)
        opportunity = Opportunity.objects.get(pk=opportunity.pk)
        return opportunity, [Proposal.objects.get(pk=p.pk) for p in made]

    @kept
    def score(self, proposal, value="80", *, at=CLOSES_AT, by=None, comment="", seen=0):
        with clock.set_to(at):
            criteria = proposal.opportunity.criteria.all()
            if criteria:
                values = {c.pk: (Decimal(value), comment) for c in criteria}
                evaluation_actions.score(proposal, by=by or self.buyer, values=values, seen=seen)

    @kept
    def admit(self, proposal, *, at=CLOSES_AT):
        with clock.set_to(at):
            evaluation_actions.admit(proposal, by=self.buyer)

    @kept
    def scored(self, *, values=("90", "80"), **fields) -> tuple[Opportunity, list[Proposal]]:
        opportunity, proposals = self.opened(**fields)
        for proposal, value in zip(proposals, values, strict=False):
            self.admit(proposal)
            self.score(proposal, value)
        return opportunity, proposals

    @kept
    def unveiled(self, *, at=CLOSES_AT + timedelta(days=1), **fields) -> tuple[Opportunity, list[Proposal]]:
        """All scored, and prices shown; where the mode has none to unveil, as `scored`."""
        opportunity, proposals = self.scored(**fields)
        self.unveil(opportunity, at=at)
        return opportunity, [Proposal.objects.get(pk=p.pk) for p in proposals]

    @kept
    def unveil(self, opportunity, *, at=CLOSES_AT + timedelta(days=1)):
        if opportunity.prices_wait:
            with clock.set_to(at):
                price_actions.unveil(opportunity, by=self.buyer)

    @kept
    def ask_reexamination(self, proposal, value="85", *, by=None, reason="Une annexe n’avait pas été lue.", comment=""):
        """A buyer asks that frozen notes change."""
        last = proposal.notes_versions.order_by("-number").first()
        values = {c.pk: (Decimal(value), comment) for c in proposal.opportunity.criteria.all()}
        seen = last.number if last else 0
        return reexamination_actions.ask(proposal, by=by or self.buyer, reason=reason, values=values, seen=seen)

    @kept
    def recommended(self, **fields) -> tuple[Opportunity, list[Proposal]]:
        opportunity, proposals = self.unveiled(**fields)
        with clock.set_to(CLOSES_AT + timedelta(days=1)):
            first = award_actions.lines(opportunity)[0].proposal
            award_actions.recommend(opportunity, first, by=self.buyer)
        return opportunity, proposals

    @kept
    def awarded(self, **fields) -> tuple[Opportunity, list[Proposal]]:
        opportunity, proposals = self.recommended(**fields)
        with clock.set_to(CLOSES_AT + timedelta(days=2)):
            award_actions.confirm(opportunity, by=self.officer)
        return opportunity, [Proposal.objects.get(pk=p.pk) for p in proposals]


@kept
def everybody() -> Cast:
    return Cast()


def closing(day: date, hour: int = 14) -> datetime:
    """A closing instant at a local hour."""
    return to_utc(datetime(day.year, day.month, day.day, hour))  # noqa: DTZ001 - local by definition
