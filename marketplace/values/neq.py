"""The number of a firm in Québec's register (NEQ): ten digits."""

import re

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown, unnamed

DIGITS = 10
# What the Registraire des entreprises issues today, as far as is known: 11 legal persons, 22 sole proprietors, 33
# partnerships and others, 88 government; then 4 to 9. A notice when it differs, never a refusal. No check digit is
# known: numbers of real firms fail Luhn's.
_USUAL = re.compile(r"(?:11|22|33|88)[4-9][0-9]{7}")
# « NEQ », « No », « Numéro d'entreprise du Québec (NEQ) », « REQ », « Quebec enterprise number », « N E Q ».
_NAMES = (
    "neq no n° numero num matricule d entreprise entreprises du de des quebec req registre registraire qen enterprise "
    "number id n e q"
)
_BETWEEN = re.compile(r"[ ./_,'·•-]")
_DECIMALS = re.compile(r"(?<=[0-9]{10})[.,]0{1,2}$")  # a spreadsheet took it for an amount


def read(text: str) -> str:
    """The ten digits of « 1161-234-567 », « NEQ : 1161 234 567 »; ValueError, with a sentence, for whatever else."""
    digits = _BETWEEN.sub("", _DECIMALS.sub("", unnamed(plain(text), _NAMES)))
    if not digits:
        raise ValueError(_("Le NEQ a dix chiffres."))
    strange = next((char for char in digits if char not in "0123456789"), "")
    if strange:
        message = _("« %(sign)s » n’en est pas un dans « %(typed)s ».")
        raise ValueError(_("Le NEQ a dix chiffres.") + " " + message % {"sign": strange, "typed": shown(text)})
    if len(digits) == 9:
        message = _("Il y en a neuf ici, comme dans un numéro d’entreprise fédéral.")
        raise ValueError(_("Le NEQ a dix chiffres.") + " " + message)
    if len(digits) != DIGITS:
        raise ValueError(_("Le NEQ a dix chiffres.") + " " + _("Il y en a %d ici.") % len(digits))
    return digits


def usual(number: str) -> bool:
    """Whether these ten digits are of a series that is known to be issued."""
    return bool(_USUAL.fullmatch(number))
