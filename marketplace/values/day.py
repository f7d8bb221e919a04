"""A day, and an hour, as people write them; days of the calendar are marketplace/dates/."""

import re
from datetime import date, time

from django.utils.translation import gettext as _

from marketplace.search import fold
from marketplace.values.signs import plain, shown, unquoted

_WEEKDAYS = (
    "lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday friday saturday sunday"
)
# Spreadsheets write a day as its midnight, here or at Greenwich.
_MIDNIGHT = re.compile(
    r"(?:(?<=[0-9])t|,? )(?:0{1,2}:00(?::00(?:\.0+)?)?|12:00(?::00)? ?a\.?m\.?)"
    r"(?:z|[+-][0-9]{2}:?[0-9]{2})?(?= |$)"
)
_ISO = re.compile(r"([0-9]{4}) ?[-/. _] ?([0-9]{1,2}) ?[-/. _] ?([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_NUMBERS = re.compile(r"([0-9]{1,2}) ?[-/. _] ?([0-9]{1,2}) ?[-/. _] ?([0-9]{4})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2} ?[-/. ] ?[0-9]{1,2} ?[-/. ] ?[0-9]{2}")
_TOKEN = re.compile(r"[0-9]+|[a-z]+|°")
_SMALL = "le la the of on er st nd rd th e °"  # « le 1er », « 1° », « the 1st of December »
_FIRST = frozenset(("premier", "first"))
_FRENCH = "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre"
_ENGLISH = "january february march april may june july august september october november december"
_MONTHS = (_FRENCH.split(" "), _ENGLISH.split(" "))
_MINUTES = r"(?:et )?([0-9]{2})(?: ?min(?:utes)?| ?m)?(?:[: ] ?([0-9]{2})(?:\.0+)?(?: ?s)?)?"
_CLOCK = re.compile(rf"([0-9]{{1,2}}) ?(?:h|:|heures?|hre?s?) ?(?:{_MINUTES})?|([0-9]{{1,2}})\.([0-9]{{2}})")
_TWELVE = re.compile(r"([0-9]{1,2})(?: ?[:h.] ?([0-9]{2}))? ?([ap])\.? ?m\.?")
_ZONE = re.compile(r"[ (]+(?:hne|hae|he|est|edt|et)\)?$")  # Québec's own, whatever the season: the field is in its time


def read(text: str) -> date:
    """The day of « 2026-11-24 », « 24 novembre 2026 », « November 24, 2026 », « 24/11/2026 ».

    ValueError, with a sentence, for whatever else; for « 03/04/2026 » too, which is read in two ways in Québec.
    """
    typed = _MIDNIGHT.sub("", fold(unquoted(plain(text)))).strip(" ,;.")
    typed = _without_weekday(typed)
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
        raise ValueError(_short_year())
    return _named(text, typed)


def _without_weekday(typed: str) -> str:
    """« mardi 2026-12-01 », « 2026-12-01 (mardi) »: a date in digits and its day."""
    numbers = re.sub(
        r"[a-z]+\.?", lambda word: " " if _is_weekday(word[0]) or word[0] in _SMALL.split() else word[0], typed
    )
    return numbers.strip(" ,()") if not re.search("[a-z]", numbers) else typed


def _named(text: str, typed: str) -> date:
    """A date whose month is a word, in whatever order: « mar. 1er déc. 2026 », « Tue, Dec 1, 2026 », « 01DEC2026 »."""
    invalid = ValueError(_("Entrez une date valide, par exemple 2026-11-24."))
    if re.search(r"[^a-z0-9 .,()/°'-]", typed):
        raise invalid
    tokens = ["1" if token in _FIRST else token for token in _TOKEN.findall(typed) if token not in _SMALL.split()]
    words, numbers = [token for token in tokens if token.isalpha()], [token for token in tokens if token.isdigit()]
    months = [word for word in words if _month(word)]
    if len(months) > 1:  # « mar. » is Tuesday, beside another month
        months = [word for word in months if not _is_weekday(word)]
    if len(months) != 1 or any(not _is_weekday(word) for word in words if word not in months):
        raise invalid
    years, days = [n for n in numbers if len(n) == 4], [n for n in numbers if len(n) <= 2]
    if len(days) == 1 and not years and len(numbers) == 1:
        raise ValueError(_("Il manque l’année : écrivez la date ainsi, 2026-11-24."))
    if len(days) == 2 and not years:
        raise ValueError(_short_year())
    if len(days) != 1 or len(years) != 1 or len(numbers) != 2:
        raise invalid
    return _made(text, years[0], _month(months[0]), days[0])


def _is_weekday(word: str) -> bool:
    short = word.rstrip(".")
    return len(short) >= 3 and any(name.startswith(short) for name in _WEEKDAYS.split(" "))


def _short_year() -> str:
    return _("Écrivez l’année en quatre chiffres, par exemple 2026-11-24.")


def hour(text: str) -> time:
    """The hour of « 14:00 », « 14 h », « 14 h 30 », « 2:00 p.m. », « midi ». ValueError, with a sentence, otherwise."""
    typed = _ZONE.sub("", fold(unquoted(plain(text))).strip(" ,;.")).removeprefix("a ")
    if not typed:
        raise ValueError(_("Entrez une heure."))
    if typed in {"midi", "noon"}:
        return time(12)
    if typed in {"minuit", "midnight"}:
        raise ValueError(_("Minuit commence un jour ou le finit : écrivez 00:00 ou 23:59."))
    try:
        if match := _TWELVE.fullmatch(typed):
            hours = int(match[1])
            if not 1 <= hours <= 12:
                raise ValueError
            return time(hours % 12 + (12 if match[3] == "p" else 0), int(match[2] or 0))
        if match := _CLOCK.fullmatch(typed):
            return time(int(match[1] or match[4]), int(match[2] or match[5] or 0), int(match[3] or 0))
    except ValueError:  # 25 h, 14 h 75
        raise ValueError(_("Cette heure n’existe pas : de 00:00 à 23:59.")) from None
    raise ValueError(_("Entrez une heure valide, par exemple 14:00."))


def _month(word: str) -> int | None:
    """The number of the only month whose name starts so (three letters at least), in French or in English."""
    if len(word) < 3:
        return None
    months = {names.index(name) + 1 for names in _MONTHS for name in names if name.startswith(word)}
    return months.pop() if len(months) == 1 else None


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{int(month):02}-{int(day):02}"


def _made(text: str, year: object, month: object, day: object) -> date:
    try:
        return date(int(str(year)), int(str(month)), int(str(day)))
    except ValueError:
        raise ValueError(_("Cette date n’existe pas : « %s ».") % shown(text)) from None
