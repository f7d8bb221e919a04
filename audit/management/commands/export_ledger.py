"""`manage.py export_ledger [--from N] [--to N] [--with-payloads] [FILE|-]`: for tools/verify.py."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audit.ledger import export as ledger_export
from marketplace.dates import clock
from marketplace.doors import arguments
from marketplace.files.disk import written_whole
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry


class Command(BaseCommand):
    help = "Exporte le registre en lignes JSON, avec une tête signée. Vérification : tools/verify.py ledger FICHIER."

    def add_arguments(self, parser):
        parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- (par défaut) : sortie standard")
        rank = arguments.whole(least=1, most=arguments.LARGEST)
        parser.add_argument("--from", dest="first", type=rank, default=1, metavar="N", help="première inscription")
        parser.add_argument("--to", dest="last", type=rank, metavar="N", help="dernière inscription")
        parser.add_argument(
            "--with-payloads",
            action="store_true",
            help="joint les détails (renseignements personnels), jamais ceux d’une proposition scellée",
        )

    def handle(self, *args, file: str, first: int, last: int | None, with_payloads: bool, **options):
        if last is not None and last < first:
            raise CommandError("Les bornes doivent être des nombres d’au moins 1, dans l’ordre.")
        try:
            checkpoints.check_origin()
        except IllegalMove as error:
            raise CommandError(str(error)) from error
        _record(first, last, with_payloads)
        lines = ledger_export.lines(first=first, last=last, with_payloads=with_payloads)
        try:
            if file == "-":
                for line in lines:
                    self.stdout.write(line.decode(), ending="")
            else:
                written_whole(Path(file), lines)
        except ledger_export.NothingThere as error:
            raise CommandError(f"Le registre n’a pas encore d’inscription {first}.") from error
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être écrit : {error.strerror}.") from error


def _record(first: int, last: int | None, with_payloads: bool) -> None:
    """An export is a sensitive read, which it contains itself when it goes to the end."""
    if first > 1 and not LedgerEntry.objects.filter(seq__gte=first).exists():
        raise CommandError(f"Le registre n’a pas encore d’inscription {first}.")
    with transaction.atomic():
        ledger.record(
            "read.export", "ledger", by=None, at=clock.now(), first=first, last=last, with_payloads=with_payloads
        )
