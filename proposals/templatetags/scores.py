"""Final scores in templates. `{% load scores %}`."""

from fractions import Fraction

from django import template

from marketplace.dates.localtime import language

register = template.Library()


@register.filter
def final_score(value: Fraction | str | None) -> str:
    """A weighted score, exact (a Fraction, or « 1801/20 » as a frozen ranking keeps it) → « 90,05 »; None → « – ».

    Two decimals, rounded half up. A final score is never negative.
    """
    if value is None or value == "":
        return "–"
    hundredths = int(Fraction(value) * 100 + Fraction(1, 2))
    text = f"{hundredths // 100}.{hundredths % 100:02}"
    return text if language() == "en" else text.replace(".", ",")
