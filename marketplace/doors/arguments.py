"""What commands are given: numbers that mean something, answers of whoever is there; a refusal is one sentence."""

import math
from argparse import ArgumentTypeError
from collections.abc import Callable

from django.core.management.base import CommandError

from marketplace.values import number as typed

LARGEST = 2**63 - 1  # what a column of the database holds
MOST_HOURS = 24 * 3_660


def whole(*, least: int, most: int) -> Callable[[str], int]:
    """A whole number between these two, both included."""

    def read(text: str) -> int:
        try:
            number = typed.whole(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ArgumentTypeError(f"« {text[:40]} » n’est pas un nombre entier de {least} à {most}.")
        return number

    return read


def hours(text: str) -> float:
    """So many hours, from none to ten years; neither « nan » nor « inf »."""
    try:
        number = float(typed.fractional(text))
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST_HOURS:  # « nan » is neither
        raise ArgumentTypeError(f"« {text[:40]} » n’est pas un nombre d’heures de 0 à {MOST_HOURS}.")
    return number


def asked(prompt: str, by: Callable[[str], str] = input) -> str:
    """A line of whoever is there; CommandError when nobody is: the standard input is at its end, or closed."""
    try:
        return by(prompt)
    except (EOFError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: there is no standard input at all
        raise CommandError("Rien à lire sur l’entrée standard : rien n’a été fait.") from error
