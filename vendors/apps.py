from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from marketplace.ledger.grants import KEEP, ROWS


class VendorsConfig(AppConfig):
    name = "vendors"
    verbose_name = _("Prestataires")
    rights = {
        "ineligibility": KEEP,
        "invitation": KEEP,
        "taxattestation": KEEP,
        "taxregistration": KEEP,
        "vendor": KEEP,
        "vendormembership": ROWS,
    }
