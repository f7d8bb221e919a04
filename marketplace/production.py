"""What production refuses to start with: one sentence each, naming the variable. Called by settings.py, at its end.

And what a demonstration refuses: the real thing.
"""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

PLACEHOLDER_SECRET = "embedded-default-not-for-production"
PLACEHOLDER_PREFIX = "ocds-xxxxxx"
SECRET_MINIMUM = 50
TOKEN_MINIMUM = 32
CONFIRMATION_MOST = 60


def refuse_placeholders(settings: Mapping) -> None:
    """Raise ImproperlyConfigured at the first setting that has no place in production.

    `settings`: the module's names and values. What the key files hold is checked by marketplace.keys, at start-up.
    """
    for fault in _faults(settings):
        raise ImproperlyConfigured(fault)


def refuse_the_real(settings: Mapping) -> None:
    """Raise ImproperlyConfigured when a demonstration would touch money or people: it has stand-ins for both."""
    if settings["PRODUCTION"]:
        raise ImproperlyConfigured("DEMONSTRATION must be false in production: it says that everything is invented.")
    if settings["STRIPE_SECRET_KEY"] and not settings["STRIPE_API_BASE"]:
        raise ImproperlyConfigured("STRIPE_SECRET_KEY needs STRIPE_API_BASE, a stand-in, in a demonstration.")
    if settings["STRIPE_SECRET_KEY"].startswith(("sk_live", "rk_live")):
        raise ImproperlyConfigured("STRIPE_SECRET_KEY must not be a live key in a demonstration.")
    if settings["EMAIL_HOST_PASSWORD"]:
        raise ImproperlyConfigured("EMAIL_URL must be a mail catcher, without a password, in a demonstration.")


def _faults(settings: Mapping):
    if settings["DEBUG"]:
        yield "DEBUG must be false when PRODUCTION is true."
    if settings["SECRET_KEY"] == PLACEHOLDER_SECRET or len(settings["SECRET_KEY"]) < SECRET_MINIMUM:
        yield f"SECRET_KEY must be a random text of at least {SECRET_MINIMUM} characters in production."
    if not settings["ALLOWED_HOSTS"]:
        yield "ALLOWED_HOSTS is required in production."
    if any("*" in host for host in settings["ALLOWED_HOSTS"]):
        yield "ALLOWED_HOSTS must name the hosts in production: * accepts any."
    if not _is_public_origin(settings["BASE_URL"]):
        yield "BASE_URL must be https:// and a public host name in production, with nothing after it."
    if settings["OCDS_PREFIX"] == PLACEHOLDER_PREFIX:
        yield "OCDS_PREFIX is still the placeholder: ask for a prefix and set it."
    for name in ("SEAL_KEY_FILE", "SIGNING_KEY_FILE"):
        if not settings[name].is_file():
            yield f"{name}={settings[name]} does not exist: run `manage.py create_keys` once, offline."
    if settings["DATABASES"]["default"]["ENGINE"].endswith("sqlite3"):
        yield "DATABASE_URL must be a PostgreSQL database in production: SQLite has one writer and no roles."
    if settings["EMAIL_BACKEND"].endswith("console.EmailBackend"):
        yield "EMAIL_URL must be a mail server in production: console:// sends nothing."
    if settings["STRIPE_API_BASE"]:
        yield "STRIPE_API_BASE must be empty in production: it names a stand-in, whose payments are not payments."
    if not settings["SECOND_FACTOR_REQUIRED"]:
        yield "SECOND_FACTOR_REQUIRED must be true in production: only a demonstration does without it."
    if settings["CONFIRMATION_MINUTES"] > CONFIRMATION_MOST:
        yield f"CONFIRMATION_MINUTES must be at most {CONFIRMATION_MOST} in production: an open session is no proof."
    if bool(settings["STRIPE_SECRET_KEY"]) != bool(settings["STRIPE_WEBHOOK_SECRET"]):
        yield "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET go together: without the second no payment is ever seen."
    if 0 < len(settings["METRICS_TOKEN"]) < TOKEN_MINIMUM:
        yield f"METRICS_TOKEN must be a random text of at least {TOKEN_MINIMUM} characters, or not set."
    for name in ("DEFAULT_FROM_EMAIL", "CONTACT_EMAIL"):
        if not _is_address(settings[name]):
            yield f"{name} must be a real address in production: it is empty, malformed or still the placeholder."


def _is_public_origin(url: str) -> bool:
    """https://host or https://host:port; neither a local name nor a local address."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    bare = parts.scheme == "https" and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if not bare or not host.strip(".") or any(character.isspace() for character in url):
        return False
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return not (address.is_loopback or address.is_unspecified)
    return host != "localhost" and not host.endswith(".localhost")


def _is_address(value: str) -> bool:
    """One address, alone or after a name. RFC 2606: nothing under .invalid can ever be delivered."""
    user, _at, domain = parseaddr(value)[1].rpartition("@")
    return bool(user and domain) and not domain.lower().rstrip(".").endswith("invalid")
