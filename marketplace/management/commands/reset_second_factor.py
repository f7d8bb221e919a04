"""`manage.py reset_second_factor EMAIL`: for somebody who lost both the phone and the recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.accounts import actions
from marketplace.dates import clock
from marketplace.mail import address
from marketplace.models import User


class Command(BaseCommand):
    help = "Retire la vérification en deux étapes d’une personne, après avoir vérifié son identité autrement."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        email = address.read(email)
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError("Personne n’a cette adresse.")
        if not actions.take_second_factor(person, at=clock.now()):
            raise CommandError("Cette personne n’a pas de vérification en deux étapes.")
        self.stdout.write(f"{email} : vérification en deux étapes retirée, sessions closes, message envoyé.")
