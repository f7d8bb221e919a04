"""YAML as data and nothing else: one document, no tag, no alias, no duplicate key, bounded in size and depth.

Built from the parser's events, so no object is ever constructed from what the text says. YAML 1.2 core words (true,
false, null) are read; every other plain word stays the text it was written as: « 1.10 » is not 1.1, and a date is a
text. `Number` marks the plain words that YAML would call numbers.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from contracts.code.sentences import Sentence
from contracts.code.sentences import Sentence as _

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_PLAIN |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|0o[0-7]+")


class Number(str):
    """A number written without quotes, as its own text."""


class YamlError(Exception):
    """What is wrong, as a sentence for the person; `path` is the key where it is, "" for the whole text."""

    def __init__(self, sentence: Sentence, path: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.path = sentence, path


def load(text: str | bytes) -> Any:
    """The document: dict (text keys), list, str, bool or None. Raises YamlError."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise YamlError(_("Le fichier doit être en UTF-8.")) from error
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise YamlError(_("Le fichier dépasse 256 Ko."))
    try:
        events = yaml.parse(text, Loader=_LOADER)
        document = _document(events)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = _("YAML illisible à la ligne %d.") % (mark.line + 1) if mark else _("YAML illisible.")
        raise YamlError(where) from error
    return document


def _document(events: Iterator[yaml.Event]) -> Any:
    value, documents = None, 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError(_("Le fichier contient plusieurs documents YAML."))
        elif isinstance(event, yaml.NodeEvent):
            value = _node(event, events, "", 0)
    return value


def _node(event: Any, events: Iterator[yaml.Event], path: str, depth: int) -> Any:
    if isinstance(event, yaml.AliasEvent) or event.anchor:
        raise YamlError(_("Les ancres et les alias YAML ne sont pas acceptés."), path)
    if event.tag not in (None, "!"):
        raise YamlError(_("Les étiquettes YAML (« !… ») ne sont pas acceptées."), path)
    if depth > MAX_DEPTH:
        raise YamlError(_("Le fichier est trop imbriqué."), path)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        listed: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            listed.append(_node(event, events, f"{path}[{len(listed)}]", depth + 1))
        return listed
    mapping: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise YamlError(_("Une clé doit être un texte."), path)
        key = event.value
        here = f"{path}.{key}" if path else key
        if key in mapping:
            raise YamlError(_("Cette clé est présente deux fois."), here)
        if event.anchor or event.tag not in (None, "!"):
            raise YamlError(_("Les ancres et les étiquettes YAML ne sont pas acceptées."), here)
        mapping[key] = _node(next(events), events, here, depth + 1)
    return mapping


def _scalar(event: yaml.ScalarEvent) -> str | bool | None:
    if not event.implicit[0]:  # quoted, or a block
        return event.value
    if event.value in _PLAIN:
        return _PLAIN[event.value]
    return Number(event.value) if _NUMBER.fullmatch(event.value) else event.value
