"""`manage.py reset_second_factor EMAIL`: for somebody who lost both the phone and the recovery codes."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.models import User


class Command(BaseCommand):
    help = "Retire la vérification en deux étapes d’une personne, après avoir vérifié son identité autrement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError("Personne n’a cette adresse.")
        with transaction.atomic():
            removed, _details = Authenticator.objects.filter(user=person).delete()
            if not removed:
                raise CommandError("Cette personne n’a pas de vérification en deux étapes.")
            subject = f"person:{person.public_id}"
            ledger.record("person.second_factor_off", subject, by=None, at=clock.now(), operator=True)
        self.stdout.write(f"{email} : vérification en deux étapes retirée.")
