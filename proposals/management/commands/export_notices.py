"""`manage.py export_notices [FILE|-]`: every published notice and its versions, for `tools/verify.py notices`."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from marketplace.files import store
from marketplace.files.disk import written_whole
from proposals.notice import export


class Command(BaseCommand):
    help = (
        "Exporte les avis publiés et leurs versions en lignes JSON, avant d’exporter le registre. "
        "Vérification : tools/verify.py notices FICHIER --ledger REGISTRE."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- (par défaut) : sortie standard")

    def handle(self, *args, file: str, **options):
        try:
            if file == "-":
                for line in export.lines():
                    self.stdout.write(line.decode(), ending="")
            else:
                written_whole(Path(file), export.lines())
        except store.Unavailable as error:
            raise CommandError("Le stockage des fichiers ne répond pas : rien n’a été exporté.") from error
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être écrit : {error.strerror}.") from error
