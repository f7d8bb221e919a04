from django.apps import AppConfig
from django.conf import settings

from marketplace import keys


class MarketplaceConfig(AppConfig):
    name = "marketplace"
    verbose_name = "Plateforme"

    def ready(self) -> None:
        """Every process of production, web or worker, stops here on a file that is not a key."""
        if settings.PRODUCTION:
            keys.check()
