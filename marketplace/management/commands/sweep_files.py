"""Remove stored files that no row holds, and say which rows have lost theirs, or have another's bytes.

docs/operations.md, « Stored files ».
"""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.dates import clock
from marketplace.doors import arguments
from marketplace.files import store, sweep


class Command(BaseCommand):
    help = (
        "Enlève les fichiers gardés dont aucune ligne de la base ne tient le nom; dit quelles lignes ont perdu le "
        "leur, ou n’ont plus les octets de leur empreinte."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="dit ce qui serait enlevé, et n’enlève rien")
        parser.add_argument(
            "--older-than", type=arguments.hours, default=24, metavar="HEURES", help="24 heures sans cela"
        )
        parser.add_argument("--many", action="store_true", help="enlève même s’il y en a plus que de lignes")

    def handle(self, *args: Any, dry_run: bool, older_than: float, many: bool, **options: Any) -> None:
        if older_than < 1 and not dry_run:
            raise CommandError("--older-than : une heure au moins, car une ligne est écrite après ses octets.")
        at, age = clock.now(), timedelta(hours=older_than)
        try:
            if dry_run:
                self._tell(sweep.look(at=at, older_than=age))
                return
            row = sweep.sweep(at=at, older_than=age, many=many)
        except sweep.TooMany as error:
            raise CommandError(
                f"{error.orphans} fichiers sans ligne pour {error.owned} lignes : est-ce la bonne base de données, et "
                "le bon stockage? Rien n’a été enlevé. Si oui, ajoutez --many."
            ) from error
        except store.Elsewhere as error:
            raise CommandError(f"Rien n’a été enlevé : {error}.") from error
        except OSError as error:
            raise CommandError(
                f"Le stockage ne se laisse pas lister ({type(error).__name__}) : rien n’a été enlevé."
            ) from error
        self.stdout.write(
            f"{row.looked} fichiers; {row.removed} enlevés ({row.bytes} octets); {row.missing} manquants; "
            f"{row.altered} altérés."
        )

    def _tell(self, found: sweep.Found) -> None:
        for file in found.orphans:
            self.stdout.write(f"sans ligne\t{file.name}\t{file.size}")
        for name in found.missing:
            self.stdout.write(f"manquant\t{name}")
        for name in found.altered:
            self.stdout.write(f"altéré\t{name}")
        self.stdout.write(
            f"{found.looked} fichiers; {len(found.orphans)} à enlever; {len(found.missing)} manquants; "
            f"{len(found.altered)} altérés."
        )
