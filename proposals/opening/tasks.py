"""Background work on proposals."""

from celery import shared_task

from marketplace.files import quarantine
from proposals.drafts import actions as draft_actions
from proposals.opening import actions


@shared_task(name="proposals.tasks.open_due")
def open_due(**kwargs) -> None:
    """Open every occasion whose closing instant has passed; several workers at once open each once."""
    actions.open_due()


@shared_task(name="proposals.tasks.scan_files")
def scan_files(**kwargs) -> None:
    """Have the files of drafts and of opened proposals that were taken without the antivirus scanned."""
    if quarantine.answers():
        quarantine.look_all(draft_actions.waiting_files())
        quarantine.look_all(actions.waiting_files())
