"""`manage.py sign_ledger`: a checkpoint now, besides the nightly one; the note on standard output."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.lifecycle import IllegalMove


class Command(BaseCommand):
    help = "Signe un relevé du registre et l’écrit sur la sortie standard."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checkpoint = checkpoints.make(at=clock.now())
        except IllegalMove as error:
            raise CommandError(str(error)) from error
        self.stdout.write(checkpoint.note, ending="")
