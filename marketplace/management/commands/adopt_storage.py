"""Say that the storage of the settings is this database's, after it was moved: docs/operations.md, « Stored files »."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.files import store
from marketplace.models import StorageMark


class Command(BaseCommand):
    help = "Écrit dans le stockage des fichiers la marque qui dit qu’il est celui de cette base."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--yes", action="store_true", help="écrit la marque; sans cela, dit seulement où l’on en est"
        )

    def handle(self, *args: Any, yes: bool, **options: Any) -> None:
        if not StorageMark.objects.exists():
            raise CommandError("Cette base n’a pas encore de marque : lancez « manage.py migrate ».")
        try:
            store.check_ours()
        except store.Elsewhere:
            pass
        except OSError as error:
            raise CommandError(f"Le stockage ne répond pas ({type(error).__name__}).") from error
        else:
            self.stdout.write("Ce stockage porte déjà la marque de cette base.")
            return
        self.stdout.write(f"{len(store.absent())} fichiers que des lignes tiennent ne sont pas dans ce stockage.")
        if not yes:
            raise CommandError("Rien n’a été écrit. Si c’est le bon stockage, ajoutez --yes.")
        store.adopt()
        self.stdout.write("Ce stockage est maintenant celui de cette base.")
