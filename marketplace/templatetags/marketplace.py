"""Template filters for values: money, time, text, numbers, all in the active language.

`{% load marketplace %}`. None is shown as « – », an empty string as nothing; a float given as money raises TypeError.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField
from django.urls import reverse

from marketplace import keys, markup
from marketplace.dates import localtime
from marketplace.dates.localtime import language
from marketplace.files import quarantine, shelf
from marketplace.keep import sentences_of
from marketplace.ledger import verifier
from marketplace.money import format_cents

register = template.Library()
NBSP = "\u00a0"
NOTHING = "–"


def _shown(value: object, write: Callable[..., str], *args: Any, **kwargs: Any) -> str:
    if value is None:
        return NOTHING
    return "" if value == "" else write(value, *args, **kwargs)


@register.filter
def money(cents: int | None) -> str:
    """Cents → « 64 000 $ », with decimals only when they are not zero."""
    return _shown(cents, format_cents)


@register.filter
def money_exact(cents: int | None) -> str:
    """Cents → « 64 000,00 $ »."""
    return _shown(cents, format_cents, exact=True)


@register.filter
def deadline(value: datetime | None) -> str:
    """« mardi 24 novembre 2026, 14 h 00 (HNE) »."""
    return _shown(value, localtime.deadline)


@register.filter
def moment(value: datetime | None) -> str:
    """« 22 novembre 2026, 10 h 02 (HNE) »."""
    return _shown(value, localtime.moment)


@register.filter
def moment_exact(value: datetime | None) -> str:
    """« 22 novembre 2026, 10 h 02 min 17,384 s (HNE) »."""
    return _shown(value, localtime.moment_exact)


@register.filter
def short_moment(value: datetime | None) -> str:
    """« 24 nov., 14 h (HNE) »."""
    return _shown(value, localtime.short)


@register.filter
def day(value: date | None) -> str:
    """« 22 novembre 2026 », for a date or an aware datetime."""
    return _shown(value, localtime.day)


@register.filter
def short_day(value: date | None) -> str:
    """« 24 nov. », for a date or an aware datetime."""
    return _shown(value, localtime.short_day)


@register.filter
def markdown(text: str | None) -> str:
    """Untrusted Markdown → safe HTML."""
    return markup.render(text)


@register.filter
def plain(text: str | None) -> str:
    """Untrusted Markdown → its text (escaped by the template as any other)."""
    return markup.plain(text)


@register.filter
def readable(text: str | None) -> str:
    """Untrusted Markdown → text as a person would type it, with the page's numbers, for e-mails."""
    return markup.readable(text)


@register.filter
def digest_groups(value: str | bytes | None) -> str:
    """A digest in groups of 8 hexadecimal digits, which people can compare: « 1f2e3d4c 5b6a7988 … »."""
    if value is None:
        return NOTHING
    digits = value if isinstance(value, str) else bytes(value).hex()
    return " ".join(digits[start : start + 8] for start in range(0, len(digits), 8))


def _number(value: Decimal, places: int | None) -> str:
    """A number in the active language; `places` None keeps only the decimals that say something."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if places is not None:
        number = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{number.copy_abs():,f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if language() == "fr":
        text = text.replace(",", NBSP).replace(".", ",")
    return ("\u2212" if number < 0 else "") + text


@register.filter
def decimal_fr(value: Decimal | None, places: int = 2) -> str:
    """A decimal number with `places` decimals, rounded half up: « 86,88 », in English "86.88"."""
    return _shown(value, _number, places)


class _Kept(template.Node):
    def __init__(self, nodelist: template.NodeList, name: str) -> None:
        self.nodelist, self.name = nodelist, name

    def render(self, context: template.Context) -> str:
        context[self.name] = self.nodelist.render(context)
        return ""


@register.tag
def keep(parser: template.base.Parser, token: template.base.Token) -> _Kept:
    """{% keep as title %}…{% endkeep %}: what is inside is written where `{{ title }}` is, as often as needed."""
    _keep, _as, name = token.split_contents()
    nodelist = parser.parse(["endkeep"])
    parser.delete_first_token()
    return _Kept(nodelist, name)


@register.filter
def percent(value: Decimal | None) -> str:
    """A number already in percent, without useless zeros: « 9,975 % », in English "9.975%"."""
    if value is None or value == "":
        return _shown(value, _number)
    return _number(value, None) + ("%" if language() == "en" else f"{NBSP}%")


@register.filter
def weight(size: int | None) -> str:
    """Bytes → « 12 Ko », « 1,4 Mo », in English "12 kB", "1.4 MB": of 1,024, as the limits that uploads are told."""
    return _shown(size, _weight)


def _weight(size: int) -> str:
    kilo, mega = ("kB", "MB") if language() == "en" else ("Ko", "Mo")
    thousands = -(-size // 1024)  # a file that is not empty weighs something
    if thousands < 1024:
        return f"{thousands}{NBSP}{kilo}"
    tenths = (Decimal(size) / 1024**2).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{_number(tenths, None)}{NBSP}{mega}"


@register.simple_tag
def countdown(until: datetime, now: datetime) -> str:
    """`{% countdown opportunity.closes_at now %}` → « 2 jours 4 heures »."""
    return localtime.countdown(until, now)


@register.simple_tag
def signing_key() -> str:
    """The key that verifies what the platform signs, as `--key` takes it."""
    return keys.key_id()


@register.simple_tag(takes_context=True)
def sentences(context: dict[str, Any]) -> list[str]:
    """`{% sentences as texts %}`: what was written in the request that this page refuses; see marketplace/keep.py."""
    request = context.get("request")
    return sentences_of(request) if request else []


@register.inclusion_tag("components/verifier.html", name="verifier")
def _verifier() -> dict[str, str]:
    """`{% verifier %}`: where the tool and the key are, by addresses that stay true on paper, and the tool's digest."""
    return {
        "tool": settings.BASE_URL + reverse("opendata:verifier"),
        "sha256": verifier.sha256(),
        "key_url": settings.BASE_URL + reverse("public_keys"),
    }


@register.simple_tag(takes_context=True)
def kept_files(context: template.Context, field: BoundField) -> dict[str, Any]:
    """What is kept for the next try of this form: `rows` (Kept), and `lost`, the names of what could not be."""
    request = context.get("request")
    if request is None:
        return {}
    state = shelf.state_of(request)
    name = field.html_name
    return {"rows": [kept for kept in state.rows if kept.field == name], "lost": state.lost.get(name, [])}


@register.filter
def scans(files: Iterable[Any]) -> list[Any]:
    """The same files, each with `scan`: what is to be said of the antivirus, or nothing."""
    return quarantine.described(files or [])
