"""A telephone number, and its extension."""

import re

from django.utils.translation import gettext as _

from marketplace.values.signs import plain, shown, unnamed

MOST = 30  # characters of what `read` answers
_EXTENSION_DIGITS = 6
# What comes before an extension, longest first.
_EXTENSION = re.compile(
    r"[ ,;(/\[-]*(?:(?<![a-z])(?:(?:le |au )?(?:postes?|pst|post|ptes?|extensions?|ext|interne|int|p|x)(?![a-z]) ?"
    r"(?:t[ée]l[ée]phonique)?) ?[.:]?|#|;ext=) ?[:#.]? ?(?:n[°º]|no\.?|num[ée]ro)? ?(?P<digits>[0-9 ]+)$",
    re.I,
)
# What a telephone dials after a pause: « 418 555-0123,,4 ».
_DIALLED = re.compile(r"(?<=[0-9]) ?[,;]+ ?(?P<digits>[0-9]{1,6})$")
_NAMES = (
    "tel telephone telephonique no n° numero num number de du d bureau travail maison domicile cell cel cellulaire "
    "mobile portable phone office work home direct directe ligne sans frais t c m b w h"
)
_SEPARATORS = re.compile(r"[ ().,/_\[\]·•-]+")
_PICTOGRAMS = re.compile("[\u260e\u260f\u2706\U0001f4de\U0001f4f1\U0001f57b-\U0001f57f]")


def read(text: str) -> str:
    """« 418 555-0123 », « 418 555-0123 poste 4 », or « +33 1 42 34 56 78 » for another country's.

    Takes points, dashes, parentheses, « +1 », and the extension as « poste 4 », « p. 4 », « ext. 4 », « x4 », « #4 ».
    ValueError, with a sentence, for whatever else.
    """
    number = unnamed(_PICTOGRAMS.sub(" ", plain(text)), _NAMES)
    number, extension = _without_extension(number)
    abroad = number.startswith("+") or number.startswith("00") or number.startswith("011")
    digits = _SEPARATORS.sub("", number.removeprefix("+").replace("(0)", "") if number.startswith("+") else number)
    if not digits and not extension:
        raise ValueError(_("Entrez un numéro de téléphone, par exemple 418 555-0123."))
    strange = next((char for char in digits if char not in "0123456789"), "")
    if strange:
        message = _("« %(sign)s » n’a pas sa place dans un numéro de téléphone, par exemple 418 555-0123 poste 4.")
        raise ValueError(message % {"sign": strange})
    if number.startswith("011"):
        digits = digits.removeprefix("011")
    elif number.startswith("00"):
        digits = digits.removeprefix("00")
    if len(digits) == 11 and digits.startswith("1"):
        abroad, digits = False, digits[1:]
    line = _elsewhere(number, digits) if abroad else _here(digits, shown(text))
    return f"{line} poste {extension}" if extension else line


def _without_extension(number: str) -> tuple[str, str]:
    """(the number, the digits of its extension or "")."""
    match = _EXTENSION.search(number)
    if (
        match is None
        and (dialled := _DIALLED.search(number))
        and sum(map(str.isdigit, number[: dialled.start()])) >= 10
    ):
        match = dialled
    if match is None:
        return number, ""
    digits = match["digits"].replace(" ", "")
    if len(digits) > _EXTENSION_DIGITS:
        raise ValueError(_("Un numéro de poste a %d chiffres au plus.") % _EXTENSION_DIGITS)
    return number[: match.start()], digits


def _here(digits: str, typed: str) -> str:
    """A number of North America: three digits, three, four."""
    if len(digits) == 7:
        raise ValueError(_("Il manque l’indicatif régional : 418 %(a)s-%(b)s, par exemple.") % _halves(digits))
    if len(digits) != 10:
        message = _(
            "Un numéro de téléphone a dix chiffres; « %(typed)s » en a %(n)d. Celui d’un autre pays commence par « + » "
            "et son indicatif."
        )
        raise ValueError(message % {"typed": typed, "n": len(digits)})
    if digits[0] in "01" or digits[3] in "01":
        raise ValueError(_("Aucun numéro d’Amérique du Nord ne s’écrit ainsi : vérifiez « %s ».") % typed)
    return f"{digits[:3]} {digits[3:6]}-{digits[6:]}"


def _halves(digits: str) -> dict[str, str]:
    return {"a": digits[:3], "b": digits[3:]}


def _elsewhere(number: str, digits: str) -> str:
    """A number of another country (E.164: fifteen digits at most), its groups as they were typed."""
    if not 8 <= len(digits) <= 15 or digits.startswith("0"):
        raise ValueError(
            _("Un numéro d’un autre pays a de 8 à 15 chiffres, à partir de son indicatif : +33 1 42 34 56 78.")
        )
    groups = [group for group in _SEPARATORS.split(number.removeprefix("+").replace("(0)", " ")) if group]
    spaced = " ".join(groups)
    written = spaced if "".join(groups) == digits and number.startswith("+") else digits
    return "+" + (written if len(written) <= 18 else digits)
