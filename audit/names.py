"""Names and amounts as people search them: pieces of names, accents and capitals ignored, on every database.

marketplace/search.py folds and stems words into a column kept beside each notice and contract. Names have no such
column, nor endings to cut: what is typed is folded as it does there, and the pattern finds the accents of the table.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from django.db.models import Q

from marketplace.money import parse_cents
from marketplace.search import MAX_QUERY_WORDS, fold

_VARIANTS = {
    "a": "aàâäáãåAÀÂÄÁÃÅ", "c": "cçCÇ", "e": "eéèêëEÉÈÊË", "i": "iîïíìIÎÏÍÌ", "n": "nñNÑ", "o": "oôöóòõOÔÖÓÒÕ",
    "u": "uùûüúUÙÛÜÚ", "y": "yÿýYŸÝ",
}  # fmt: skip


def _pattern(word: str) -> str:
    """A regular expression, the same for Python and PostgreSQL: « metier » finds « Métier »."""
    letters = "".join(f"[{_VARIANTS[sign]}]" if sign in _VARIANTS else re.escape(sign) for sign in word)
    ligatures = {"oe": "œŒ", "ae": "æÆ"}
    for pair, joined in ligatures.items():
        spelled = "".join(f"[{_VARIANTS[sign]}]" for sign in pair)
        letters = letters.replace(spelled, f"({spelled}|[{joined}])")
    return letters


def named(column: str, text: str) -> Q:
    """Rows whose `column` holds every word of `text`. Nothing when it has none."""
    words = [re.sub(r"[^\w'’.&-]", "", word) for word in fold(text.replace("\x00", "")).split()][:MAX_QUERY_WORDS]
    words = [word for word in words if any(sign.isalnum() for sign in word)]
    every = Q() if words else Q(pk__in=[])
    for word in words:
        every &= Q(**{f"{column}__iregex": _pattern(word)})
    return every


ALIKE = 0.75
SHORTEST = 4


def amount(text: str) -> int | None:
    """Cents of « 48000 », « 48 000,00 $ », « $48,000.00 », "48,000"; None for anything else."""
    for reading in (text, f"${text}"):  # « 48,000 » alone is read as English writes it: nobody signs what is searched
        try:
            return parse_cents(reading)
        except ValueError:
            continue
    return None


def nearest(text: str, names: Iterable[str]) -> str:
    """`text` with each word that is in no name replaced by the one most like it; "" when nothing is close enough."""
    known = {fold(word): word for name in names for word in re.findall(r"\w+", name) if len(word) >= SHORTEST}
    words, replaced = [], False
    for word in text.split():
        folded = fold(word)
        close = get_close_matches(folded, known, n=1, cutoff=ALIKE) if len(folded) >= SHORTEST else []
        replaced |= bool(close) and close[0] != folded
        words.append(known[close[0]] if close else word)
    return " ".join(words) if replaced else ""
