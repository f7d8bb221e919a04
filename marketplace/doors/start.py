"""A process starts with the seal key of its database, or does not start."""

import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection

from marketplace import keys
from marketplace.doors.site import Application, Environ

logger = logging.getLogger(__name__)
REFUSED = "Service indisponible : son installation est à corriger. / Out of service: its installation must be mended.\n"


def of_web(application: Application) -> Application:
    """`application`, behind the check. keys.OtherSealKey now, if the database answers: the process stops.

    A database that is absent, or not migrated yet, does not keep the site from starting (its page of errors, /sante):
    then the first request that finds it is the one that checks, and with another key everything is answered 503.
    """
    sure = False

    def look() -> None:
        nonlocal sure
        try:
            keys.check_database()
            sure = True
        except (Error, keys.SealKeyUnknown) as error:
            logger.warning("The seal key is not checked yet: %s", " ".join(str(error).split()))
        finally:
            connection.close()  # a server may fork after this

    def checked(environ: Environ, start_response: Any) -> Any:
        if not sure and environ.get("PATH_INFO") != "/sante":
            try:
                look()
            except keys.SealKeyFault as error:
                logger.critical("%s", error)
                start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
                return [REFUSED.encode()]
        return application(environ, start_response)

    look()
    return checked


def of_background(*args: Any, **kwargs: Any) -> None:
    """Celery's worker and beat, by their signals: SystemExit with the sentence, which a signal lets through."""
    try:
        keys.check_database()
    except (Error, ImproperlyConfigured) as error:
        raise SystemExit(" ".join(str(error).split())) from error
    finally:
        connection.close()  # the worker forks after this
