"""`manage.py backup FOLDER`: the database, then the files, with a manifest. Never the keys."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from marketplace.dates import clock
from marketplace.service import backup
from marketplace.service.postgres import ProgramFailed


class Command(BaseCommand):
    help = "Sauvegarde la base de données, puis les fichiers, dans un dossier vide; jamais les clés."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="dossier absent ou vide")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            done = backup.make(folder, connection=connection, at=clock.now())
        except (backup.Refused, ProgramFailed, OSError) as error:
            raise CommandError(f"Sauvegarde non faite : {error}") from error
        self.stdout.write(f"{done.files} fichiers ({done.size} octets) et la base, dans {folder}")
        if done.gone:
            self.stdout.write(
                f"{done.gone} fichiers que la base tient ne sont pas dans le stockage, retirés pendant la copie ou "
                "perdus avant : le manifeste les nomme."
            )
        self.stdout.write(f"Tête du registre : {done.head.seq} {done.head.hash}")
        self.stdout.write(
            "Chiffrez ce dossier avant qu’il quitte la machine. Les clés n’y sont pas : gardez-les à part."
        )
