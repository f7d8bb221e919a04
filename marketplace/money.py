"""Money as a value: integer cents of Canadian dollars, never a float.

Amounts are typed and shown in the reader's language but always kept as ``int`` cents, before taxes unless a
name says otherwise. A ``float`` anywhere raises ``TypeError``: 0.1 + 0.2 has no place in a contract.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from marketplace.dates.localtime import language
from marketplace.values.signs import plain, shown, unquoted

NBSP = "\u00a0"
MAX_CENTS = 10**15  # ten thousand billion dollars: far over any contract, far under a 64-bit column
MAX_TYPED = 40  # characters; longer is not an amount

# « $ », « CAD », « $ CAN », « CDN$ », « CA$ », « dollars canadiens »: before the number or after it.
_COUNTRY = r"(?:CAD|CDN|CAN|CA|C)"
_WORD = (
    rf"(?:{_COUNTRY} ?\$|\$ ?(?:canadiens?|\({_COUNTRY}\)|{_COUNTRY})?|CAD|CDN|CAN|dollars?(?: canadiens?)?"
    r"|canadian dollars?)"
)
_AMOUNT = re.compile(rf"\+? ?(?P<lead>{_WORD} ?)?(?P<number>[^A-Z$]*?)(?P<tail> ?{_WORD}\.?)?", re.I)
# A space that a telephone puts after a comma, as after a word's: « 1 234, 56 $ ».
_LOOSE = re.compile(r"(?<=[0-9]) ?([.,]) ?(?=[0-9]{2}$)")
_FRENCH = re.compile(r"(?P<units>[0-9]{1,3}(?: [0-9]{3})+|[0-9]+)(?:[.,](?P<decimals>[0-9]{1,2}))?")
_ENGLISH = re.compile(r"(?P<units>[0-9]{1,3}(?:,[0-9]{3})+)(?:\.(?P<decimals>[0-9]{1,2}))?")
_APOSTROPHES = re.compile(r"(?P<units>[0-9]{1,3}(?:'[0-9]{3})+)(?:[.,](?P<decimals>[0-9]{1,2}))?")
# « 64.000,00 », « 1.234.567 »: points group, and a comma or a second point proves it.
_POINTS = re.compile(r"(?=.*,|.*\..*\.)(?P<units>[0-9]{1,3}(?:\.[0-9]{3})+)(?:,(?P<decimals>[0-9]{1,2}))?")
_LONE_GROUP = re.compile(r"[0-9]{1,3}[.,][0-9]{3}")  # « 1,234 »: thousands for some, decimals for others
_TOO_PRECISE = re.compile(r"[0-9 ]+[.,][0-9]{3,}")
_NO_CENTS = re.compile(r"[.,] ?-+$")  # « 48 500,- »
_THOUSANDS = re.compile(rf"(?:{_WORD} ?)?[0-9]+(?:[ .,][0-9]+)* ?(?:k|M|mille|millions?)(?: ?(?:de )?{_WORD})?", re.I)
_OTHER_MONEY = re.compile(r"[€£¥]|\b(?:USD?|EUR|GBP|euros?)\b|\bUS ?\$|\$ ?US|\bÉ\.?-?U\b|\b[ÉE]tats-Unis", re.I)

_FORMS = (_FRENCH, _POINTS, _ENGLISH, _APOSTROPHES)

# (first day, TPS, TVQ) in thousandths of a percent. Both taxes apply to the amount before taxes: since
# 2013-01-01 the TVQ is no longer computed on the TPS. Sources: Excise Tax Act (R.S.C. 1985, c. E-15), s. 165;
# Act respecting the Québec sales tax (CQLR, c. T-0.1), s. 16. A new rate is a new line, never an edit.
RATES: tuple[tuple[date, int, int], ...] = ((date(2013, 1, 1), 5_000, 9_975),)
_RATE_UNIT = 100_000


def check_cents(cents: object) -> int:
    """Return `cents` when it is a whole number of cents; raise TypeError for a float, a bool or anything else."""
    if isinstance(cents, bool) or not isinstance(cents, int):
        raise TypeError(f"money is an int of cents, not {type(cents).__name__}")
    return cents


def parse_cents(text: str) -> int:
    """Read what a person typed as an amount in dollars and return cents (≥ 0).

    Takes « 64 000 », « 64 000,50 $ », « 64.000,50 », "64000.50", "$64,000.50", with ordinary or fixed spaces.
    Raises TypeError when `text` is not a str, ValueError (with a sentence for the person) when it is empty, negative,
    has more than two decimals, or can be read in two ways: « 1,234 » without anything that says which.
    """
    if not isinstance(text, str):
        raise TypeError(f"an amount is read from a str, not {type(text).__name__}")
    typed = unquoted(plain(text))
    if not typed:
        raise ValueError(_("Entrez un montant."))
    if len(typed) > MAX_TYPED:
        raise ValueError(_("Ce montant est trop grand."))
    if re.search(r"^(?:[A-Z$]{1,4} ?)?- ?[0-9$]|^\(.*[0-9].*\)$|[0-9] ?\$? ?-$", typed, re.I):
        raise ValueError(_("Le montant ne peut pas être négatif."))
    if _OTHER_MONEY.search(typed):
        raise ValueError(_("Les montants sont en dollars canadiens : entrez par exemple 64 000 ou 64 000,50."))
    parts = _AMOUNT.fullmatch(typed)
    if parts is None or typed.count("$") > 1:
        raise ValueError(_shortened() if _THOUSANDS.fullmatch(typed) else _expected(typed))
    number, lead = _LOOSE.sub(r"\1", _NO_CENTS.sub("", parts["number"].strip())), parts["lead"] or ""
    match = next((found for form in _FORMS if (found := form.fullmatch(number))), None)
    # One comma and three digits is English thousands only when the dollar sign comes first, as English writes it.
    if match and match.re is _ENGLISH and _LONE_GROUP.fullmatch(number) and "$" not in lead:
        match = None
    if match is None:
        if _LONE_GROUP.fullmatch(number):
            raise ValueError(_ambiguous(number))
        if _TOO_PRECISE.fullmatch(number):
            raise ValueError(_("Un montant a deux décimales au plus."))
        raise ValueError(_expected(typed))
    cents = int(re.sub("[ ,.']", "", match["units"])) * 100 + int((match["decimals"] or "").ljust(2, "0"))
    if cents > MAX_CENTS:
        raise ValueError(_("Ce montant est trop grand."))
    return cents


def _expected(typed: str) -> str:
    """What an amount is, and what of this one is none: « /an », « + taxes », words."""
    if not re.search("[0-9]", typed):
        return _("Écrivez le montant en chiffres, par exemple 64 000 ou 64 000,50.")
    others = " ".join(re.sub(r"[0-9][0-9 .,']*|\$", " ", typed).split()).strip(" .,'")
    sentence = _("Entrez un montant en dollars, par exemple 64 000 ou 64 000,50.")
    return sentence + " " + _("« %s » n’en fait pas partie.") % shown(others) if others else sentence


def _shortened() -> str:
    return _("Écrivez le montant en entier, sans « k » ni « million », par exemple 64 000.")


def _ambiguous(number: str) -> str:
    """The two readings of « 64,000 », for the person to choose: sixty-four thousand, or sixty-four."""
    units, decimals = re.split("[.,]", number)
    shown = {"typed": number, "whole": f"{units}{NBSP}{decimals}", "decimal": f"{units},{decimals[:2]}"}
    return _("Montant ambigu : « %(typed)s » se lit de deux façons. Écrivez « %(whole)s » ou « %(decimal)s ».") % shown


def format_cents(cents: int, *, exact: bool | None = None, lang: str | None = None) -> str:
    """Write cents for people: « 64 000 $ », « 45 454,55 $ » (fixed spaces) or "$64,000", "$45,454.55".

    `exact`: True always shows the cents, None only when they are not zero, False rounds half up to the dollar
    (for statistics, never for a contract). `lang` defaults to the active language. Raises TypeError for a float.
    """
    check_cents(cents)
    sign, absolute = ("\u2212" if cents < 0 else ""), abs(cents)
    if exact is False:
        absolute = (absolute + 50) // 100 * 100
        sign = sign if absolute else ""
    dollars, rest = divmod(absolute, 100)
    shown = bool(exact) or (exact is None and rest != 0)
    if language(lang) == "en":
        return f"{sign}${dollars:,}" + (f".{rest:02}" if shown else "")
    return sign + f"{dollars:,}".replace(",", NBSP) + (f",{rest:02}" if shown else "") + NBSP + "$"


@dataclass(frozen=True, slots=True)
class TaxBreakdown:
    """An amount and its taxes, all in cents: total = before + tps + tvq."""

    before: int
    tps: int
    tvq: int
    total: int


def tax_rates(on: date | None = None) -> tuple[int, int]:
    """(TPS, TVQ) in thousandths of a percent in force `on` that day, or the last known ones when None.

    Raises TypeError for a datetime (its local day must be chosen first), ValueError for a day before the table.
    """
    if isinstance(on, datetime):
        raise TypeError("tax rates follow a local date, not a datetime")
    for start, tps, tvq in sorted(RATES, reverse=True):
        if on is None or on >= start:
            return tps, tvq
    raise ValueError(f"no tax rates are known for {on}")


def taxes(cents: int, *, on: date | None = None) -> TaxBreakdown:
    """Compute TPS and TVQ on an amount before taxes, each rounded half up to the cent on its own.

    `on` is the local day of the invoice (see `tax_rates`). Raises TypeError for a float, ValueError when negative.
    """
    if check_cents(cents) < 0:
        raise ValueError("taxes are computed on an amount that is not negative")
    tps, tvq = ((cents * rate + _RATE_UNIT // 2) // _RATE_UNIT for rate in tax_rates(on))
    return TaxBreakdown(before=cents, tps=tps, tvq=tvq, total=cents + tps + tvq)


class MoneyField(forms.CharField):
    """A form field typed as dollars that cleans to int cents (None when empty and not required).

    `min_cents` and `max_cents` are inclusive bounds. What was typed is shown again as it was when it is refused.
    """

    reads_typed = True

    def __init__(self, *, min_cents: int | None = None, max_cents: int | None = None, **kwargs: Any) -> None:
        self.min_cents = None if min_cents is None else check_cents(min_cents)
        self.max_cents = None if max_cents is None else check_cents(max_cents)
        super().__init__(empty_value=None, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"inputmode": "decimal", "autocomplete": "off"}

    def to_python(self, value: Any) -> int | None:  # type: ignore[override]  # typed as text, kept as cents
        """Cents, or None when nothing was typed; raises ValidationError with the sentence of `parse_cents`."""
        if value is None or value in self.empty_values:
            return None
        if not isinstance(value, str):
            return check_cents(value)
        if not plain(value):
            return None
        try:
            return parse_cents(value)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error

    def validate(self, value: int | None) -> None:
        super().validate(value)
        if value is None:
            return
        if self.min_cents is not None and value < self.min_cents:
            message = _("Le montant doit être d’au moins %(limit)s.")
            raise ValidationError(message, code="min_cents", params={"limit": format_cents(self.min_cents)})
        if self.max_cents is not None and value > self.max_cents:
            message = _("Le montant ne peut pas dépasser %(limit)s.")
            raise ValidationError(message, code="max_cents", params={"limit": format_cents(self.max_cents)})

    def prepare_value(self, value: Any) -> Any:
        """Typed text as it is; cents as a number alone, in the active language: the sign stands beside the field.

        English numbers lose their commas too: without its dollar sign, "1,234" could be read in two ways.
        """
        if value is None or isinstance(value, str):
            return value
        return re.sub(r"[$,]" if language() == "en" else r"\$", "", format_cents(value)).strip()
