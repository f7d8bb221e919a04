"""What machines read first of a site: robots.txt, sitemap.xml, security.txt, its icon, where a password is changed."""

from datetime import UTC, timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.sitemaps import views as library
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse, translate_url
from django.views.decorators.http import require_safe

from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.discovery.sitemaps import Sections

# What holds nothing for a visitor: accounts, one's own work, the administration.
PRIVATE = (
    *("/compte/", "/a-faire/", "/mon-profil/", "/propositions/", "/prestataires/", "/verification/", "/pilotage/"),
    *("/accuses/", "/guide-de-style/"),
)
SECURITY_DAYS = 180  # RFC 9116, section 2.5.5: less than a year ahead
_TEXT = "text/plain; charset=utf-8"


@login_not_required
@public_page
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """`/robots.txt` (RFC 9309). A demonstration holds invented purchases: no engine should show them."""
    if settings.DEMONSTRATION:
        return HttpResponse("User-agent: *\nDisallow: /\n", content_type=_TEXT)
    closed = [f"Disallow: {prefix}{path}" for path in PRIVATE for prefix in ("", "/en")]
    lines = ["User-agent: *", *closed, "", f"Sitemap: {settings.BASE_URL}{reverse('sitemap')}"]
    return HttpResponse("\n".join(lines) + "\n", content_type=_TEXT)


@login_not_required
@require_safe
def security_text(request: HttpRequest) -> HttpResponse:
    """`/.well-known/security.txt` (RFC 9116): whom to tell of a flaw. It is made each time, so it never expires."""
    day = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    contact = reverse("pages:contact")
    lines = [
        "# Une faille de sécurité? Écrivez-nous, en français ou en anglais. Merci.",
        "# A security flaw? Write to us, in French or in English. Thank you.",
        f"Contact: mailto:{settings.CONTACT_EMAIL}",
        f"Contact: {settings.BASE_URL}{contact}",
        f"Contact: {settings.BASE_URL}{translate_url(contact, 'en')}",
        f"Expires: {(day + timedelta(days=SECURITY_DAYS)).strftime('%Y-%m-%dT%H:%M:%SZ')}",
        "Preferred-Languages: fr, en",
        f"Canonical: {settings.BASE_URL}{reverse('security_text')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type=_TEXT)


@login_not_required
@require_safe
def security_moved(request: HttpRequest) -> HttpResponse:
    """`/security.txt`, where it was looked for before RFC 9116."""
    return HttpResponseRedirect(reverse("security_text"))


@login_not_required
@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """`/favicon.ico`: what shows a file of ours alone (a PDF, an export) asks for it, no page said where it is."""
    return HttpResponseRedirect(static("favicon.svg"))


@login_not_required
@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """`/.well-known/change-password` (W3C): where password managers lead people whose password leaked."""
    return HttpResponseRedirect(reverse("account_change_password"))


@login_not_required
@public_page
@require_safe
def sitemap_index(request: HttpRequest, sections: Sections) -> HttpResponse:
    """`/sitemap.xml`: the files below."""
    return library.index(request, dict(sections), sitemap_url_name="sitemap_section").render()


@login_not_required
@public_page
@require_safe
def sitemap(request: HttpRequest, sections: Sections, section: str) -> HttpResponse:
    """`/sitemap-<section>.xml`, by pages of MOST addresses (`?p=`); 404 for another section."""
    return library.sitemap(request, dict(sections), section=section).render()
