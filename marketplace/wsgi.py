"""Web entry point. In production it refuses to start without its static files."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from marketplace.doors import site, start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = start.of_web(site.at_the_top(get_wsgi_application()))

if settings.PRODUCTION:
    from marketplace.files import static  # once Django is ready

    static.check()
