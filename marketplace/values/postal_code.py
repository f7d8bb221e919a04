"""A Canadian postal code: « G8B 1A1 »."""

import re

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown, unquoted

# Postes Canada: no D, F, I, O, Q, U anywhere; no W, Z in first place.
_FIRST_HALF, _LAST_HALF = r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z]", r"[0-9][ABCEGHJ-NPRSTV-Z][0-9]"
_CODE = re.compile(_FIRST_HALF + _LAST_HALF)
# It tells itself from the other words of an address: « Québec (Québec)  G1R 2B5 », « G1R2B5, Canada ».
_AMONG_WORDS = re.compile(rf"(?<![^\W_]){_FIRST_HALF}[ .:,_-]{{0,3}}{_LAST_HALF}(?![^\W_])")
# Where a digit stands, no such letter can: they are what a hurried hand, or a scanner, makes of 0 and 1.
_DIGIT_LOOKALIKES = str.maketrans("OQIL", "0011")
_LETTER_PLACES = (0, 2, 4)


def read(text: str) -> str:
    """« G8B 1A1 » of « g8b1a1 », « G8B-1A1 », « g8b  1a1 »; ValueError, with a sentence, for whatever else."""
    typed = unquoted(plain(text)).upper()
    among = {re.sub(r"[^A-Z0-9]", "", found) for found in _AMONG_WORDS.findall(typed)}
    code = among.pop() if len(among) == 1 else re.sub(r"[ ._/-]", "", typed).strip(",;()")
    if len(code) == 6 and code.isascii():
        code = "".join(
            char if place in _LETTER_PLACES else char.translate(_DIGIT_LOOKALIKES) for place, char in enumerate(code)
        )
    if _CODE.fullmatch(code):
        return f"{code[:3]} {code[3:]}"
    if not code:
        raise ValueError(_("Entrez un code postal, par exemple G8B 1A1."))
    if len(code) != 6:
        message = _("Un code postal canadien s’écrit ainsi : G8B 1A1. Il a six signes; « %(typed)s » en a %(n)d.")
        raise ValueError(message % {"typed": shown(text), "n": len(code)})
    for place, char in enumerate(code):
        if place in _LETTER_PLACES and char not in "ABCEGHJKLMNPRSTVWXYZ":
            message = _("Un code postal canadien s’écrit ainsi : G8B 1A1. « %(sign)s » n’y est jamais une lettre.")
            raise ValueError(message % {"sign": char})
        if place not in _LETTER_PLACES and char not in "0123456789":
            message = _("Un code postal canadien s’écrit ainsi : G8B 1A1. « %(sign)s » devrait être un chiffre.")
            raise ValueError(message % {"sign": char})
    raise ValueError(_("Un code postal canadien s’écrit ainsi : G8B 1A1. Aucun ne commence par « %s ».") % code[0])
