"""What every page needs: navigation, languages, the ledger's head. Lazy, so that a page pays for what it shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse, translate_url
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html
from django.utils.translation import gettext as _

from marketplace.dates.localtime import language


def _nav(request: HttpRequest) -> list[dict[str, Any]]:
    entries = [
        (reverse("opportunities:list"), _("Occasions")),
        (reverse("proposals:awards"), _("Attributions")),
        (reverse("contracts:code_list"), _("Code à réutiliser")),
        (reverse("pages:how"), _("Comment ça marche")),
    ]
    if getattr(getattr(request, "user", None), "is_auditor", False):
        entries.append((reverse("audit:home"), _("Vérification")))
    # The page of one award is under its occasion's address, and belongs with the awards.
    shown = request.resolver_match and request.resolver_match.view_name
    here = reverse("proposals:awards") if shown == "proposals:award" else request.path
    return [{"url": url, "label": label, "current": here.startswith(url)} for url, label in entries]


def _foot() -> list[tuple[str, list[tuple[str, str]]]]:
    """The four columns of the foot: [(title, [(address, label)])]."""
    how, occasions = reverse("pages:how"), reverse("opportunities:list")
    return [
        (_("Acheter"), [
            (f"{how}#organismes", _("Publier un besoin")),
            (f"{how}#modes", _("Les quatre façons de choisir")),
            (reverse("contracts:code_list"), _("Le code à réutiliser")),
        ]),
        (_("Proposer"), [
            (occasions, _("Occasions ouvertes")),
            (f"{how}#prestataires", _("Préparer une proposition")),
            (f"{reverse('pages:help')}#sujet-1", _("Aide aux prestataires")),
        ]),
        (_("Vérifier"), [
            (reverse("ledger"), _("Registre")),
            (reverse("proposals:verify"), _("Vérifier un accusé")),
            (reverse("contracts:list"), _("Contrats")),
            (reverse("signals"), _("Signaux")),
            (reverse("status"), _("État du service")),
        ]),
        (_("Ce site"), [
            (reverse("pages:accessibility"), _("Accessibilité")),
            (reverse("pages:sitemap"), _("Plan du site")),
            (reverse("pages:access"), _("Accès à l’information")),
            (reverse("pages:privacy"), _("Politique de confidentialité")),
            (reverse("pages:terms"), _("Conditions d’utilisation")),
            (reverse("pages:about"), _("À propos")),
        ]),
    ]  # fmt: skip


def _languages(request: HttpRequest) -> dict[str, str]:
    return {code: translate_url(request.get_full_path(), code) for code, _name in settings.LANGUAGES}


def _addresses(request: HttpRequest) -> dict[str, str]:
    """{language: the address that search engines keep} of a page that anybody may read; empty for all others.

    What narrows or turns the pages of a list is not in it: it is the same list.
    """
    match = request.resolver_match
    public = match is not None and not getattr(match.func, "login_required", True)
    if not public or request.method not in {"GET", "HEAD"}:
        return {}
    return {code: settings.BASE_URL + translate_url(request.path, code) for code, _name in settings.LANGUAGES}


def site(request: HttpRequest) -> dict[str, Any]:
    """The context of templates/base.html, and `notice_lang`, the attribute of what a notice's authors wrote."""
    return {
        "site_name": "Développe avec nous",
        "nav": SimpleLazyObject(lambda: _nav(request)),
        "foot": SimpleLazyObject(_foot),
        "language_urls": SimpleLazyObject(lambda: _languages(request)),
        "page_addresses": SimpleLazyObject(lambda: _addresses(request)),
        "base_url": settings.BASE_URL,
        "LANGUAGE_CODE": translation.get_language(),
        # Public bodies write their notices in French: on a page in English, screen readers must be told.
        "notice_lang": format_html(' lang="{}"', "fr-CA") if language() == "en" else "",
        # Read by the page cache, for visitors: others see the link alone, and pay no query for it.
        "ledger_head": getattr(request, "ledger_head", None),
        "contact_email": settings.CONTACT_EMAIL,
        "demonstration": settings.DEMONSTRATION,
        "factor_not_asked": not settings.SECOND_FACTOR_REQUIRED,
    }
