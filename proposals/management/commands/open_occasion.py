"""Open an occasion by hand, its files being lost for good: docs/operations.md, « An opening that does not happen »."""

from django.core.management.base import BaseCommand, CommandError

from marketplace.values.signs import packed
from opportunities.models import Opportunity
from proposals.deposit import sealing
from proposals.opening import actions as opening_actions
from proposals.opening.actions import Outcome


class Command(BaseCommand):
    help = "Ouvre une occasion dont la date limite est passée; --fichiers-perdus si des fichiers scellés sont perdus."

    def add_arguments(self, parser):
        parser.add_argument("number")
        parser.add_argument("--fichiers-perdus", action="store_true", dest="lost")

    def handle(self, number, lost, **options):
        number = packed(number).upper()
        try:
            outcome = opening_actions.open_now(number, missing_files=lost)
        except sealing.KeyUnavailable as error:
            raise CommandError("SEAL_KEY_FILE n’est pas la bonne clé : rien n’a été ouvert.") from error
        except opening_actions.FilesUnavailable as error:
            raise CommandError(
                "Des fichiers scellés manquent : rien n’a été ouvert. Rétablissez le stockage, ou ajoutez "
                "--fichiers-perdus si la perte est certaine : les propositions touchées ne pourront qu’être rejetées."
            ) from error
        if outcome is Outcome.NOTHING and not Opportunity.objects.filter(number=number).exists():
            raise CommandError(f"Aucune occasion ne porte le numéro {number}.")
        said = {Outcome.OPENED: "Ouverte.", Outcome.UNDER_WAY: "L’ouverture est en cours, par un autre processus."}
        self.stdout.write(said.get(outcome, "Rien à ouvrir."))
