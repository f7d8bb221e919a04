"""Sentences about an archive, kept in a row as their French model and what fills it: each reader reads them in their
own language, whoever delivered.

`from contracts.code.sentences import Sentence as _`: then `_("…") % values` is such a sentence.
"""

from collections.abc import Iterable
from typing import Any, Self

from django.utils.translation import gettext

from marketplace.texts import one_line

MOST = 200  # characters of a value, or of a key, that comes from the archive
Kept = str | list[Any]  # the model alone, or [model, what fills it: a text, a number, or a dict of them]


class Sentence(str):
    """A text in the active language that remembers how it was made."""

    model: str
    filled: object

    def __new__(cls, model: str, filled: object = None) -> Self:
        text = gettext(model)
        sentence = super().__new__(cls, text if filled is None else text % filled)
        sentence.model, sentence.filled = model, filled
        return sentence

    def __mod__(self, filled: object) -> "Sentence":
        return Sentence(self.model, filled)

    def kept(self) -> Kept:
        """For a JSON column: `told` reads it."""
        return self.model if self.filled is None else [self.model, _clean(self.filled)]


def told(kept: Kept) -> str:
    """What `Sentence.kept` gave, in the active language."""
    model, *filled = [kept] if isinstance(kept, str) else kept
    return str(Sentence(model, *filled))


def kept_problems(problems: Iterable[tuple[str, Sentence]]) -> list[list[Any]]:
    """[[key, kept sentence]], for a JSON column."""
    return [[plain(key)[:MOST], sentence.kept()] for key, sentence in problems]


def plain(text: str) -> str:
    """Fit for a database and a page: one line, nothing invisible, no half of a surrogate pair."""
    return one_line(text.encode("utf-8", "replace").decode())


def _clean(filled: object) -> object:
    if isinstance(filled, dict):
        return {name: _clean(value) for name, value in filled.items()}
    return plain(filled)[:MOST] if isinstance(filled, str) else filled
