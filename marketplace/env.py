"""Typed readers of environment variables. Each fails with one clear sentence, naming the variable."""

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from redis import ConnectionPool

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


def integer(name: str, default: int, *, minimum: int | None = None) -> int:
    """A whole number, of at least `minimum`."""
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from error
    if minimum is not None and number < minimum:
        raise ImproperlyConfigured(f"{name}={value!r} must be at least {minimum}.")
    return number


def items(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [item.strip() for item in text(name, ",".join(default)).split(",") if item.strip()]


def secret(name: str, default: str | None = None) -> str:
    """The secret in NAME, or in the file named by NAME_FILE (as container platforms mount them).

    Every variable that may hold a password is read here, addresses of servers included. An empty file is refused: a
    secret that was never written must not pass for one that is not wanted.
    """
    path = os.environ.get(f"{name}_FILE", "").strip()
    if path:
        try:
            held = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:  # its own words hold a piece of the secret
            raise ImproperlyConfigured(f"{name}_FILE={path!r} is not a text in UTF-8.") from None
        if not held:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} is empty.")
        return held
    return text(name, default)


def _address(name: str, url: str) -> SplitResult:
    """A URL in its parts, its host and port well formed; the sentence never says what it holds."""
    try:
        parts = urlsplit(url)
        _host, _port = parts.hostname, parts.port
    except ValueError:  # its own words may hold a piece of the password
        raise ImproperlyConfigured(
            f"{name}: the host or the port is not valid; special signs of a password must be escaped."
        ) from None
    return parts


def server(name: str, *schemes: str) -> str:
    """The address of a server, scheme://host:port, or nothing."""
    url = text(name, "")
    if url:
        parts = _address(name, url)
        if parts.scheme not in schemes or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must be {schemes[0]}://host:port.")
    return url


def redis(name: str, default: str) -> str:
    """The address of a Redis or a Valkey, as its client reads it: redis://, rediss:// or unix://; or nothing."""
    url = secret(name, default)
    if not url:
        return ""
    parts = _address(name, url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(f"{name} must start with redis://, rediss:// or unix://.")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ImproperlyConfigured(f"{name} must be unix:///path/of/the/socket.")
    elif not re.fullmatch(r"/?\d*", parts.path):
        raise ImproperlyConfigured(f"{name}: what follows the host must be the number of a base, as in redis://host/0.")
    try:
        ConnectionPool.from_url(url)  # reads the rest, and connects to nothing
    except ValueError:
        raise ImproperlyConfigured(f"{name}: what follows « ? » is not valid.") from None
    return url


def broker(url: str) -> str:
    """The same address in Celery's words."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    base = parse_qs(parts.query).get("db", ["0"])[-1]
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{who}{parts.path}?virtual_host={base}"


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """One of these words, in capitals."""
    value = text(name, default).upper()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}.")
    return value


def database(name: str, default_file: Path) -> dict[str, Any]:
    """Django's DATABASES entry from a URL: postgres://user:pass@host:port/name?option=value or sqlite:///file."""
    parts = _address(name, secret(name, f"sqlite:///{default_file}"))
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) if parts.path.startswith("//") else unquote(parts.path),
            # IMMEDIATE: a transaction takes the write lock when it starts, so two writers queue instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # FULL: what was acknowledged outlives a power cut, not only a killed process.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": query.pop("host", "") or parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 600,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": query,
        }
    raise ImproperlyConfigured(f"{name} must start with postgres:// or sqlite://, not {parts.scheme or 'nothing'}://.")


def email(name: str, default: str) -> dict[str, Any]:
    """How mail leaves, from console:// or smtp, smtp+tls, smtps://user:password@host:port, escaped as in any URL.

    {BACKEND, HOST, PORT, USER, PASSWORD, USE_SSL, USE_TLS}; the password is never in an error's sentence.
    """
    parts = _address(name, secret(name, default))
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in {"console", "smtp", "smtps", "smtp+tls"}:
        raise ImproperlyConfigured(f"{name} must start with console://, smtp://, smtp+tls:// or smtps://.")
    if parts.scheme != "console" and (not host or parts.path.strip("/") or parts.query or parts.fragment):
        raise ImproperlyConfigured(
            f"{name} must be {parts.scheme}://user:password@host:port, with special signs escaped."
        )
    return {
        "BACKEND": "django.core.mail.backends.console.EmailBackend"
        if parts.scheme == "console"
        else "marketplace.mail.smtp.EmailBackend",
        "HOST": host,
        "PORT": port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "USE_SSL": parts.scheme == "smtps",
        "USE_TLS": parts.scheme == "smtp+tls",
    }
