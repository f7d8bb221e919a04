"""Web entry point."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from marketplace.stack import roomy

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django's, with room on the stack: see marketplace/stack.py."""
    return roomy(lambda: _django(environ, start_response))
