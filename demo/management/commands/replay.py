"""`manage.py replay FILE`: past purchases through the public verbs, and whether the same bidder wins."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from tqdm import tqdm

from demo import purchases, replay
from marketplace.mail import outbox

HEADER = ("id", "bids received", "bids counted", "winner", "amount", "result")


class Command(BaseCommand):
    help = "Rejoue des achats passés (forme du fichier : docs/replay.md) et compare l’attribution à celle d’origine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("La reprise écrit des actes datés du passé : elle est refusée en production.")
        try:
            to_play = purchases.read(file)
        except OSError as error:
            raise CommandError(f"{file} ne peut pas être lu : {error.strerror}.") from error
        except purchases.Malformed as error:
            raise CommandError(f"Rien n’a été écrit. {error}") from error
        try:
            # All or nothing: a half-replayed file would look like a whole one.
            with outbox.held(), transaction.atomic():
                bar = tqdm(to_play, unit="achat", disable=not sys.stderr.isatty())
                outcomes = list(replay.replay(bar))
        except replay.Refused as error:
            raise CommandError(f"Rien n’a été écrit. {error}") from error
        for line in table(outcomes):
            self.stdout.write(line)
        same = sum(outcome.as_recorded for outcome in outcomes)
        self.stdout.write(f"{len(outcomes)} purchases, {same} awarded as recorded")


def table(outcomes: list[replay.Outcome]) -> list[str]:
    """The header, then one aligned line per purchase."""
    rows = [HEADER] + [
        tuple(
            "-" if value is None else str(value)
            for value in (o.purchase.id, len(o.purchase.bids), o.counted, o.winner, o.amount, o.word)
        )
        for o in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
    return [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
