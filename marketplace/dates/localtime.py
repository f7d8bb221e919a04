"""Time for people: America/Toronto, in French or English. The database keeps UTC.

Every function takes aware datetimes (a naive one raises TypeError: it does not say when it is) and writes a date or an
hour with fixed spaces inside « 14 h 00 (HNE) » and "2:00 p.m. (EST)". `lang` defaults to the active language.
Names are kept here, not in the catalogue, so that a mail or a file in the reader's language needs no activation.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import get_language
from django.utils.translation import gettext as _

ZONE = ZoneInfo("America/Toronto")
NBSP = "\u00a0"

_FR_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_EN_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FR_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_EN_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_FR_SHORT = ("janv.", "févr.", "mars", "avril", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc.")
_EN_SHORT = ("Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
_UNITS = {
    "fr": {86_400: ("jour", "jours"), 3_600: ("heure", "heures"), 60: ("minute", "minutes")},
    "en": {86_400: ("day", "days"), 3_600: ("hour", "hours"), 60: ("minute", "minutes")},
}


class NonexistentLocalTime(ValueError):
    """A local time skipped by the change to daylight saving time."""


class AmbiguousLocalTime(ValueError):
    """A local time that happens twice, when nothing says which of the two is meant."""


def language(lang: str | None = None) -> str:
    """Which of the two languages to write, "en" or "fr" (the source language); `lang` defaults to the active one."""
    return "en" if (lang or get_language() or "fr").lower().startswith("en") else "fr"


def local(moment: datetime) -> datetime:
    """The same instant in America/Toronto; raises TypeError for a naive datetime."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise TypeError("an aware datetime is needed: a naive one does not say when it is")
    return moment.astimezone(ZONE)


def is_ambiguous(local_naive: datetime) -> bool:
    """Whether this local time happens twice (the hour repeated in the fall)."""
    first, second = (local_naive.replace(tzinfo=ZONE, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return first > second


def to_utc(local_naive: datetime, *, fold: int | None = None) -> datetime:
    """The UTC instant of a time read on a clock in Québec.

    `fold` tells which of two equal times is meant (0: the first, daylight time; 1: the second, standard time) and is
    ignored when there is only one. Raises TypeError when the datetime is already aware, NonexistentLocalTime,
    AmbiguousLocalTime when `fold` is None, or ValueError at the very ends of the calendar.
    """
    if not isinstance(local_naive, datetime) or local_naive.tzinfo is not None:
        raise TypeError("a naive local datetime is needed")
    typed = local_naive.replace(fold=0)
    try:
        candidate = typed.replace(tzinfo=ZONE, fold=fold or 0).astimezone(UTC)
        back = candidate.astimezone(ZONE).replace(tzinfo=None, fold=0)
    except OverflowError as error:
        raise ValueError(_("Cette date est hors des limites du calendrier.")) from error
    if back != typed:
        raise NonexistentLocalTime(
            _("Cette heure n’existe pas : ce jour-là, on avance l’heure. Choisissez une autre heure.")
        )
    if fold is None and is_ambiguous(typed):
        raise AmbiguousLocalTime(
            _("Cette heure existe deux fois ce jour-là, car on recule l’heure. Choisissez HAE ou HNE.")
        )
    return candidate


def offset_name(moment: datetime, lang: str | None = None) -> str:
    """« HAE » or « HNE » in French, "EDT" or "EST" in English."""
    summer = bool(local(moment).dst())
    if language(lang) == "en":
        return "EDT" if summer else "EST"
    return "HAE" if summer else "HNE"


def _date(day: date, lang: str, *, months: Sequence[str] = (), year: bool = True) -> str:
    if lang == "en":
        return f"{(months or _EN_MONTHS)[day.month - 1]} {day.day}" + (f", {day.year}" if year else "")
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {(months or _FR_MONTHS)[day.month - 1]}" + (f" {day.year}" if year else "")


def _english_hour(moment: datetime) -> tuple[int, str]:
    return moment.hour % 12 or 12, NBSP + ("a.m." if moment.hour < 12 else "p.m.")


def _hour(moment: datetime, lang: str) -> str:
    if lang == "en":
        hour, half = _english_hour(moment)
        return f"{hour}:{moment:%M}{half}"
    return f"{moment.hour}{NBSP}h{NBSP}{moment:%M}"


def day(value: date, lang: str | None = None) -> str:
    """« 22 novembre 2026 » or "November 22, 2026"; an aware datetime gives its day in Québec."""
    return _date(local(value) if isinstance(value, datetime) else value, language(lang))


def moment(value: datetime, lang: str | None = None) -> str:
    """« 22 novembre 2026, 10 h 02 (HNE) » or "November 22, 2026, 10:02 a.m. (EST)"."""
    here, lang = local(value), language(lang)
    return f"{_date(here, lang)}, {_hour(here, lang)}{NBSP}({offset_name(here, lang)})"


def deadline(value: datetime, lang: str | None = None) -> str:
    """« mardi 24 novembre 2026, 14 h 00 (HNE) » or "Tuesday, November 24, 2026, 2:00 p.m. (EST)"."""
    here, lang = local(value), language(lang)
    weekday = f"{_EN_DAYS[here.weekday()]}, " if lang == "en" else f"{_FR_DAYS[here.weekday()]} "
    return weekday + moment(here, lang)


def moment_exact(value: datetime, lang: str | None = None) -> str:
    """« 22 novembre 2026, 10 h 02 min 17,384 s (HNE) » or "November 22, 2026, 10:02:17.384 a.m. (EST)".

    Milliseconds are cut, not rounded: what came before a closing instant never reads as having come at it.
    """
    here, lang = local(value), language(lang)
    thousandths = f"{here.microsecond // 1000:03}"
    if lang == "en":
        hour, half = _english_hour(here)
        clock = f"{hour}:{here:%M:%S}.{thousandths}{half}"
    else:
        clock = f"{_hour(here, lang)}{NBSP}min{NBSP}{here:%S},{thousandths}{NBSP}s"
    return f"{_date(here, lang)}, {clock}{NBSP}({offset_name(here, lang)})"


def short(value: datetime, lang: str | None = None) -> str:
    """« 24 nov., 14 h (HNE) » or "Nov. 24, 2 p.m. (EST)", for narrow lists."""
    here, lang = local(value), language(lang)
    zone = f"{NBSP}({offset_name(here, lang)})"
    if lang == "en":
        hour, half = _english_hour(here)
        clock = f"{hour}:{here:%M}{half}" if here.minute else f"{hour}{half}"
        return f"{_date(here, lang, months=_EN_SHORT, year=False)}, {clock}{zone}"
    clock = _hour(here, lang) if here.minute else f"{here.hour}{NBSP}h"
    return f"{_date(here, lang, months=_FR_SHORT, year=False)}, {clock}{zone}"


def short_day(value: date, lang: str | None = None) -> str:
    """« 24 nov. » or "Nov. 24"; an aware datetime gives its day in Québec."""
    lang = language(lang)
    here = local(value) if isinstance(value, datetime) else value
    return _date(here, lang, months=_EN_SHORT if lang == "en" else _FR_SHORT, year=False)


URGENT = timedelta(hours=48)  # before a closing: what pages show in amber, and nothing else


def countdown(until: datetime, now: datetime, lang: str | None = None) -> str:
    """Time left in at most two units, cut to the minute: « 2 jours 4 heures », « moins d’une minute », « terminé ».

    A day is 24 elapsed hours. A fixed space ties each number to its unit.
    """
    lang = language(lang)
    # In UTC: between two datetimes of one zone, Python subtracts the clock faces and forgets the change of hour.
    left = int((local(until).astimezone(UTC) - local(now).astimezone(UTC)) // timedelta(seconds=1))
    if left < 0 or until == now:
        return "ended" if lang == "en" else "terminé"
    if left < 60:
        return "less than a minute" if lang == "en" else "moins d’une minute"
    sizes = (86_400, 3_600) if left >= 86_400 else (3_600, 60)
    parts = []
    for size in sizes:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number}{NBSP}{_UNITS[lang][size][number > 1]}")
    return " ".join(parts)
