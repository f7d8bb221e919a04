"""Web entry point."""

import os

from django.core.wsgi import get_wsgi_application

from marketplace.doors import site

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = site.at_the_top(get_wsgi_application())
