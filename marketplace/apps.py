from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig

from marketplace import keys
from marketplace.ledger.grants import APPEND, KEEP, READ, ROWS


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Plateforme"
    rights = {
        "accountchange": ROWS,  # told to its person, then forgotten
        "checkpoint": APPEND,
        "filescan": ROWS,
        "filesweep": APPEND,
        "heartbeat": KEEP,
        "keptfile": ROWS,  # until the next try
        "keycheck": READ,  # written by `migrate` alone
        "ledgerblock": APPEND,
        "ledgerentry": APPEND,
        "ledgerpayload": APPEND,  # taken away by erase_payload() alone
        "numberseries": KEEP,
        "outgoingemail": KEEP,
        "sentform": ROWS,  # what a second click is led to, then forgotten
        "storagemark": READ,  # written by `migrate` alone
        "terms": APPEND,
        "termsacceptance": APPEND,
        "user": KEEP,
        "user_groups": READ,
        "user_user_permissions": READ,
    }

    def ready(self) -> None:
        """Every process of production, web or worker, stops here on a file that is not a key."""
        if settings.PRODUCTION:
            keys.check()


class AdministrationConfig(AdminConfig):
    """Django's administration, behind our doors (marketplace/administration.py)."""

    default_site = "marketplace.administration.Site"
