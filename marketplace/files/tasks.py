"""The files' periodic work."""

import logging
from typing import Any

from celery import shared_task

from marketplace.dates import clock
from marketplace.files import quarantine, shelf, sweep

logger = logging.getLogger(__name__)


@shared_task(name="marketplace.tasks.sweep_files")
def sweep_files(**kwargs: Any) -> None:
    """Remove what nobody came back for and stored files without a row, and tell of rows without their file."""
    shelf.forget_old()
    quarantine.forget_gone()
    try:
        sweep.sweep(at=clock.now())
    except sweep.TooMany as error:
        logger.critical("The sweep removed nothing: %s (manage.py sweep_files --many if that is right).", error)
    except OSError as error:
        logger.critical("The sweep could not list the stored files: %s.", type(error).__name__)


@shared_task(name="marketplace.tasks.scan_files")
def scan_files(**kwargs: Any) -> None:
    """Have the files that were taken without the antivirus scanned."""
    quarantine.scan_waiting()
