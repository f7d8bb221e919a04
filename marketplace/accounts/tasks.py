"""Sessions that ended are forgotten; so is what may be undone no more, and forms that were sent long ago."""

from importlib import import_module
from typing import Any

from celery import shared_task
from django.conf import settings

from marketplace.accounts.change import UNDO_FOR, AccountChange
from marketplace.dates import clock
from marketplace.twice.sent import KEPT_FOR, SentForm


@shared_task(name="marketplace.tasks.clear_sessions")
def clear_sessions(**kwargs: Any) -> None:
    """Delete the rows of sessions that ended, a kept form with them, changes whose link is long dead, old forms.

    Changes: twice as long, so that a link that has just served, or is a little late, is still answered by a sentence.
    """
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    AccountChange.objects.filter(at__lt=clock.now() - 2 * UNDO_FOR).delete()
    SentForm.objects.filter(at__lt=clock.now() - KEPT_FOR).delete()
