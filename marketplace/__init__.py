"""The project package and the ground floor. Imports no other app."""

from marketplace.celery import app as celery_app

__all__ = ["celery_app"]
