"""Stripe's form encoding (``a[b][0]=c``), decoded; and typed readings of the decoded text."""

import re
from urllib.parse import parse_qsl

from tools.stripe_standin.errors import invalid, missing

PIECES = re.compile(r"\[([^\]]*)\]")
INTEGER = re.compile(r"-?\d{1,18}")
FREE_KEYS = {"metadata"}  # its keys are the caller's: digits there do not make a list


def decode(text: str) -> dict:
    """Nested dicts and lists of strings. ``a[]=x`` and ``a[0]=x`` are lists, except inside ``metadata``."""
    tree: dict = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        root = name.partition("[")[0]
        keys = [root, *PIECES.findall(name[len(root) :])]
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key or str(len(node)), {})
            if not isinstance(node, dict):
                raise invalid(name, "a value and a hash at once")
        node[keys[-1] or str(len(node))] = value
    return {key: _lists(value, key) for key, value in tree.items()}


def _lists(node, name):
    if not isinstance(node, dict):
        return node
    if node and name not in FREE_KEYS and all(key.isdigit() for key in node):
        return [_lists(node[key], "") for key in sorted(node, key=int)]
    return {key: _lists(value, key) for key, value in node.items()}


def text(params: dict, name: str, *, default: str | None = None, required: bool = False) -> str | None:
    """A string; the empty string counts as absent. Raises `Refused` when required and absent, or not a string."""
    value = params.get(name, "")
    if not isinstance(value, str):
        raise invalid(name, "a string is expected")
    if not value and required:
        raise missing(name)
    return value or default


def integer(params: dict, name: str, *, default: int | None = None, required: bool = False) -> int | None:
    """An integer (cents, seconds since 1970). Raises `Refused`."""
    value = text(params, name, required=required)
    if value is None:
        return default
    if not INTEGER.fullmatch(value):
        raise invalid(name, f"not an integer: {value}", "parameter_invalid_integer")
    return int(value)


def boolean(params: dict, name: str) -> bool:
    value = text(params, name, default="false")
    if value not in ("true", "false"):
        raise invalid(name, "true or false is expected")
    return value == "true"


def choice(params: dict, name: str, allowed, *, default: str | None = None, required: bool = False) -> str | None:
    value = text(params, name, default=default, required=required)
    if value is not None and value not in allowed:
        raise invalid(name, f"must be one of {', '.join(allowed)}")
    return value


def currency(params: dict) -> str:
    """Canadian dollars only: the stand-in holds one balance."""
    value = text(params, "currency", required=True).lower()
    if value != "cad":
        raise invalid("currency", "the stand-in only knows cad")
    return value


def branch(params: dict, name: str) -> dict:
    """A nested hash, empty when absent."""
    value = params.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(name, "a hash is expected")
    return value


def sequence(params: dict, name: str) -> list:
    value = params.get(name) or []
    if not isinstance(value, list):
        raise invalid(name, "an array is expected")
    return value


def metadata(params: dict) -> dict[str, str]:
    """At most 50 keys of 40 characters, values of 500 characters, as Stripe limits them."""
    pairs = branch(params, "metadata")
    if len(pairs) > 50:
        raise invalid("metadata", "at most 50 keys")
    for key, value in pairs.items():
        if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
            raise invalid(f"metadata[{key[:40]}]", "keys have at most 40 characters, values are text of at most 500")
    return {key: value for key, value in pairs.items() if value}
