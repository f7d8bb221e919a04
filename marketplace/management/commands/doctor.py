"""`manage.py doctor`: everything an operator would look at, a line each; exit code 1 when something is broken."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from marketplace import keys
from marketplace.service import doctor
from marketplace.service.doctor import ATTENTION, FAULT, OK, Line
from marketplace.urls import GAUGES
from proposals.deposit import sealing
from proposals.models import SealKey


def seal_key() -> Iterator[Line]:
    """Whether the running seal key opens what this database holds: after a restore, it may be another's."""
    row = SealKey.objects.select_related("opportunity").order_by("-pk").first()
    try:
        keys.check_database()
        if row:
            sealing.private_key(bytes(row.wrapped_private_key), row.opportunity.number)
    except keys.SealKeyUnknown as error:
        yield Line("Clé de scellement", FAULT, "n’est pas connue de cette base", str(error))
    except (sealing.KeyUnavailable, keys.OtherSealKey):
        yield Line("Clé de scellement", FAULT, "n’est pas celle de cette base", "Remettez la bonne dans SEAL_KEY_FILE.")
    else:  # the same words when nothing is sealed yet: whether somebody deposited is told to nobody
        yield Line("Clé de scellement", OK, "ouvre ce que cette base contient")


class Command(BaseCommand):
    help = "Examine l’installation : une ligne par chose (OK, ATTENTION, PANNE), avec quoi faire. 1 s’il y a une panne."
    requires_system_checks: list[str] = []  # some ask the database, whose silence is one of the answers

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("fr-ca"):
            lines = self._tell()
        states = [line.state for line in lines]
        self.stdout.write(
            f"{len(lines)} examens : {states.count(ATTENTION)} à surveiller, {states.count(FAULT)} en panne."
        )
        if FAULT in states:
            raise CommandError("Au moins une chose est en panne.")

    def _tell(self) -> list[Line]:
        lines = []
        for line in doctor.examine(GAUGES, [seal_key]):
            lines.append(line)
            self.stdout.write(f"{line.state:<9}  {line.what} : {line.seen}")
            if line.state != OK:
                self.stdout.write(f"{'':<9}  → {line.remedy}")
        return lines
