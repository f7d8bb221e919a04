"""The demo: each occasion of stories.toml lived through the public verbs, all acts in the order of their instants.

Nothing is written past the verbs: what the demo shows is what the platform does. Instants are relative to now, on
business days, so that there is always something closing tomorrow.
"""

import tomllib
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from demo import audit_story, contract_story
from demo import people as cast
from demo.contract_story import ContractStory
from demo.timeline import CLOSING, Timeline, instant
from marketplace.dates.calendar import is_business_day, next_business_day
from marketplace.dates.localtime import local
from marketplace.models import User
from marketplace.search import fold
from opportunities.models import Criterion, Opportunity, Skill
from opportunities.review import actions as notice_review_actions
from proposals.award import actions as award_actions
from proposals.award import ranks
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import price_actions, reexamination_actions
from proposals.models import NoteReexamination, Proposal
from proposals.notice import actions as notice_actions
from proposals.opening import actions as opening_actions
from vendors.eligibility import actions as eligibility
from vendors.models import Vendor

RENEWED = timedelta(days=85)  # an attestation lasts three months, and the rest of the one in which it was issued
STORIES = Path(__file__).with_name("stories.toml")


def tell(now: datetime) -> None:
    """Everything: people, then stories. To be run in one transaction, with mails held."""
    stories = tomllib.loads(STORIES.read_text(encoding="utf-8"))["story"]
    timeline = Timeline(now)
    first = min(story["published"] for story in stories)
    start = instant(timeline.day(first - 30), time(9, 0))
    people = cast.create(at=start, story_bodies=[story["body"] for story in stories])
    _papers(people, timeline, start)
    contract_story.signatories(people, at=start)
    for number, data in enumerate(stories):
        Story(data, people, timeline, minute=number * 3 % 60).schedule()
    timeline.play()
    contract_story.payout_accounts(people)


def _papers(people: cast.People, timeline: Timeline, start: datetime) -> None:
    """The attestation of each firm, renewed before it ends, up to now."""

    def renew(vendor: Vendor, number: str, moment: datetime) -> None:
        owner = vendor.memberships.get(role="owner").user
        eligibility.declare(vendor, by=owner, number=number, issued_on=local(moment).date())

    while start < timeline.now:
        for rank, vendor in enumerate(people.vendors.values(), 1):
            number = f"DEMO-{local(start):%Y%m%d}-{rank:02d}"
            timeline.at(start, partial(renew, vendor, number, start))
        start += RENEWED


class Story:
    """One occasion and its proposals. `minute` keeps two stories from acting at the same instant."""

    def __init__(self, data: dict[str, Any], people: cast.People, timeline: Timeline, *, minute: int) -> None:
        self.data, self.people, self.timeline, self.minute = data, people, timeline, minute
        self.staff = people.staff[data["body"]]
        self.stage = data["stage"]
        self.published_day = timeline.day(data["published"])
        last = self.stage == "closed"
        self.closes_at = timeline.last_closing() if last else instant(timeline.day(data["closes"]), CLOSING)
        self.pk = 0  # until the occasion is written

    @property
    def opportunity(self) -> Opportunity:
        """Read again at each act: another may have moved it."""
        return Opportunity.objects.get(pk=self.pk)

    def schedule(self) -> None:
        """Put every act of this story on the timeline, as far as its stage goes."""
        at, day = self.timeline.at, self.published_day
        created = instant(self._before(day, 3), time(10, self.minute))
        at(created, partial(self._create, created))
        if self.stage == "draft":
            return
        at(instant(self._before(day, 1), time(15, self.minute)), self._submit_for_review)
        if self.stage == "in_review":
            return
        at(
            instant(day, time(9, self.minute)),
            lambda: notice_review_actions.publish(self.opportunity, by=self.staff.officer),
        )
        for index, proposal in enumerate(self.data.get("proposals", [])):
            self._schedule_proposal(proposal, index)
        if text := self.data.get("addendum"):
            moment = instant(self.timeline.day(-7), time(11, self.minute))
            at(moment, lambda: notice_actions.add_addendum(self.opportunity, by=self.staff.buyer, text=text))
        ending = {
            "suspended": self._schedule_suspension,
            "cancelled": self._schedule_cancellation,
            "published": lambda: None,
            "closed": lambda: None,  # the first page that shows it opens it
        }.get(self.stage, self._schedule_opening)
        ending()
        if monitoring := self.data.get("monitoring"):
            audit_story.MonitoringStory(
                monitoring,
                self.people.accounts["auditor"],
                self.staff,
                self.timeline,
                lambda: self.pk,
                minute=self.minute,
            ).schedule()

    # --- The notice --------------------------------------------------------------------------------------------------
    def _before(self, day: date, count: int) -> date:
        for _step in range(count):
            day -= timedelta(days=1)
            while not is_business_day(day):
                day -= timedelta(days=1)
        return day

    def _create(self, at: datetime) -> None:
        data, closing = self.data, local(self.closes_at).date()
        contact = self.staff.buyer
        opportunity = notice_review_actions.create(
            by=self.staff.buyer,
            body=self.people.bodies[data["body"]],
            at=at,
            title=data["title"],
            teaser=data["teaser"],
            description=data["description"].strip(),
            remote_description=data["remote"],
            location=data["location"],
            region=data["region"],
            budget_cents=data["budget"] * 100,
            code_licence=data["licence"],
            submission_info=data.get("submission", ""),
            acceptance_criteria=data["acceptance"].strip(),
            award_mode=data["mode"],
            k_percent=data.get("k"),
            contact_name=contact.name,
            contact_email=contact.email,
            questions_close_at=max(
                self.closes_at - timedelta(days=5), instant(self.published_day, CLOSING) + timedelta(days=1)
            ),
            closes_at=self.closes_at,
            assignment_date=next_business_day(closing + timedelta(days=14)),
            start_date=next_business_day(closing + timedelta(days=21)),
            completion_date=next_business_day(closing + timedelta(days=119)),
        )
        for name in data["skills"]:
            skill, _created = Skill.objects.get_or_create(folded=fold(name), defaults={"name": name})
            opportunity.skills.add(skill)
        for position, criterion in enumerate(data.get("criteria", [])):
            Criterion.objects.create(opportunity=opportunity, position=position, **criterion)
        self.pk = opportunity.pk

    def _submit_for_review(self) -> None:
        notice_review_actions.submit_for_review(self.opportunity, by=self.staff.buyer)

    # --- Proposals ---------------------------------------------------------------------------------------------------
    def _schedule_proposal(self, data: dict[str, Any], index: int) -> None:
        at = self.timeline.at
        moment = instant(self.timeline.day(data["day"]), time(10 + index, (self.minute * 7 + 11) % 60))
        # Never before the notice, never at or after the closing.
        moment = max(moment, instant(self.published_day, time(15, index)))
        moment = min(moment, self.closes_at - timedelta(minutes=20 + index))
        written = moment - timedelta(minutes=5)
        at(written, partial(self._write, data, written))
        if data.get("draft"):
            return
        at(moment, partial(self._deposit, data))
        later = moment + timedelta(hours=3)
        if "replaced" in data:
            later = max(later, instant(self.timeline.day(data["replaced"]), time(13, self.minute)))
            at(later, partial(self._replace, data, later))
        if "withdrawn" in data:
            at(later, lambda: deposit_actions.withdraw(self._proposal(data), by=self._owner(data)))

    def _owner(self, data: dict[str, Any]) -> User:
        return self._vendor(data).memberships.get(role="owner").user

    def _vendor(self, data: dict[str, Any]) -> Vendor:
        return self.people.vendors[data["vendor"]]

    def _proposal(self, data: dict[str, Any]) -> Proposal:
        return Proposal.objects.get(opportunity_id=self.pk, vendor=self._vendor(data))

    def _write(self, data: dict[str, Any], at: datetime) -> None:
        proposal = draft_actions.start(self.opportunity, self._vendor(data), by=self._owner(data), at=at)
        fields = {"price_cents": data["price"] * 100} if "price" in data else {}
        draft_actions.write(proposal, at=at, text=self._text(data), **fields)

    def _text(self, data: dict[str, Any]) -> str:
        promise = self.data["acceptance"].strip().splitlines()[0].removeprefix("- ")
        return "\n\n".join(
            [
                f"## Notre approche\n\n{data['approach']}",
                f"## Ce que nous démontrons d’abord\n\n> {promise}\n\nC’est le critère d’acceptation le plus risqué : "
                "notre première livraison, à la troisième semaine, permet de le vérifier avec vous.",
                f"## Qui nous sommes\n\n{cast.STRENGTHS[data['vendor']]}",
                "## Calendrier\n\nDémarrage dès la signature, une livraison utilisable toutes les deux semaines, "
                "puis deux semaines de transfert : documentation, formation, correction des écarts.",
            ]
        )

    def _deposit(self, data: dict[str, Any]) -> None:
        deposit_actions.deposit(
            self._proposal(data),
            by=self._owner(data),
            idempotency_key=uuid.uuid4(),
            integrity=True,
            no_collusion=True,
            lobbying="none",
            accept_terms=True,
        )

    def _replace(self, data: dict[str, Any], at: datetime) -> None:
        proposal = self._proposal(data)
        text = draft_actions.read(proposal)["text"] + "\n\n## Ajout\n\nNotre plan d’essais, précisé après l’addenda."
        draft_actions.write(proposal, at=at, text=text)
        self._deposit(data)

    # --- How it ends -------------------------------------------------------------------------------------------------
    def _schedule_suspension(self) -> None:
        moment = instant(self.timeline.day(self.data["suspended"]), time(11, self.minute))
        self.timeline.at(
            moment, lambda: award_actions.suspend(self.opportunity, by=self.staff.officer, reason=self.data["reason"])
        )

    def _schedule_cancellation(self) -> None:
        moment = instant(self.timeline.day(self.data["cancelled"]), time(11, self.minute))
        self.timeline.at(
            moment, lambda: award_actions.cancel(self.opportunity, by=self.staff.officer, reason=self.data["reason"])
        )

    def _schedule_opening(self) -> None:
        at, closing = self.timeline.at, local(self.closes_at).date()
        # The worker's beat, a few seconds after the closing.
        at(self.closes_at + timedelta(seconds=4), lambda: opening_actions.open_if_due(self.opportunity.number))

        def after(days: int, hour: int) -> datetime:
            return instant(next_business_day(closing + timedelta(days=days)), time(hour, self.minute))

        if self.stage == "unsuccessful":
            at(
                after(1, 10),
                lambda: award_actions.conclude(self.opportunity, by=self.staff.officer, code=self.data["code"]),
            )
            return
        for proposal in self.data["proposals"]:
            at(after(1, 10), partial(self._examine, proposal))
        if self.stage == "evaluation":
            return
        if change := self.data.get("reexamined"):
            self._schedule_reexamination(change, first=after(1, 10), days=[after(3, 9), after(4, 10), after(5, 11)])
        recommended = after(7, 14)
        at(recommended, self._recommend)
        # The holidays may move both to the same day.
        confirmed = max(after(9, 9), recommended + timedelta(hours=1))
        if self.stage == "awarded":
            at(confirmed, lambda: award_actions.confirm(self.opportunity, by=self.staff.second_officer))
        if review := self.data.get("review"):
            reviewed = max(after(12, 11), confirmed + timedelta(hours=2))
            at(reviewed, lambda: audit_story.review(self.pk, review, by=self.staff.officer))
        if contract := self.data.get("contract"):
            ContractStory(
                contract, self.staff, self.timeline, lambda: self.pk, minute=self.minute, after=confirmed
            ).schedule()

    def _examine(self, data: dict[str, Any]) -> None:
        proposal, by = self._proposal(data), self.staff.buyer
        if "rejected" in data:
            code, text = data["rejected"]
            evaluation_actions.reject(proposal, by=by, code=code, text=text)
        elif "scores" in data or data.get("admitted") or not proposal.opportunity.scores_quality:
            evaluation_actions.admit(proposal, by=by)
        if "scores" in data:
            criteria = list(proposal.opportunity.criteria.all())
            comments = data.get("comments", [""] * len(criteria))
            given = zip(criteria, data["scores"], comments, strict=True)
            evaluation_actions.score(proposal, by=by, values={c.pk: (Decimal(str(v)), text) for c, v, text in given})

    def _schedule_reexamination(self, data: dict[str, Any], *, first: datetime, days: list[datetime]) -> None:
        """Prices are unveiled, somebody sees a mistake in a note, somebody else agrees; each after what precedes it."""
        acts: list[Callable[[], Any]] = [
            self._unveil,
            partial(self._ask_reexamination, data),
            self._accept_reexamination,
        ]
        for act, day in zip(acts, days, strict=True):
            first = max(day, first + timedelta(hours=1))
            self.timeline.at(first, act)

    def _unveil(self) -> None:
        price_actions.unveil(self.opportunity, by=self.staff.second_buyer)

    def _ask_reexamination(self, data: dict[str, Any]) -> None:
        proposal, criteria = self._proposal(data), self.opportunity.criteria.all()
        given = zip(criteria, data["scores"], data["comments"], strict=True)
        values = {criterion.pk: (Decimal(str(value)), text) for criterion, value, text in given}
        reexamination_actions.ask(proposal, by=self.staff.buyer, reason=data["reason"], values=values, seen=1)

    def _accept_reexamination(self) -> None:
        request = NoteReexamination.objects.pending().get(proposal__opportunity=self.pk)
        reexamination_actions.accept(request, by=self.staff.second_buyer)

    def _recommend(self) -> None:
        opportunity = self.opportunity
        if opportunity.prices_wait:
            self._unveil()
            opportunity = self.opportunity
        first = ranks.lines(opportunity)[0]
        award_actions.recommend(opportunity, first.proposal, by=self.staff.second_buyer)
