"""What the service shows of openings: occasions whose closing instant has passed and that are not opened.

Such an occasion is public, and so is the instant. How many proposals it holds is not, before it is opened.
"""

from datetime import datetime

from django.db.models import Count, Min
from django.utils.translation import gettext_lazy

from marketplace.service.gauges import Gauge, Public
from opportunities.models import Opportunity

REMEDY = gettext_lazy(
    "Voyez le journal : « KeyUnavailable » veut dire que la clé de scellement n’est pas la bonne, « FilesUnavailable » "
    "que le stockage ne rend pas un fichier. Remettez l’une ou l’autre : l’ouverture se fait d’elle-même ensuite."
)


def _waiting(at: datetime) -> float:
    return Opportunity.objects.due(at=at).count()


def _oldest(at: datetime) -> float:
    oldest = Opportunity.objects.due(at=at).aggregate(oldest=Min("closes_at"))["oldest"]
    return max(0.0, (at - oldest).total_seconds()) if oldest else 0.0


def next_closing(*, at: datetime) -> tuple[datetime, int] | None:
    """The next closing instant and how many occasions close then; None when none is open."""
    rows = Opportunity.objects.open(at=at).order_by("closes_at").values_list("closes_at").annotate(count=Count("pk"))
    return rows.first()


GAUGES = [
    Gauge(
        name="dan_due_oldest_seconds",
        help="Since the closing instant of the oldest occasion that is closed and not opened.",
        unit="seconds",
        read=_oldest,
        most=60,
        urgent=True,
        label=gettext_lazy("Ouverture en retard"),
        about=gettext_lazy("Une ouverture doit suivre l’heure limite de moins d’une minute."),
        remedy=REMEDY,
        public=Public(
            label=gettext_lazy("Ouverture des propositions"),
            well=gettext_lazy("Aucune occasion n’attend son ouverture depuis plus d’une minute."),
            watch=gettext_lazy(
                "Au moins une occasion attend encore son ouverture. Les dépôts reçus à temps sont gardés, et plus rien "
                "n’y est accepté."
            ),
        ),
    ),
    Gauge(
        name="dan_due_not_opened",
        help="Occasions whose closing instant has passed and that are not opened.",
        unit="count",
        read=_waiting,
        label=gettext_lazy("Occasions échues non ouvertes"),
        about=gettext_lazy("Occasions dont l’heure limite est passée et qui ne sont pas encore ouvertes."),
        remedy=REMEDY,
    ),
]
