"""The demo's audits, through the public verbs (see story.py): monitorings, a review of an award, a sample."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from audit.cases import actions as case_actions
from audit.enums import Checked, Sampling
from audit.models import Monitoring
from audit.reviews import actions as review_actions
from audit.reviews import facts as review_facts
from audit.samples import actions as sample_actions
from demo import people as cast
from demo.timeline import Timeline, instant
from marketplace.dates import clock
from marketplace.dates.calendar import add_business_days
from marketplace.dates.localtime import local
from marketplace.files import uploads
from marketplace.models import User
from opportunities.models import Opportunity


class MonitoringStory:
    """One case, act by act, as stories.toml tells it. Days are counted from today."""

    def __init__(
        self,
        data: dict[str, Any],
        auditor: User,
        staff: cast.Staff,
        timeline: Timeline,
        opportunity_pk: Callable[[], int],
        *,
        minute: int,
    ) -> None:
        self.data, self.auditor, self.staff = data, auditor, staff
        self.timeline, self.minute = timeline, minute
        self.opportunity_pk = opportunity_pk  # a function: the occasion is written later than this story

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring.objects.get(opportunity=self.opportunity_pk())

    def schedule(self) -> None:
        after: datetime | None = None  # holidays move days, and each act follows another
        for act in self.data["acts"]:
            moment = instant(self.timeline.day(act["day"]), time(13, self.minute))
            after = max(moment, after + timedelta(minutes=20)) if after else moment
            self.timeline.at(after, partial(self._play, act))

    def _play(self, act: dict[str, Any]) -> None:
        kind, text = act["act"], act["text"]
        files = [self._document(*act["file"])] if "file" in act else []
        by = self.staff.officer if kind in ("answer", "announce_remedy") else self.auditor
        if kind == "open":
            occasion = Opportunity.objects.get(pk=self.opportunity_pk())
            case_actions.open_(occasion, by=by, title=self.data["title"], text=text, files=files)
            return
        more: dict[str, Any] = {"due_on": self._due(act["due"])} if "due" in act else {}
        if kind == "conclude":
            more["finding"] = "due" in act
        getattr(case_actions, kind)(self.monitoring, by=by, text=text, files=files, **more)

    def _due(self, offset: int) -> date:
        """That day, or the first that leaves enough business days where holidays moved the act."""
        today = local(clock.now()).date()
        return max(self.timeline.day(offset), add_business_days(today, case_actions.LEAST_BUSINESS_DAYS))

    def _document(self, name: str, text: str) -> tuple[bytes, dict[str, Any]]:
        return uploads.checked(SimpleUploadedFile(name, text.encode()), field="files")


def review(opportunity_pk: int, data: dict[str, Any], *, by: User) -> None:
    """An officer who neither recommended nor confirmed the award reads its checklist, and signs a conclusion."""
    award = review_facts.awards().standing().get(opportunity=opportunity_pk)
    seen = review_actions.fingerprint(review_actions.computed(award, at=clock.now()))
    review_actions.conclude(award, by=by, method="password", seen=seen, **data)


def sample(*, by: User) -> None:
    """An auditor draws three awards at random, and has examined one of them."""
    today = local(clock.now()).date()
    plan = sample_actions.draw(
        by=by, title="Attributions des quatre derniers mois", method=Sampling.RANDOM,
        since=today - timedelta(days=120), until=today, size=3,
    )  # fmt: skip
    # Of five awards, two have a case that is closed: among three, one at least has a case that goes on.
    retained = Opportunity.objects.filter(number__in=plan.picks).order_by("number")
    occasion = next(one for one in retained if sample_actions.cases_of(plan, one).exists())
    note = "Avis, grille et procès-verbal relus : la vérification en cours porte sur le seul point douteux."
    sample_actions.examine(plan, occasion, by=by, result=Checked.CASE_OPENED, note=note)
