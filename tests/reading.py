"""Reading the public's pages in tests: addresses, clients, what is written on a page."""

import re

from django.test import Client


def address(opportunity, page: str = "") -> str:
    return f"/occasions/{opportunity.number}/{page}"


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text_of(response) -> str:
    return response.content.decode()


def words(response) -> str:
    """What is read on the page: no tags, ordinary spaces."""
    plain = re.sub(r"<[^>]+>", " ", text_of(response)).replace("\u00a0", " ").replace("&nbsp;", " ")
    return re.sub(r"\s+", " ", plain)
