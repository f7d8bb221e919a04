#!/bin/sh
# Extracts the French messages into the English catalogue (needs gettext). Then translate what is empty or marked fuzzy.
cd "$(dirname "$0")/.." && exec .venv/bin/python manage.py makemessages -l en -e html,txt,py --no-location --no-wrap --no-obsolete -i .venv -i var -i tests -i tools
