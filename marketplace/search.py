"""Words for search, the same on every database: accents, capitals, plurals and endings do not count.

A text is folded first (« québécois » → « quebecois ») and stemmed after, both when it is indexed and when it is
searched, so that what is typed without accents meets what was written with them.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import snowballstemmer
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

MAX_QUERY_WORDS = 12

# Names of tools keep their signs. Order counts: the longest reading first.
_TOKEN = re.compile(
    r"""
    (?<![a-z0-9])(?:c\+\+|[cfj]\#)        # c++, c#, f#, j#
    | (?<![a-z0-9])[a-z][a-z0-9]*\.js\b   # node.js, vue.js
    | \.net\b                             # .net (also in asp.net)
    | [a-z0-9]+
    """,
    re.VERBOSE,
)
_ELISION = re.compile(r"\bc['’ʼ]est\b|\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['’ʼ](?=[a-z0-9])")
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


def words(text: str | None) -> list[str]:
    """The words of a text in order, folded, stemmed, without stop words; "c++", "c#", ".net", "node.js" stay whole."""
    folded = _ELISION.sub(" ", _POSSESSIVE.sub("", _ADDRESS.sub(" ", fold(text or ""))))
    tokens = (token for token in _TOKEN.findall(folded) if token not in STOP_WORDS)
    return [token if _TECHNICAL.search(token) else _stem(token) for token in tokens]


def index_text(*parts: str | None) -> str:
    """What to store beside a row: its unique words separated and surrounded by spaces, for ``LIKE '% word %'``.

    "node.js" is also indexed as "node" and "nodejs". Empty when there is no word.
    """
    unique: dict[str, None] = {}
    for part in parts:
        for word in words(part):
            unique[word] = None
            if word.endswith(".js"):
                unique[_stem(word[:-3])] = unique[_stem(word[:-3] + "js")] = None
    return f" {' '.join(unique)} " if unique else ""


def query_words(query: str | None) -> list[str]:
    """The unique words of what a person searches, in order, 12 at most (a longer query is cut)."""
    return list(dict.fromkeys(words((query or "")[:1000])))[:MAX_QUERY_WORDS]


def word_index(name: str, table: str) -> migrations.RunPython:
    """The migration's operation. PostgreSQL indexes the words of `search_text` (GIN); SQLite scans the same column."""

    def on_postgresql(sql: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
        return lambda _apps, editor: editor.execute(sql) if editor.connection.vendor == "postgresql" else None

    create = f"CREATE INDEX {name} ON {table} USING gin (string_to_array(search_text, ' '))"
    return migrations.RunPython(on_postgresql(create), on_postgresql(f"DROP INDEX {name}"))
