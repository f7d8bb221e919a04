"""Names as people search them: by pieces of words, accents and capitals ignored, on every database."""

import re

from django.db.models import Q

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
    found = Q() if words else Q(pk__in=[])
    for word in words:
        found &= Q(**{f"{column}__iregex": _pattern(word)})
    return found
