"""Words for search, the same on every database: accents, capitals, plurals and endings do not count.

A text is folded first (« québécois » → « quebecois ») and stemmed after, both when it is indexed and when it is
searched, so that what is typed without accents meets what was written with them. The start of a word finds it too.
How a word is cut does not count either: « Wi‑Fi », « wifi », « wi fi »; « COVID-19 », « covid19 »; « 24 h », « 24h ».
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import snowballstemmer
from django.db import connection, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import BooleanField, F, Func, Q

MAX_QUERY_WORDS = 12
LEAST_START = 5  # letters
SORT_KEY = 600  # characters: two for each byte

# Names of tools keep their signs. Order counts: the longest reading first.
_TOKEN = re.compile(
    r"""
    (?<![a-z0-9])(?:c\+\+|[cfj]\#)        # c++, c#, f#, j#
    | (?<![a-z0-9])[a-z][a-z0-9]*\.js\b   # node.js, vue.js
    | \.net\b                             # .net (also in asp.net)
    | [a-z0-9]+
    | [\u1401-\u166c\u166f-\u167f\u18b0-\u18f5]+   # syllabics of Inuktitut, Cree, Naskapi
    """,
    re.VERBOSE,
)
_ELISION = re.compile(r"\bc['’ʼ]est\b|\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['’ʼ](?=[a-z0-9])")
# « S.A.A.Q. » is « SAAQ »; « employé·e·s », « étudiant(e)s », « usager.ère.s » are said of everybody; « 25 000 » is
# one number.
_POINTS = re.compile(r"(?<![a-z0-9.])(?:[a-z]\.){2,}[a-z]?(?![a-z0-9])")
_EVERYBODY = re.compile(
    r"(?<=[a-z]{3})(?:(?:[·•‧][a-z]{1,5}){1,2}|\((?:e|ne|le|ere|euse|trice)s?\)s?|\.(?:e|ne|le|ere|euse|trice)(?:\.?s)?)(?![a-z0-9])"
)
_GROUPS = re.compile(r"(?<=[0-9])[ \u00a0\u202f](?=[0-9]{3}(?![0-9]))")
_SHORT = {"st": "saint", "ste": "sainte"}
# Several spellings of one thing that no rule brings together; « courriel » is what the product says.
_SAME = (
    (re.compile(r"\be[-\u2010 ]?mails?\b"), "courriel"), (re.compile(r"\bdot ?net\b"), ".net"),
    (re.compile(r"\bopen ?(source|data)\b"), r"open-\1"),
)  # fmt: skip
_INSIDE = frozenset("-‐–.&/_")  # between two parts of a word, without a space: « wi-fi », « ci/cd », « r&d »
_BORDER = re.compile(r"([a-z]+)([0-9]+)|([0-9]+)([a-z]+)")  # « covid19 », « 24h »
_ADDRESS = re.compile(r"\bhttps?://(?:www\.)?|\bwww\.")
_POSSESSIVE = re.compile(r"(?<=[a-z])['\u2019]s\b")
_TECHNICAL = re.compile(r"[^a-z]")  # a digit or a sign: never an ending to cut

# Folded. Left out on purpose, because they are words of the trade: « est » (east), it, ai, go, net, r, c.
_STOP_FRENCH = """
a afin ainsi alors apres au aucun aucune aussi autre autres aux avant avec avoir car ce ceci cela celle celles celui
ces cet cette ceux chaque comme comment dans de depuis des donc dont du elle elles en encore entre et etaient etait
etant etre eu eux fait il ils je la le les leur leurs lors lorsque lui ma mais me meme memes mes moi moins mon
ne ni nos notre nous on ont ou par parce pas pendant peu peut peuvent plus pour pourquoi puis puisque quand que quel
quelle quelles quels qui quoi sa sans se selon sera seront ses si sinon soit son sont sous sur ta tandis te tel telle
tels telles tes toi ton tous tout toute toutes tres tu un une vers vos votre vous y
"""
_STOP_ENGLISH = """
about after all also an and any are as at be because been before being between both but by can could did do does during
each for from had has have he her his how if in into is its may me more most must my no nor not of off or other our out
over own shall she should so some such than that the their them then there these they this those through to too under
until up was we were what when where which while who whom why will with would you your
"""
STOP_WORDS = frozenset(_STOP_FRENCH.split() + _STOP_ENGLISH.split())

# Plurals that the stemmer does not bring back to their singular.
_SINGULARS = {
    "jeux": "jeu", "enjeux": "enjeu", "lieux": "lieu", "milieux": "milieu", "voeux": "voeu", "travaux": "travail",
    "baux": "bail", "yeux": "oeil",
}  # fmt: skip


def fold(text: str) -> str:
    """Lower case without accents or ligatures: « Œuvre Québécoise » → « oeuvre quebecoise »."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # A new stemmer each time: it keeps the word inside itself, which two threads may not share.
    word = _SINGULARS.get(word, word)
    # « gérée(s) » lost its accent in folding; brought to « gere » it meets « géré » and « gérer ».
    word = re.sub(r"(?<=[a-z]{2})ees?$", "e", word)
    stem = snowballstemmer.stemmer("french").stemWord(word)
    # The stemmer keeps the plural of « vidéos », « délais », « revenus ». Cut last, so that « française » meets
    # « français ».
    return re.sub(r"(?<=[a-z]{2}[aiou])s$", "", stem)


def _read(text: str | None) -> tuple[list[str], list[str]]:
    """The words of a text in order, folded, stop words among them; and what stands between each and the one before."""
    folded = _ELISION.sub(" ", _POSSESSIVE.sub("", _ADDRESS.sub(" ", fold(text or ""))))
    folded = _POINTS.sub(lambda found: found[0].replace(".", ""), folded)
    folded = _GROUPS.sub("", _EVERYBODY.sub("", folded))
    for spelling, written in _SAME:
        folded = spelling.sub(written, folded)
    tokens, gaps, end = [], [], 0
    for found in _TOKEN.finditer(folded):
        tokens.append(_SHORT.get(found[0], found[0]))
        gaps.append(folded[end : found.start()])
        end = found.end()
    return tokens, gaps


def _tokens(text: str | None) -> list[str]:
    """The words of a text in order, folded, without stop words; "c++", "c#", ".net", "node.js" stay whole."""
    return [token for token in _read(text)[0] if token not in STOP_WORDS]


def _joined(tokens: list[str], gaps: list[str], *, apart: Callable[[str, str], bool]) -> list[tuple[range, str]]:
    """(places of its parts, whole) of each two neighbours that others write as one word, and of longer chains.

    apart: whether two words with a space between them may be one.
    """
    wholes, chain, first = [], "", 0
    for place in range(1, len(tokens)):
        before, token, gap = tokens[place - 1], tokens[place].removeprefix("."), gaps[place]
        hyphened = (gap in _INSIDE or tokens[place] == "." + token and not gap) and not (before + token).isdigit()
        spaced = gap == " " and not {before, token} & STOP_WORDS and apart(before, token)
        if hyphened or spaced:
            wholes.append((range(place - 1, place + 1), before + token))
        first = first if chain else place - 1
        chain = (chain or before) + token if hyphened else ""
        if len(chain) > len(before + token):
            wholes.append((range(first, place + 1), chain))
    return wholes


def _one_word(before: str, token: str) -> bool:
    """Whether two words apart look like one that was cut: « 24 h », « HTML 5 », « Power BI », « wi fi »."""
    return before.isdigit() != token.isdigit() or min(len(before), len(token)) <= 2


def _root(token: str) -> str:
    return token if _TECHNICAL.search(token) else _stem(token)  # syllabics: as they are written


def words(text: str | None) -> list[str]:
    """The words of a text in order, folded, stemmed, without stop words; "c++", "c#", ".net", "node.js" stay whole."""
    return [_root(token) for token in _tokens(text)]


def index_text(*parts: str | None) -> str:
    """What to store beside a row: its unique words, stemmed and as they are written (folded), surrounded by spaces.

    "node.js" is also indexed as "node", "js" and "nodejs", "wi-fi" as "wifi", "covid19" as "covid" and "19". Empty when
    there is no word. `having` finds them.
    """
    unique: dict[str, None] = {}
    for part in parts:
        tokens, gaps = _read(part)
        for token in [*tokens, *(whole for _places, whole in _joined(tokens, gaps, apart=_one_word))]:
            if token in STOP_WORDS:
                continue
            unique[_root(token)] = unique[token] = None
            cut = _BORDER.fullmatch(token)
            pieces = [piece for piece in cut.groups() if piece] if cut else []
            if token.endswith(".js"):
                pieces = [token[:-3], "js", token[:-3] + "js"]
            unique |= {_root(piece): None for piece in pieces if piece not in STOP_WORDS}
    return f" {' '.join(unique)} " if unique else ""


def query_words(query: str | None) -> list[str]:
    """The unique words of what a person searches, in order, 12 at most (a longer query is cut)."""
    return [term.word for term in query_terms(query)]


@dataclass(frozen=True)
class Term:
    """One word of a search: a row has it when one of `every` is one of its words, or one of them starts with `start`.

    others: the words that it makes with its neighbours, « wifi » for « wi fi ».
    """

    word: str
    start: str = ""
    others: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        return (self.word, *self.others)

    def stands_in(self, index: str) -> bool:
        """Whether an `index_text` has it, as databases find it."""
        starts = bool(self.start) and f" {self.start}" in index
        return starts or any(f" {word} " in index for word in self.every)


def query_terms(query: str | None) -> list[Term]:
    """The unique words of what a person searches, in order, 12 at most (a longer query is cut).

    From LEAST_START letters on, what is typed also finds the longer words that start so: « compost » finds
    « compostage ». Under that, one would find « JavaScript » by « Java ».
    """
    terms: dict[str, Term] = {}
    tokens, gaps = _read((query or "")[:1000])
    wholes: dict[int, list[str]] = {}
    for places, whole in _joined(tokens, gaps, apart=lambda _before, _token: True):
        for place in places:
            wholes.setdefault(place, []).append(_root(whole))
    for place, token in enumerate(tokens):
        if token in STOP_WORDS:
            continue
        plural = token[:-1] if len(token) > LEAST_START and token[-1] in "sx" else token
        start = plural if len(plural) >= LEAST_START and not _TECHNICAL.search(token) else ""
        others = wholes.get(place, []) + [_root(token.replace(".", ""))] * token.endswith(".js")
        terms.setdefault(_root(token), Term(_root(token), start, tuple(dict.fromkeys(others))))
    return list(terms.values())[:MAX_QUERY_WORDS]


class _HasTerms(Func):
    """PostgreSQL: the row has each term. Its left side is written exactly as the indexes of `start_index` are."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, terms: Sequence[Term]):
        super().__init__(F(column))
        self.terms = terms

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.source_expressions[0])
        each = [
            " | ".join([f"'{word}'" for word in term.every] + [f"'{term.start}':*"] * bool(term.start))
            for term in self.terms
        ]
        return f"{_INDEXED.format(column=column)} @@ %s::tsquery", [*params, " & ".join(f"({one})" for one in each)]


_INDEXED = "array_to_tsvector(string_to_array(btrim({column}), ' '))"


def having(column: str, query: str | None) -> Q:
    """Rows whose `column` (an index_text) has every word of the query, on every database the same; all without one."""
    terms = query_terms(query)
    if not terms:
        return Q()
    if connection.vendor == "postgresql":
        return Q(_HasTerms(column, terms))
    every = Q()
    for term in terms:
        one = Q(**{f"{column}__contains": f" {term.start}"}) if term.start else Q()
        for word in term.every:
            one |= Q(**{f"{column}__contains": f" {word} "})
        every &= one
    return every


def sort_key(text: str) -> str:
    """What orders names as a French dictionary does, in every database: « Eau », « École », « Zoo ».

    Accents, capitals, ligatures and punctuation do not count, but between names that are otherwise equal. In
    hexadecimal: each database, whatever its collation, puts these sixteen signs in the same order.
    """
    plain = " ".join(re.sub(r"[^\w]+|_", " ", fold(text)).split())
    return f"{plain.encode().hex()}00{text.encode().hex()}"[:SORT_KEY]


class SortKey(models.CharField):
    """A column that holds the `sort_key` of another one, written with it: names are ordered by it, then by the key."""

    def __init__(self, of: str, **kwargs: Any) -> None:
        self.of = of
        options: dict[str, Any] = {"max_length": SORT_KEY, "editable": False, "default": ""}
        super().__init__(**(options | kwargs))

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = sort_key(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, key)
        return key


def fill_sort_keys(app: str, model: str, name: str, column: str = "sort_key") -> migrations.RunPython:
    """The migration's operation: what was written before the column was there."""

    def fill(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
        rows = apps.get_model(app, model).objects
        for pk, text in rows.values_list("pk", name).iterator():
            rows.filter(pk=pk).update(**{column: sort_key(text)})

    return migrations.RunPython(fill, migrations.RunPython.noop)


def _on_postgresql(sql: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    return lambda _apps, editor: editor.execute(sql) if editor.connection.vendor == "postgresql" else None


def word_index(name: str, table: str) -> migrations.RunPython:
    """What `start_index` replaces: whole words only."""
    create = f"CREATE INDEX {name} ON {table} USING gin (string_to_array(search_text, ' '))"
    return migrations.RunPython(_on_postgresql(create), _on_postgresql(f"DROP INDEX {name}"))


def start_index(name: str, table: str) -> migrations.RunPython:
    """The migration's operation. PostgreSQL indexes words and their starts (GIN); SQLite scans the same column."""
    create = f"CREATE INDEX {name} ON {table} USING gin ({_INDEXED.format(column='search_text')})"
    return migrations.RunPython(_on_postgresql(create), _on_postgresql(f"DROP INDEX {name}"))


def without_word_index(name: str, table: str) -> migrations.RunPython:
    """The migration's operation that takes away what `word_index` made."""
    before = word_index(name, table)
    return migrations.RunPython(_on_postgresql(f"DROP INDEX IF EXISTS {name}"), before.code)
