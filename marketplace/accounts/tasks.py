"""Sessions that ended are forgotten."""

from importlib import import_module
from typing import Any

from celery import shared_task
from django.conf import settings


@shared_task(name="marketplace.tasks.clear_sessions")
def clear_sessions(**kwargs: Any) -> None:
    """Delete the rows of sessions that ended; a kept form goes with them."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
