"""`manage.py resend ID… | --all-failed`: messages that were given up leave again, once their cause is corrected."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.dates import clock
from marketplace.mail import actions
from marketplace.models import OutgoingEmail
from marketplace.values.signs import packed


def _identifier(text: str) -> UUID:
    return UUID(packed(text))


class Command(BaseCommand):
    help = "Remet en attente des courriels abandonnés : ils partent au prochain passage, dans la minute."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "ids", nargs="*", type=_identifier, metavar="ID", help="ceux de la page /pilotage/courriels/"
        )
        parser.add_argument("--all-failed", action="store_true", help="tous ceux qui ont été abandonnés")

    def handle(self, *args: Any, ids: list[UUID], all_failed: bool, **options: Any) -> None:
        if bool(ids) == all_failed:
            raise CommandError("Nommez des courriels, ou donnez --all-failed.")
        rows = actions.given_up() if all_failed else OutgoingEmail.objects.filter(public_id__in=ids)
        count = actions.resend(rows, by=None, at=clock.now())
        left = "sont partis, n’existent pas, ou contenaient un lien personnel qui a été effacé."
        if ids and not count:
            raise CommandError(f"Aucun n’est remis en attente : ils {left}")
        if ids and count < len(set(ids)):
            self.stderr.write(f"Certains {left}")
        self.stdout.write(f"{count} en attente.")
