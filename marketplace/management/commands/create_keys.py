"""`manage.py create_keys`: the two keys that never live in the database. Nothing is ever overwritten.

Production settings refuse to start without keys, so run it once with PRODUCTION unset and both variables set:
SEAL_KEY_FILE=… SIGNING_KEY_FILE=… python manage.py create_keys
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketplace import keys


class Command(BaseCommand):
    help = (
        "Crée la clé de scellement (SEAL_KEY_FILE) et la clé de signature (SIGNING_KEY_FILE) si elles n’existent pas. "
        "À lancer une fois, sans PRODUCTION, avec ces deux variables."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        created = 0
        for what, path, new in (
            ("clé de scellement", settings.SEAL_KEY_FILE, keys.new_seal_key),
            ("clé de signature", settings.SIGNING_KEY_FILE, keys.new_signing_key),
        ):
            try:
                keys.create(path, new())
            except OSError as error:
                if not path.is_file():  # a folder of the path may be a file, or closed to us
                    raise CommandError(f"{what} : {path} ne peut pas être écrite : {error.strerror}.") from error
                self.stdout.write(f"{what} : {path} existe déjà, laissée intacte")
            else:
                created += 1
                self.stdout.write(f"{what} : {path} créée, lisible par son propriétaire seulement")
        if not created:
            raise CommandError("Les deux clés existent : rien n’a été écrit.")
        self.stdout.write("Gardez deux copies hors ligne, en deux lieux, jamais avec une sauvegarde de la base.")
        self.stdout.write("Sans la clé de scellement, les propositions pas encore ouvertes sont illisibles à jamais.")
