"""`manage.py create_admin`: the first administrator, who can sign in at once; or an account of the site, promoted.

The operator answers for who it is, so a new account's address is confirmed here: sign-in refuses one that is not. An
account that exists made its own way in: it is promoted only when it confirmed its address itself.
"""

import sys
from getpass import getpass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import translation

from marketplace.accounts import actions
from marketplace.dates import clock
from marketplace.doors import arguments
from marketplace.ledger import entries as ledger
from marketplace.mail import address
from marketplace.models import User
from marketplace.texts import longest, one_line


class Command(BaseCommand):
    help = (
        "Crée une personne qui administre la plateforme (« pilote »), adresse confirmée, ou donne ce droit à un compte "
        "qui existe. Demande ce qui manque; le mot de passe se tape, ou se lit sur l’entrée standard."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", default="")
        parser.add_argument("--name", default="", help="nom complet, pour un compte neuf")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        with translation.override("fr-ca"):
            email = self._email(email or arguments.asked("Adresse courriel : "))
            known = User.objects.filter(email__iexact=email).exists()
            try:
                with transaction.atomic():
                    person = self._promoted(email) if known else self._new(email, name)
                    subject, at = f"person:{person.public_id}", clock.now()
                    ledger.record("person.rights", subject, by=None, at=at, is_staff=True, operator=True)
                    actions.rights_changed(person, right="is_staff", at=at)
            except IntegrityError as error:
                raise CommandError("Un compte vient d’être créé avec cette adresse : recommencez.") from error
        done = "ce compte administre maintenant la plateforme." if known else "compte créé, adresse confirmée."
        self.stdout.write(f"{email} : {done}")

    def _email(self, typed: str) -> str:
        email = address.read(typed).lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"« {email} » n’est pas une adresse courriel.") from error
        try:
            address.check(email)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return email

    def _promoted(self, email: str) -> User:
        person = User.objects.select_for_update().get(email__iexact=email)
        if person.is_staff:
            raise CommandError("Cette personne administre déjà la plateforme.")
        if not person.is_active:
            raise CommandError("Ce compte est désactivé : rien n’a été changé.")
        if not EmailAddress.objects.filter(user=person, email__iexact=person.email, verified=True).exists():
            raise CommandError("Cette personne n’a pas confirmé son adresse : qu’elle le fasse d’abord sur le site.")
        why_not = person.why_not_administrator()
        if why_not:
            raise CommandError(why_not)
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
        return person

    def _new(self, email: str, name: str) -> User:
        if EmailAddress.objects.filter(email__iexact=email).exists():
            raise CommandError("Cette adresse est celle d’un autre compte : rien n’a été changé.")
        name = one_line(name or arguments.asked("Nom complet : "))
        if not name or len(name) > longest(User, "name"):
            raise CommandError(f"Le nom compte de 1 à {longest(User, 'name')} caractères.")
        password = self._password(User(email=email, name=name))
        person = User.objects.create_superuser(email, password, name=name)
        EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
        return person

    def _password(self, person: User) -> str:
        """Typed twice at a terminal; one line of the standard input elsewhere."""
        if sys.stdin and sys.stdin.isatty():
            password = arguments.asked("Mot de passe : ", by=getpass)
            if arguments.asked("Mot de passe, une deuxième fois : ", by=getpass) != password:
                raise CommandError("Les deux mots de passe diffèrent.")
        else:
            password = arguments.asked("")
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return password
