"""`manage.py migrate`, which first says what to do of a database that an earlier version made.

Then it writes which seal key opens the others, and gives the application's role its rights
(marketplace/ledger/grants.py): no later step to forget.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from marketplace import boxes, keys
from marketplace.accounts.adapters import MFAAdapter
from marketplace.files import store
from marketplace.ledger import grants
from proposals.deposit import sealing
from proposals.models import Proposal, SealKey


class Command(migrate.Command):
    by_app = False
    last_app = ""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--by-app", action="store_true", help="nomme chaque application au moment où ses tables se font"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        unknown = of_before(connections[alias])
        if unknown:
            where = connections[alias].settings_dict["NAME"]
            raise CommandError(
                f"La base de données {where} vient d’une version d’avant ({unknown[0]} n’existe plus). Rien n’a été "
                "changé. Mettez-la de côté (pour la démonstration : mv var var-avant), puis recommencez; pour lire ce "
                "qu’elle contient, reprenez la version qui l’a faite."
            )
        self.by_app = options["by_app"]
        super().handle(*args, **options)
        if options["plan"] or options["check_unapplied"]:
            return
        if alias == DEFAULT_DB_ALIAS and whole(connections[alias]):
            check_seal_key()
            self._mark_storage()
        role = grants.give(connections[alias])
        if role and self.verbosity:
            self.stdout.write(f"migrate: {role} a ses droits, table par table")

    def _mark_storage(self) -> None:
        try:
            store.mark()
        except OSError as error:  # the tables are whole: the next time will do
            self.stderr.write(
                f"migrate: le stockage des fichiers ne répond pas ({type(error).__name__}); il n’a pas reçu la marque "
                "qui dit qu’il est celui de cette base. Réglez MEDIA_ROOT ou S3_*, puis relancez « manage.py migrate »."
            )

    def migration_progress_callback(self, action: str, migration: Migration | None = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if self.by_app and migration and migration.app_label != self.last_app:
            self.last_app = migration.app_label
            self.stdout.write(f"migrate: {migration.app_label}")
            self.stdout.flush()


def of_before(connection: BaseDatabaseWrapper) -> list[str]:
    """Migrations of ours that were applied to this database and that the code no longer has."""
    loader = MigrationLoader(connection, ignore_no_migrations=True)
    ours = {app for app, _name in loader.disk_migrations}
    gone = sorted(key for key in loader.applied_migrations if key not in loader.disk_migrations and key[0] in ours)
    return [".".join(key) for key in gone]


def whole(connection: BaseDatabaseWrapper) -> bool:
    """Whether nothing is left to apply: the tables are those that the code knows."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def check_seal_key() -> None:
    """Write which seal key opens this database, once; CommandError with another key than it was begun with."""
    try:
        try:
            keys.check_database()
        except keys.SealKeyUnknown:
            _open_something()
            keys.remember()
    except (keys.OtherSealKey, boxes.CannotOpen) as error:
        raise CommandError(keys.other_key()) from error


def _open_something() -> None:
    """boxes.CannotOpen when this seal key does not open the last of what one sealed here, if anything was."""
    key = SealKey.objects.select_related("opportunity").order_by("pk").last()
    if key:
        sealing.private_key(bytes(key.wrapped_private_key), key.opportunity.number)
    proposal = Proposal.objects.exclude(draft=b"").order_by("pk").last()
    if proposal:
        sealing.open_draft(bytes(proposal.draft), about=str(proposal.public_id))
    factor = Authenticator.objects.filter(type=Authenticator.Type.TOTP).order_by("pk").last()
    if factor:
        MFAAdapter().decrypt(factor.data["secret"])
