"""`manage.py stripe_events [--again | --close] [ID…]`: what Stripe announced and 72 hours did not follow."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contracts.payments import webhooks
from marketplace.dates import clock
from marketplace.values.signs import packed


class Command(BaseCommand):
    help = (
        "Nomme les événements de Stripe abandonnés, avec la raison. --again : les reprend (ceux qui sont nommés, ou "
        "tous) au prochain passage, dans la minute; --close : classe ceux qui sont nommés, une fois examinés."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=packed, metavar="ID", help="evt_…, comme cette commande les nomme")
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--again", action="store_true", help="les reprend")
        act.add_argument("--close", action="store_true", help="les classe : rien ne sera plus demandé à leur sujet")

    def handle(self, *args: Any, ids: list[str], again: bool, close: bool, **options: Any) -> None:
        if close and not ids:
            raise CommandError("Nommez les événements à classer.")
        if not again and not close:
            if ids:
                raise CommandError("Ajoutez --again ou --close.")
            self._tell()
            return
        count = webhooks.take_up(ids, at=clock.now()) if again else webhooks.close(ids, at=clock.now())
        if ids and count < len(set(ids)):
            self.stderr.write("Certains n’existent pas, ou n’étaient pas abandonnés.")
        self.stdout.write(f"{count} repris." if again else f"{count} classé(s).")

    def _tell(self) -> None:
        rows = list(webhooks.given_up())
        for row in rows:
            self.stdout.write(f"{row.event_id}\t{row.type}\t{row.received_at:%Y-%m-%d %H:%M}\t{row.last_error}")
        self.stdout.write(f"{len(rows)} événement(s) abandonné(s).")
