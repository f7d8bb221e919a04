#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    """Run the command. A database that is away is told in a sentence, whatever the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(  # not the error's text: it names the server and the person
            f"La base de données ne répond pas, ou n’est pas à jour ({type(error).__name__}). "
            "« manage.py doctor » dit quoi regarder; --traceback montre l’erreur entière."
        )


if __name__ == "__main__":
    main()
