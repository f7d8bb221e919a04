"""Past purchases to replay: the file is read and checked whole before anything is played. Its shape: docs/replay.md."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from marketplace.dates.calendar import is_business_day
from marketplace.dates.localtime import local
from marketplace.money import format_cents
from marketplace.search import fold
from opportunities.conditions import ceiling_cents

MODES = ("sealed_bid", "reverse")
TITLE_MAX, TEASER_MAX, DESCRIPTION_MAX, SKILL_MAX, LINK_MAX = 200, 500, 10_000, 100, 400
YEARS = range(2001, 2101)
INTEGER_MAX = 10**12


class Malformed(Exception):
    """The file cannot be replayed; one French line per problem, each naming the purchase and the field."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Bid:
    """`amount` in whole dollars, before taxes; `at` in UTC."""

    bidder: int
    amount: int
    at: datetime


@dataclass(frozen=True)
class Winner:
    """What the record says of the award; `amount` in whole dollars."""

    bidder: int
    amount: int


@dataclass(frozen=True)
class Purchase:
    """One past purchase: lowest price wins. Bids in the order of their instants."""

    id: int
    title: str
    teaser: str
    description: str
    repository: str
    skills: tuple[str, ...]
    ceiling: int
    opens_at: datetime
    closes_at: datetime
    bids: tuple[Bid, ...]
    winner: Winner | None


class _Problem(Exception):
    """(field, what is wrong)."""


def read(path: Path) -> list[Purchase]:
    """Every purchase of a file, in its order. Malformed when anything at all is wrong; OSError when unreadable."""
    try:
        # Not json's own detection: it would guess UTF-16 and let a wrongly exported file through, letters changed.
        data = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_once, parse_constant=_not_a_number)
    except UnicodeDecodeError as error:
        raise Malformed(f"Le fichier n’est pas en UTF-8 (octet {error.start}).") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"Le fichier n’est pas du JSON lisible : {error}.") from error
    if not isinstance(data, dict):
        raise Malformed("Le fichier doit être un objet JSON avec une clé « purchases ».")
    rows = data.get("purchases")
    if not isinstance(rows, list) or not rows:
        raise Malformed("Champ purchases : une liste d’au moins un achat est attendue.")
    source = data.get("source", "")
    if not isinstance(source, str) or not _storable(source) or len(source) > TEASER_MAX:
        raise Malformed(f"Champ source : un texte d’au plus {TEASER_MAX} caractères est attendu.")
    purchases, problems, seen = [], [], set()
    for position, row in enumerate(rows, 1):
        name = f"achat en position {position}"
        try:
            if not isinstance(row, dict):
                raise _Problem("", "un objet est attendu")
            identifier = _whole(row, "id")
            name = f"achat {identifier}"
            if identifier in seen:
                raise _Problem("id", "ce numéro est déjà pris par un autre achat du fichier")
            seen.add(identifier)
            purchases.append(_purchase(row, identifier, source))
        except _Problem as problem:
            field, what = problem.args
            problems.append(f"{name}, champ {field} : {what}." if field else f"{name} : {what}.")
    if problems:
        raise Malformed(*problems)
    return purchases


def _purchase(row: dict[str, Any], identifier: int, source: str) -> Purchase:
    if _text(row, "mode") not in MODES:
        raise _Problem("mode", f"valeurs possibles : {', '.join(MODES)}")
    title = " ".join(_text(row, "title").split())
    if not title or len(title) > TITLE_MAX:
        raise _Problem("title", f"de 1 à {TITLE_MAX} caractères")
    summary = " ".join(_text(row, "summary").split())
    repository = _text(row, "repository", optional=True)
    if len(repository) > LINK_MAX:
        raise _Problem("repository", f"pas plus de {LINK_MAX} caractères")
    _text(row, "customer", optional=True)
    ceiling = _whole(row, "ceiling", least=1)
    opens_at, closes_at = _instant(row, "opens_at"), _instant(row, "closes_at")
    if closes_at <= opens_at:
        raise _Problem("closes_at", "la fermeture doit suivre l’ouverture (opens_at)")
    if not is_business_day(local(closes_at).date()):
        raise _Problem("closes_at", "la fermeture doit tomber un jour ouvrable")
    limit = ceiling_cents(local(opens_at).date())
    if ceiling * 100 >= limit:
        raise _Problem("ceiling", f"le montant doit être inférieur à {format_cents(limit)}")
    bids = _bids(row)
    return Purchase(
        id=identifier,
        title=title,
        teaser=shortened(summary),
        description=_description(row, summary, identifier, source),
        repository=repository,
        skills=_skills(row),
        ceiling=ceiling,
        opens_at=opens_at,
        closes_at=closes_at,
        bids=tuple(sorted(bids, key=lambda bid: bid.at)),
        winner=_winner(row, bids),
    )


def shortened(text: str, most: int = TEASER_MAX) -> str:
    """The text itself, or cut at a word and ended with « … » so as to hold in `most` characters."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    if not text[most - 1].isspace():
        cut = cut.rpartition(" ")[0] or cut
    return cut.rstrip(" ,;:.") + "…"


def _description(row: dict[str, Any], summary: str, identifier: int, source: str) -> str:
    text = _text(row, "description").replace("\r\n", "\n").strip()
    if not text:
        raise _Problem("description", "un texte est attendu")
    parts = [summary] if len(summary) > TEASER_MAX else []
    parts += [text, f"Reprise de l’achat {identifier}." + (f" Source : {source}." if source else "")]
    whole = "\n\n".join(parts)
    if len(whole) > DESCRIPTION_MAX:
        raise _Problem("description", f"avec le résumé et la source, pas plus de {DESCRIPTION_MAX} caractères")
    return whole


def _skills(row: dict[str, Any]) -> tuple[str, ...]:
    skills = _list(row, "skills")
    for index, skill in enumerate(skills):
        if not isinstance(skill, str) or not _storable(skill):
            raise _Problem(f"skills[{index}]", "un texte est attendu")
        if not 1 <= len(fold(skill).strip()) <= SKILL_MAX or len(skill) > SKILL_MAX:
            raise _Problem(f"skills[{index}]", f"de 1 à {SKILL_MAX} caractères")
    if not skills:
        raise _Problem("skills", "au moins une compétence est attendue")
    return tuple(dict.fromkeys(skill.strip() for skill in skills))


def _bids(row: dict[str, Any]) -> list[Bid]:
    bids = []
    for index, bid in enumerate(_list(row, "bids")):
        where = f"bids[{index}]"
        if not isinstance(bid, dict):
            raise _Problem(where, "un objet est attendu")
        prefix = f"{where}."
        bids.append(
            Bid(
                _whole(bid, "bidder", prefix=prefix),
                _whole(bid, "amount", least=1, prefix=prefix),
                _instant(bid, "at", prefix=prefix),
            )
        )
    return bids


def _winner(row: dict[str, Any], bids: list[Bid]) -> Winner | None:
    if "winner" not in row:
        raise _Problem("winner", "ce champ manque")
    winner = row["winner"]
    if winner is None:
        return None
    if not isinstance(winner, dict):
        raise _Problem("winner", "un objet, ou null sans attribution, est attendu")
    bidder = _whole(winner, "bidder", prefix="winner.")
    amount = _whole(winner, "amount", least=1, prefix="winner.")
    if bidder not in {bid.bidder for bid in bids}:
        raise _Problem("winner.bidder", f"le proposant {bidder} n’a rien déposé")
    return Winner(bidder, amount)


# --- One value ---------------------------------------------------------------------------------------------------
def _value(row: dict[str, Any], field: str, prefix: str = "") -> Any:
    if field not in row:
        raise _Problem(prefix + field, "ce champ manque")
    return row[field]


def _text(row: dict[str, Any], field: str, *, optional: bool = False) -> str:
    value = row.get(field) if optional else _value(row, field)
    if optional and value is None:
        return ""
    if not isinstance(value, str):
        raise _Problem(field, "un texte est attendu")
    if not _storable(value):
        raise _Problem(field, "ce texte contient un caractère interdit")
    return value


def _storable(text: str) -> bool:
    """No NUL (PostgreSQL refuses it) and no half of a surrogate pair (UTF-8 has none)."""
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _whole(row: dict[str, Any], field: str, *, least: int = 0, prefix: str = "") -> int:
    value = _value(row, field, prefix)
    if type(value) is not int:  # neither 12.0 nor true is a whole number here
        raise _Problem(prefix + field, "un nombre entier est attendu")
    if not least <= value <= INTEGER_MAX:
        raise _Problem(prefix + field, f"un nombre entier d’au moins {least} est attendu")
    return value


def _instant(row: dict[str, Any], field: str, *, prefix: str = "") -> datetime:
    value = _value(row, field, prefix)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _Problem(prefix + field, "un instant est attendu, par exemple 2016-01-11T18:00:00+00:00") from error
    if moment.utcoffset() is None:
        raise _Problem(prefix + field, "cet instant ne dit pas son fuseau horaire (ajoutez +00:00)")
    if moment.year not in YEARS:
        raise _Problem(prefix + field, f"une année de {YEARS[0]} à {YEARS[-1]} est attendue")
    return moment.astimezone(UTC)


def _list(row: dict[str, Any], field: str) -> list[Any]:
    value = _value(row, field)
    if not isinstance(value, list):
        raise _Problem(field, "une liste est attendue")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("une clé est écrite deux fois dans le même objet")
    return value


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} n’est pas un nombre")
