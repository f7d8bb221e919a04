"""Web entry point. In production it refuses to start without its static files."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = get_wsgi_application()

if settings.PRODUCTION:
    from marketplace.files import static  # once Django is ready

    static.check()
