"""Numbers that tax authorities give: of TPS, of TVQ, of an attestation de Revenu Québec."""

import re

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown, unnamed

_TPS, _TVQ = re.compile(r"([0-9]{9})RT([0-9]{4})"), re.compile(r"([0-9]{10})TQ([0-9]{4})")
# « No de TPS », « TPS/TVH », « GST Number », « No d'inscription TPS », « Numéro de TVQ ».
_NAMES = (
    "tps tvh gst hst tvq qst ne bn no n° numero num number d de l la inscription enregistrement registration compte "
    "account entreprise"
)
_ATTESTATION_NAMES = "attestation no n° numero num number d de du l la revenu revenus quebec from"
_BETWEEN = re.compile(r"[ ./_-]")
_ATTESTATION = re.compile(r"[A-Z0-9][A-Z0-9-]{4,28}[A-Z0-9]")


def tps(text: str) -> str:
    """« 123456789 RT0001 ». ValueError, with a sentence, for whatever else."""
    right = _("Un numéro de TPS s’écrit 123456789 RT0001.")
    missing = _("Il manque « RT » et quatre chiffres.")
    return _numbered(text, _TPS, "RT", right, missing, other=_TVQ, taken=_("« %s » est un numéro de TVQ."))


def tvq(text: str) -> str:
    """« 1234567890 TQ0001 ». ValueError, with a sentence, for whatever else."""
    right = _("Un numéro de TVQ s’écrit 1234567890 TQ0001.")
    missing = _("Il manque « TQ » et quatre chiffres.")
    return _numbered(text, _TVQ, "TQ", right, missing, other=_TPS, taken=_("« %s » est un numéro de TPS."))


def _numbered(
    text: str, own: re.Pattern[str], letters: str, right: str, missing: str, *, other: re.Pattern[str], taken: str
) -> str:
    """The digits, the letters, the digits of `own`. right: how it is written; missing: said of its first digits alone;
    taken: said of the other tax's number."""
    number = _packed(text)
    if match := own.fullmatch(number):
        return f"{match[1]} {letters}{match[2]}"
    if not number:
        raise ValueError(right)
    if other.fullmatch(number):
        raise ValueError(right + " " + taken % shown(text))
    if own.fullmatch(f"{number}{letters}0001"):
        raise ValueError(right + " " + missing)
    raise ValueError(right + " " + _in_it(number, letters))


def attestation(text: str) -> str:
    """« ABC-123456 »: capitals without spaces, with its dashes. ValueError, with a sentence, for whatever else."""
    number = unnamed(plain(text), _ATTESTATION_NAMES, touching=False).replace(" ", "").upper()
    right = _("Le numéro compte de 6 à 30 lettres, chiffres et traits d’union.")
    if _ATTESTATION.fullmatch(number):
        return number
    strange = next((char for char in number if not re.fullmatch(r"[A-Z0-9-]", char)), "")
    if strange:
        raise ValueError(right + " " + _("« %s » n’en est pas un signe.") % strange)
    raise ValueError(right)


def _packed(text: str) -> str:
    return _BETWEEN.sub("", unnamed(plain(text), _NAMES).upper())


def _in_it(number: str, letters: str) -> str:
    """What is wrong: how many digits stand before the letters and after them, or which letters are missing."""
    before, found, after = number.partition(letters)
    if not found:
        return _("« %s » n’y est pas.") % letters
    counts = {"before": sum(char.isdigit() for char in before), "after": sum(char.isdigit() for char in after)}
    return _("Ici, %(before)d chiffres avant les lettres et %(after)d après.") % counts
