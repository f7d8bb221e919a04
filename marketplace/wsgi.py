"""Web entry point."""

import os

from django.core.wsgi import get_wsgi_application

from marketplace.doors import site, start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = start.of_web(site.at_the_top(get_wsgi_application()))
