"""Sessions that ended are forgotten; so is what may be undone no more."""

from importlib import import_module
from typing import Any

from celery import shared_task
from django.conf import settings

from marketplace.accounts.change import UNDO_FOR, AccountChange
from marketplace.dates import clock


@shared_task(name="marketplace.tasks.clear_sessions")
def clear_sessions(**kwargs: Any) -> None:
    """Delete the rows of sessions that ended, a kept form with them, and changes whose link is long dead.

    Twice as long: a link that has just served, or is a little late, is still answered by a sentence.
    """
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    AccountChange.objects.filter(at__lt=clock.now() - 2 * UNDO_FOR).delete()
