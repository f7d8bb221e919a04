"""Which public pages search engines are told of (sitemaps.org): each app lists its own, the wiring joins them.

`lastmod` is said only where it is true: when what the page shows last changed by a public act. What is sealed changes
no public page, and must not be counted through these dates.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse

MOST = 5_000  # addresses in one file; the protocol allows 50 000


class _Here:
    """What the library calls a site: ours is said by BASE_URL, whatever host a request was for."""

    def __init__(self) -> None:
        self.domain = urlsplit(settings.BASE_URL).netloc


class Pages(Sitemap):
    """Pages in both languages, each with its alternates."""

    i18n = True
    alternates = True
    x_default = True
    limit = MOST

    def get_urls(self, page: int | str = 1, site: Any = None, protocol: str | None = None) -> list[dict[str, Any]]:
        here: Any = _Here()
        return super().get_urls(page, here, urlsplit(settings.BASE_URL).scheme)


class Fixed(Pages):
    """Pages that only a new version of the software changes: no date."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.names = list(names)

    def items(self) -> list[str]:
        return self.names

    def location(self, item: str) -> str:
        return reverse(item)


Sections = Mapping[str, type[Sitemap] | Sitemap]
