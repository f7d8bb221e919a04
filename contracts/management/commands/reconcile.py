"""`manage.py reconcile [--days 35]`: compare our payments with Stripe's books now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contracts.payments import reconciliation, stripe_gateway
from marketplace.dates import clock
from marketplace.doors import arguments

MOST_DAYS = 3_660


class Command(BaseCommand):
    help = "Compare les paiements avec les livres de Stripe, et écrit les écarts."

    def add_arguments(self, parser: CommandParser) -> None:
        days = arguments.whole(least=1, most=MOST_DAYS)
        parser.add_argument("--days", type=days, default=reconciliation.DAYS, help="jours à comparer (35)")

    def handle(self, *, days: int, **options: Any) -> None:
        if not stripe_gateway.enabled():
            raise CommandError("STRIPE_SECRET_KEY n’est pas défini : il n’y a rien à comparer.")
        run = reconciliation.run(at=clock.now(), days=days)
        if run.error:
            raise CommandError(f"Stripe n’a pas répondu : {run.error}")
        mismatches = list(run.mismatches.all())
        for row in mismatches:
            self.stdout.write(f"{reconciliation.words(row.kind)} {row.stripe_id} [{row.ours}] [{row.theirs}]")
        self.stdout.write(f"{run.compared} objets comparés, {len(mismatches)} écart(s).")
        if mismatches:
            raise CommandError("Des écarts demandent qu’on les examine.", returncode=2)
