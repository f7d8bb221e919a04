"""`manage.py sign_ledger`: a checkpoint now, besides the nightly one; the note on standard output."""

from django.core.management.base import BaseCommand

from marketplace import checkpoints, clock


class Command(BaseCommand):
    help = "Signe un relevé du registre et l’écrit sur la sortie standard."

    def handle(self, *args, **options):
        self.stdout.write(checkpoints.make(at=clock.now()).note, ending="")
