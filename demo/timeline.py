"""When the demo's acts happen: on business days around today, played in the order of their instants."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from marketplace.dates import clock
from marketplace.dates.calendar import is_business_day, next_business_day
from marketplace.dates.localtime import local, to_utc

CLOSING = time(14, 0)
Act = Callable[[], Any]


def instant(day: date, hour: time) -> datetime:
    """A local hour of a day, in UTC. The hours used here exist once every day."""
    return to_utc(datetime.combine(day, hour))


class Timeline:
    """Acts to come, played in the order of their instants; none after now."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._acts: list[tuple[datetime, Act]] = []

    def day(self, offset: int) -> date:
        """The business day `offset` days from today: at or before it in the past, at or after it in the future."""
        day = local(self.now).date() + timedelta(days=offset)
        if offset > 0:
            return next_business_day(day)
        while not is_business_day(day):
            day -= timedelta(days=1)
        return day

    def last_closing(self) -> datetime:
        """The latest 14 h of a business day that has passed."""
        day = self.day(0)
        while not is_business_day(day) or instant(day, CLOSING) >= self.now:
            day -= timedelta(days=1)
        return instant(day, CLOSING)

    def at(self, moment: datetime, act: Act) -> None:
        # A holiday can push an act past now: it then happens just before now, still after what it follows.
        self._acts.append((min(moment, self.now - timedelta(minutes=2)), act))

    def play(self) -> None:
        for moment, act in sorted(self._acts, key=lambda pair: pair[0]):
            with clock.set_to(moment):
                act()
