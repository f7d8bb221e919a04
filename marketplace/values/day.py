"""A day, and an hour, as people write them; days of the calendar are marketplace/dates/."""

import re
from datetime import date, time

from django.utils.translation import gettext as _

from marketplace.search import fold
from marketplace.values.signs import plain, shown

_DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday saturday sunday"
_WEEKDAY = re.compile(rf"^(?:le )?(?:(?:{_DAYS.replace(' ', '|')})\b,? ?)?(?:le )?")
_MIDNIGHT = re.compile(r"(?:t| |, ?)0{1,2}:00(?::00(?:\.0+)?)?z?$")  # spreadsheets write a day as its midnight
_ISO = re.compile(r"([0-9]{4}) ?[-/. ] ?([0-9]{1,2}) ?[-/. ] ?([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMBERS = re.compile(r"([0-9]{1,2}) ?[-/. ] ?([0-9]{1,2}) ?[-/. ] ?([0-9]{4})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2} ?[-/. ] ?[0-9]{1,2} ?[-/. ] ?[0-9]{2}")
_DAY_MONTH = re.compile(r"([0-9]{1,2})(?:er|st|nd|rd|th)?[ -]([a-z]{3,9})\.?,?(?:[ -]([0-9]{4}))?")
_MONTH_DAY = re.compile(r"([a-z]{3,9})\.?[ -]([0-9]{1,2})(?:er|st|nd|rd|th)?(?:,? ?([0-9]{4}))?")
_FRENCH = "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre"
_ENGLISH = "january february march april may june july august september october november december"
_MONTHS = (_FRENCH.split(" "), _ENGLISH.split(" "))
_MINUTES = r"([0-9]{2})(?: ?min| ?m)?(?:[: ] ?([0-9]{2})(?:\.0+)?(?: ?s)?)?"
_CLOCK = re.compile(rf"([0-9]{{1,2}}) ?(?:h|:|heures?) ?(?:{_MINUTES})?")
_TWELVE = re.compile(r"([0-9]{1,2})(?: ?[:h] ?([0-9]{2}))? ?([ap])\.? ?m\.?")


def read(text: str) -> date:
    """The day of « 2026-11-24 », « 24 novembre 2026 », « November 24, 2026 », « 24/11/2026 ».

    ValueError, with a sentence, for whatever else; for « 03/04/2026 » too, which is read in two ways in Québec.
    """
    typed = _MIDNIGHT.sub("", fold(plain(text))).strip(" ,;.")
    typed = _WEEKDAY.sub("", typed)
    if not typed:
        raise ValueError(_("Entrez une date."))
    if match := _ISO.fullmatch(typed):
        return _made(text, *(match.group(1, 2, 3) if match[1] else match.group(4, 5, 6)))
    if match := _NUMBERS.fullmatch(typed):
        first, second, year = match.groups()
        if int(first) <= 12 and int(second) <= 12 and int(first) != int(second):
            ways = {
                "typed": shown(text), "one": _iso(year, second, first), "other": _iso(year, first, second),
            }  # fmt: skip
            raise ValueError(
                _("Date ambiguë : « %(typed)s » se lit de deux façons. Écrivez %(one)s ou %(other)s.") % ways
            )
        return _made(text, year, *((second, first) if int(first) > 12 else (first, second)))
    if _SHORT_YEAR.fullmatch(typed):
        raise ValueError(_("Écrivez l’année en quatre chiffres, par exemple 2026-11-24."))
    named = None
    if match := _DAY_MONTH.fullmatch(typed):
        named = (match[3], _month(match[2]), match[1])
    elif match := _MONTH_DAY.fullmatch(typed):
        named = (match[3], _month(match[1]), match[2])
    if named is None or named[1] is None:
        raise ValueError(_("Entrez une date valide, par exemple 2026-11-24."))
    if named[0] is None:
        raise ValueError(_("Il manque l’année : écrivez la date ainsi, 2026-11-24."))
    return _made(text, *named)


def hour(text: str) -> time:
    """The hour of « 14:00 », « 14 h », « 14 h 30 », « 2:00 p.m. », « midi ». ValueError, with a sentence, otherwise."""
    typed = fold(plain(text)).strip(" ,;.")
    if not typed:
        raise ValueError(_("Entrez une heure."))
    if typed in {"midi", "noon"}:
        return time(12)
    try:
        if match := _TWELVE.fullmatch(typed):
            hours = int(match[1])
            if not 1 <= hours <= 12:
                raise ValueError
            return time(hours % 12 + (12 if match[3] == "p" else 0), int(match[2] or 0))
        if match := _CLOCK.fullmatch(typed):
            return time(int(match[1]), int(match[2] or 0), int(match[3] or 0))
    except ValueError:  # 25 h, 14 h 75
        raise ValueError(_("Cette heure n’existe pas : de 00:00 à 23:59.")) from None
    raise ValueError(_("Entrez une heure valide, par exemple 14:00."))


def _month(word: str) -> int | None:
    """The number of the only month whose name starts so, in French or in English."""
    months = {names.index(name) + 1 for names in _MONTHS for name in names if name.startswith(word)}
    return months.pop() if len(months) == 1 else None


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{int(month):02}-{int(day):02}"


def _made(text: str, year: object, month: object, day: object) -> date:
    try:
        return date(int(str(year)), int(str(month)), int(str(day)))
    except ValueError:
        raise ValueError(_("Cette date n’existe pas : « %s ».") % shown(text)) from None
