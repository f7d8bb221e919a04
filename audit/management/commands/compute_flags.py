"""`manage.py compute_flags [--report]`: the signals now, instead of tonight."""

from django.core.management.base import BaseCommand

from audit.flags import compute
from audit.flags.loader import load
from marketplace.dates import clock


class Command(BaseCommand):
    help = "Calcule les signaux à partir de toutes les données et les inscrit; --report : montre sans rien inscrire."

    def add_arguments(self, parser):
        parser.add_argument("--report", action="store_true", help="un tableau par formule, sans rien inscrire")

    def handle(self, *, report: bool, **options):
        at = clock.now()
        if report:
            for line in compute.report(load(at), at):
                self.stdout.write(line)
            return
        counts = compute.refresh(at)
        if counts.get("failed"):
            self.stderr.write(
                f"{counts['failed']} formule(s) en défaut, signaux laissés tels quels : voyez le journal."
            )
        self.stdout.write("{found} signaux : {new} nouveaux, {back} revenus, {ceased} qui ont cessé.".format(**counts))
