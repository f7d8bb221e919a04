"""`manage.py seed [--if-empty]`: an occasion at every stage, and accounts to look at them with."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.flags import compute
from demo import audit_story, people, story
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.mail import outbox
from marketplace.models import User
from opportunities.models import Opportunity


class Command(BaseCommand):
    help = "Remplit une base vide d’occasions de démonstration, à toutes les étapes. Refusé en production."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="ne fait rien, sans erreur, si la base est remplie")

    def handle(self, *args: Any, if_empty: bool, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Les données de démonstration sont refusées en production.")
        with outbox.held(), transaction.atomic():
            if Opportunity.objects.exists():
                if if_empty:
                    return
                raise CommandError("La base contient déjà des occasions : rien n’a été écrit.")
            self.stdout.write("Occasions de démonstration : quelques secondes…")
            self.stdout.flush()
            story.tell(clock.now())
            with clock.set_to(clock.now() - timedelta(minutes=1)):  # after the last act, before now
                compute.refresh(clock.now())
                audit_story.sample(by=User.objects.get(email=people.ACCOUNTS["auditor"].email))
                checkpoints.make(at=clock.now())  # proofs and their page have something to show
            count = Opportunity.objects.count()
        self.stdout.write(f"{count} occasions de démonstration. Comptes :\n\n")
        for line in people.table():
            self.stdout.write(line)
