"""`manage.py erase_details N [N ...] --reason TEXT`: destroy what entries kept beside them (personal information)."""

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from marketplace.dates import clock
from marketplace.doors import arguments
from marketplace.ledger import entries as ledger
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.enums import State
from proposals.models import Proposal


class Command(BaseCommand):
    help = "Détruit le détail d’inscriptions au registre; la chaîne et les preuves restent vérifiables."

    def add_arguments(self, parser):
        parser.add_argument("numbers", nargs="+", type=arguments.whole(least=1, most=arguments.LARGEST), metavar="N")
        parser.add_argument("--reason", required=True, help="pourquoi, inscrit au registre")

    def handle(self, numbers: list[int], reason: str, **options):
        if not reason.strip():
            raise CommandError("Dites pourquoi : --reason.")
        entries = LedgerEntry.objects.in_bulk(numbers)
        try:
            with transaction.atomic():  # all or none
                opened = _opened(entries)
                kinds = sorted({*LedgerPayload.objects.filter(entry__in=numbers).values_list("action", flat=True)})
                for number in dict.fromkeys(numbers):
                    ledger.erase(
                        entries[number], by=None, at=clock.now(), reason=reason.strip(), opened=number in opened
                    )
        except KeyError as error:
            raise CommandError(f"Il n’y a pas d’inscription {error}. Rien n’a été détruit.") from error
        except ValueError as error:
            raise CommandError(
                f"Le détail d’une de ces inscriptions n’existe plus, est encore scellé ou ne s’efface pas ({error}). "
                "Rien n’a été détruit."
            ) from error
        self.stdout.write(f"{len(set(numbers))} détail(s) détruit(s).")
        self.stdout.write(
            f"Gestes : {', '.join(kinds)}. Le registre n’en garde plus le détail; les pages et les documents de ces "
            "gestes gardent le leur (motifs, messages, lettres)."
        )


def _opened(entries: dict) -> set[int]:
    """The entries whose proposal no longer waits for an opening: it took place, or never will."""
    subjects = dict(LedgerPayload.objects.filter(entry__in=entries).values_list("entry_id", "subject"))
    names = {subject.partition(":")[2] for subject in subjects.values() if subject.startswith("proposal:")}
    proposals = Proposal.objects.filter(public_id__in=names).select_related("opportunity__opening")
    over = {
        f"proposal:{row.public_id}"
        for row in proposals
        if hasattr(row.opportunity, "opening") or row.opportunity.state == State.CANCELLED
    }
    return {number for number, subject in subjects.items() if subject in over}
