"""`manage.py restore FOLDER`: a backup into an empty database and an empty storage, checked file by file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from marketplace.service import backup
from marketplace.service.postgres import ProgramFailed


class Command(BaseCommand):
    help = "Remet une sauvegarde dans une base et un stockage vides, puis vérifie la tête du registre."
    requires_system_checks: list[str] = []  # the database is empty

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="ce que manage.py backup a écrit")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            done = backup.put_back(folder, connection=connection)
        except (backup.Refused, ProgramFailed, OSError) as error:
            raise CommandError(f"Restauration refusée : {error}") from error
        self.stdout.write(f"{done.files} fichiers ({done.size} octets) et la base sont en place, empreintes vérifiées.")
        self.stdout.write(f"Tête du registre : {done.head.seq} {done.head.hash}")
        self.stdout.write("Ensuite : manage.py migrate (droits des rôles), manage.py doctor, puis export_ledger et")
        self.stdout.write(f"tools/verify.py ledger FICHIER --key CLÉ --expect {done.head.hash}")
