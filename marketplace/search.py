"""Words for search, the same on every database: accents, capitals, plurals and endings do not count.

A text is folded first (« québécois » → « quebecois ») and stemmed after, both when it is indexed and when it is
searched, so that what is typed without accents meets what was written with them. The start of a word finds it too.
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


def _tokens(text: str | None) -> list[str]:
    """The words of a text in order, folded, without stop words; "c++", "c#", ".net", "node.js" stay whole."""
    folded = _ELISION.sub(" ", _POSSESSIVE.sub("", _ADDRESS.sub(" ", fold(text or ""))))
    folded = _POINTS.sub(lambda found: found[0].replace(".", ""), folded)
    folded = _GROUPS.sub("", _EVERYBODY.sub("", folded))
    return [_SHORT.get(token, token) for token in _TOKEN.findall(folded) if token not in STOP_WORDS]


def _root(token: str) -> str:
    return token if _TECHNICAL.search(token) else _stem(token)  # syllabics: as they are written


def words(text: str | None) -> list[str]:
    """The words of a text in order, folded, stemmed, without stop words; "c++", "c#", ".net", "node.js" stay whole."""
    return [_root(token) for token in _tokens(text)]


def index_text(*parts: str | None) -> str:
    """What to store beside a row: its unique words, stemmed and as they are written (folded), surrounded by spaces.

    "node.js" is also indexed as "node" and "nodejs". Empty when there is no word. `having` finds them.
    """
    unique: dict[str, None] = {}
    for part in parts:
        for token in _tokens(part):
            unique[_root(token)] = unique[token] = None
            if token.endswith(".js"):
                unique[_stem(token[:-3])] = unique[_stem(token[:-3] + "js")] = None
    return f" {' '.join(unique)} " if unique else ""


def query_words(query: str | None) -> list[str]:
    """The unique words of what a person searches, in order, 12 at most (a longer query is cut)."""
    return [term.word for term in query_terms(query)]


@dataclass(frozen=True)
class Term:
    """One word of a search: a row has it when `word` is one of its words, or when one of them starts with `start`."""

    word: str
    start: str = ""


def query_terms(query: str | None) -> list[Term]:
    """The unique words of what a person searches, in order, 12 at most (a longer query is cut).

    From LEAST_START letters on, what is typed also finds the longer words that start so: « compost » finds
    « compostage ». Under that, one would find « JavaScript » by « Java ».
    """
    terms: dict[str, Term] = {}
    for token in _tokens((query or "")[:1000]):
        plural = token[:-1] if len(token) > LEAST_START and token[-1] in "sx" else token
        start = plural if len(plural) >= LEAST_START and not _TECHNICAL.search(token) else ""
        terms.setdefault(_root(token), Term(_root(token), start))
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
        each = [f"'{term.word}'" + (f" | '{term.start}':*" if term.start else "") for term in self.terms]
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
        one = Q(**{f"{column}__contains": f" {term.word} "})
        every &= (one | Q(**{f"{column}__contains": f" {term.start}"})) if term.start else one
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
