from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.grants import APPEND, KEEP, ROWS


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Vérification")
    rights = {
        "awardreview": APPEND,
        "flagpeers": ROWS,  # measured again each night
        "monitoring": KEEP,
        "monitoringfile": APPEND,
        "monitoringnote": APPEND,
        "plancheck": APPEND,
        "redflag": KEEP,
        "samplingplan": APPEND,
    }
