"""Numbers that are not money: whole ones, decimals, notes out of 100."""

import re
from decimal import Decimal

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown

LARGEST = 2**63 - 1  # what a column of the database holds
MOST_DIGITS = 19  # of that number; and what int() reads in no time
_GROUPED = re.compile(r"[+-]?(?:[0-9]{1,3}(?: [0-9]{3})+|[0-9]{1,3}(?:'[0-9]{3})+|[0-9]+)(?:[.,](?P<decimals>[0-9]+))?")
_UNIT = re.compile(r" ?%$")
_OUT_OF = re.compile(r" ?/ ?100$")


def whole(text: str) -> int:
    """« 45 », « 1 234 », « 45,0 », « 45 % ». ValueError, with a sentence, for whatever else."""
    number = _UNIT.sub("", plain(text))
    if not number:
        raise ValueError(_("Entrez un nombre."))
    match = _GROUPED.fullmatch(number)
    if match is None:
        raise ValueError(_("Entrez un nombre entier : « %s » n’en est pas un.") % shown(text))
    if (match["decimals"] or "").strip("0"):
        raise ValueError(_("Entrez un nombre entier, sans décimales."))
    digits = re.sub("[ ']|[.,].*", "", number).lstrip("+-0") or "0"
    if len(digits) > MOST_DIGITS or int(digits) > LARGEST:
        raise ValueError(_("Ce nombre est trop grand."))
    return -int(digits) if number.startswith("-") else int(digits)


def fractional(text: str) -> Decimal:
    """A number that may have decimals, after a comma or a point. ValueError, with a sentence, for whatever else."""
    number = _UNIT.sub("", plain(text))
    if not number:
        raise ValueError(_("Entrez un nombre."))
    if _GROUPED.fullmatch(number) is None:
        raise ValueError(_("Entrez un nombre : « %s » n’en est pas un.") % shown(text))
    if len(number) > 2 * MOST_DIGITS:
        raise ValueError(_("Ce nombre est trop grand."))
    return Decimal(number.replace(" ", "").replace("'", "").replace(",", "."))


def score(text: str) -> Decimal:
    """A note from 0 to 100, two decimals at most: « 80 », « 70,5 », « 80/100 ». Or ValueError with a sentence."""
    number = _OUT_OF.sub("", plain(text))
    if not number:
        raise ValueError(_("Entrez une note."))
    match = re.fullmatch(r"\+?([0-9]+)(?:[.,]([0-9]+))?", number)
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
