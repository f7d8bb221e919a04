"""Numbers that are not money: whole ones, decimals, notes out of 100."""

import re
from decimal import Decimal

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown, unquoted

LARGEST = 2**63 - 1  # what a column of the database holds
MOST_DIGITS = 19  # of that number; and what int() reads in no time
_SIGN = r"(?P<sign>[+-]?) ?"
_WRITTEN = (
    # « 1 234,5 », « 1'234.5 », « ,5 », « 5, »; then « 1.234,5 » and « 1,234.5 », which only both signs tell.
    re.compile(
        rf"{_SIGN}(?P<units>[0-9]{{1,3}}(?: [0-9]{{3}})+|[0-9]{{1,3}}(?:'[0-9]{{3}})+|[0-9]+)"
        r"(?:[.,](?P<decimals>[0-9]*))?"
    ),
    re.compile(rf"{_SIGN}(?P<units>)[.,](?P<decimals>[0-9]+)"),
    re.compile(rf"{_SIGN}(?P<units>[0-9]{{1,3}}(?:\.[0-9]{{3}})+),(?P<decimals>[0-9]+)"),
    re.compile(rf"{_SIGN}(?P<units>[0-9]{{1,3}}(?:,[0-9]{{3}})+)\.(?P<decimals>[0-9]+)"),
)  # fmt: skip
_UNIT = re.compile(r" ?(?:%|pour ?cent|p\. ?(?:100|cent)|points?|pts?\.?)$", re.I)
_POINTS = re.compile(r" ?(?:points?|pts?\.?)$", re.I)  # a note out of 100 is not a percentage: « % » is asked about
_OUT_OF = re.compile(r" ?(?:/|sur|out of) ?100$", re.I)


def whole(text: str) -> int:
    """« 45 », « 1 234 », « 45,0 », « 45 % ». ValueError, with a sentence, for whatever else."""
    number = _bare(text)
    if not number:
        raise ValueError(_("Entrez un nombre."))
    match = _written(number)
    if match is None:
        raise ValueError(_("Entrez un nombre entier : « %s » n’en est pas un.") % shown(text))
    if (match["decimals"] or "").strip("0"):
        raise ValueError(_("Entrez un nombre entier, sans décimales."))
    digits = re.sub("[^0-9]", "", match["units"]).lstrip("0") or "0"
    if len(digits) > MOST_DIGITS or int(digits) > LARGEST:
        raise ValueError(_("Ce nombre est trop grand."))
    return -int(digits) if match["sign"] == "-" else int(digits)


def fractional(text: str) -> Decimal:
    """A number that may have decimals, after a comma or a point. ValueError, with a sentence, for whatever else."""
    number = _bare(text)
    if not number:
        raise ValueError(_("Entrez un nombre."))
    match = _written(number)
    if match is None:
        raise ValueError(_("Entrez un nombre : « %s » n’en est pas un.") % shown(text))
    if len(number) > 2 * MOST_DIGITS:
        raise ValueError(_("Ce nombre est trop grand."))
    units = re.sub("[^0-9]", "", match["units"]) or "0"
    return Decimal(f"{match['sign']}{units}.{match['decimals'] or 0}")


def _bare(text: str) -> str:
    """Without its unit, whatever was pasted around it."""
    return _UNIT.sub("", unquoted(plain(text)))


def _written(number: str) -> re.Match[str] | None:
    return next((match for way in _WRITTEN if (match := way.fullmatch(number))), None)


def score(text: str) -> Decimal:
    """A note from 0 to 100, two decimals at most: « 80 », « 70,5 », « 80/100 ». Or ValueError with a sentence."""
    number = _POINTS.sub("", _OUT_OF.sub("", unquoted(plain(text))))
    if not number:
        raise ValueError(_("Entrez une note."))
    match = re.fullmatch(r"\+? ?([0-9]+)(?: ?[.,] ?([0-9]*))?", number)
    if match is None:
        if re.fullmatch(r"- ?[0-9]+(?:[.,][0-9]+)?", number):
            raise ValueError(_("La note ne peut pas être négative."))
        raise ValueError(_("Entrez une note de 0 à 100, deux décimales au plus : 70,5 par exemple."))
    units, decimals = match[1].lstrip("0") or "0", (match[2] or "").rstrip("0")
    if len(decimals) > 2:
        raise ValueError(_("Une note a deux décimales au plus : 70,5 par exemple."))
    if len(units) > 3 or int(units) > 100 or (int(units) == 100 and decimals):
        raise ValueError(_("La note ne peut pas dépasser 100."))
    return Decimal(f"{units}.{decimals or 0}")
