"""Logs in production: one JSON object a line. Never a request's body, a form's values or a local variable.

Nor the secret of a one-time link (new password, confirmation, invitation, a change to undo): whoever reads a line could
follow it. It is taken out of the whole line, so that a message, an exception's words, a referrer and a traceback are
alike.
"""

import logging
import re
from typing import Any

import structlog
from gunicorn.glogging import Logger as GunicornLogger

MASK = "•••"
# What follows these words in a path, or in one that travels in a query: tests/test_logs.py walks the routes.
_SLASH, _COLON = "(?:/|%(?:25)*2F)", "(?::|%(?:25)*3A)"
_LINK = re.compile(
    rf"""((?:password{_SLASH}reset{_SLASH}key|confirm-email|invitations|compte{_SLASH}annuler){_SLASH})(?:(?!{_SLASH})[^\s"'<>?#&\\])+""",
    re.IGNORECASE,
)
# What django.core.signing makes, wherever it is: value:instant:signature.
_SIGNED = re.compile(rf"[\w.=-]+{_COLON}\w{{6,8}}{_COLON}[\w-]{{27,}}", re.IGNORECASE)


def masked(text: str) -> str:
    """The text without the secrets of its one-time links."""
    return _SIGNED.sub(MASK, _LINK.sub(rf"\1{MASK}", text))


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(self) -> None:
        super().__init__(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        # Django attaches the request to its warnings; it would be printed with the user's name in it.
        record.__dict__.pop("request", None)
        return masked(super().format(record))


class PlainFormatter(logging.Formatter):
    """Elsewhere than in production: for people, with the same secrets left out."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class AccessLogger(GunicornLogger):
    """gunicorn's own, whose access log nobody asks for here: if an operator does, its lines are masked too."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        return {
            name: masked(value) if isinstance(value, str) else value for name, value in super().atoms(*args).items()
        }
