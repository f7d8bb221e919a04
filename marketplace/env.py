"""Typed readers of environment variables. Each fails with one clear sentence, naming the variable."""

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def text(name: str, default: str | None = None) -> str:
    """The variable's text, or `default`; required when there is no default."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is required and is not set.")
    return default


def boolean(name: str, default: bool) -> bool:
    """true/false, yes/no, on/off, 1/0; anything else is refused."""
    value = text(name, str(default)).lower()
    if value not in _BOOLEANS:
        raise ImproperlyConfigured(f"{name}={value!r} is not a boolean: use true or false.")
    return _BOOLEANS[value]


def integer(name: str, default: int) -> int:
    """A whole number."""
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from error


def items(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [item.strip() for item in text(name, ",".join(default)).split(",") if item.strip()]


def secret(name: str, default: str | None = None) -> str:
    """The secret in NAME, or in the file named by NAME_FILE (as container platforms mount them)."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error.strerror}.") from error
    return text(name, default)


def database(name: str, default_file: Path) -> dict:
    """Django's DATABASES entry from a URL: postgres://user:pass@host:port/name?option=value or sqlite:///file."""
    url = text(name, f"sqlite:///{default_file}")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) if parts.path.startswith("//") else unquote(parts.path),
            # IMMEDIATE: a transaction takes the write lock when it starts, so two writers queue instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        try:
            port = parts.port
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: the port is not a number.") from error
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": query.pop("host", "") or parts.hostname or "",
            "PORT": str(port or ""),
            "CONN_MAX_AGE": 600,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": query,
        }
    raise ImproperlyConfigured(f"{name} must start with postgres:// or sqlite://, not {parts.scheme or 'nothing'}://.")
