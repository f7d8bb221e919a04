"""Closed lists of publiccode.yml 0.5 (its schema.core, categories-list and scope-list), of BCP 47 and ISO 3166."""

import re
from functools import cache

from babel import Locale
from babel.core import get_global

# All versions up to 0.5 are read by the rules of 0.5, as the standard's own parser does; « 0 » means the latest 0.x.
VERSIONS = ("0", "0.2", "0.2.0", "0.2.1", "0.2.2", "0.3", "0.3.0", "0.4", "0.4.0", "0.5", "0.5.0")
CURRENT_VERSIONS = ("0", "0.5", "0.5.0")

STATUSES = ("concept", "development", "beta", "stable", "obsolete")
SOFTWARE_TYPES = (
    "standalone/mobile",
    "standalone/iot",
    "standalone/desktop",
    "standalone/web",
    "standalone/backend",
    "standalone/other",
    "addon",
    "library",
    "configurationFiles",
)
MAINTENANCE_TYPES = ("internal", "contract", "community", "none")

_CATEGORIES = """
    accounting agile-project-management applicant-tracking application-development appointment-scheduling backup
    billing-and-invoicing blog budgeting business-intelligence business-process-management cad call-center-management
    cloud-management collaboration communications compliance-management contact-management content-management crm
    customer-service-and-support data-analytics data-collection data-visualization design design-system
    digital-asset-management digital-citizenship document-management donor-management e-commerce e-signature
    educational-content email-management email-marketing employee-management enterprise-project-management
    enterprise-social-networking erp event-management facility-management feedback-and-reviews-management
    financial-reporting fleet-management fundraising gamification geographic-information-systems grant-management
    graphic-design help-desk hr ide identity-management instant-messaging integrated-library-system
    inventory-management it-asset-management it-development it-management it-security it-service-management
    knowledge-management learning-management-system marketing mind-mapping mobile-marketing mobile-payment
    network-management office online-booking online-community other payment-gateway payroll predictive-analysis
    procurement productivity-suite project-collaboration project-management property-management
    real-estate-management regulations-and-directives remote-support resource-management sales-management seo
    service-desk social-media-management survey talent-management task-management taxes-management test-management
    time-management time-tracking translation video-conferencing video-editing visitor-management voip
    warehouse-management web-collaboration web-conferencing website-builder whistleblowing workflow-management
"""
CATEGORIES = tuple(_CATEGORIES.split())

_SCOPES = """
    agriculture culture defence education emergency-services employment energy environment
    finance-and-economic-development foreign-affairs government healthcare infrastructures justice local-authorities
    manufacturing research science-and-technology security society sport tourism transportation welfare
"""
SCOPES = tuple(_SCOPES.split())


@cache
def _languages() -> frozenset[str]:
    return frozenset(Locale("en").languages) | frozenset(get_global("language_aliases"))


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2: what CLDR calls territories, without its own additions and reservations."""
    others = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
    codes = map(str, Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2 and code not in others)


_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-[a-z]{3}){0,3}(-[a-z]{4})?(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-[a-wyz0-9](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?"
)


def is_language(value: object) -> bool:
    """A well-formed BCP 47 tag whose language and country exist. POSIX names (« fr_CA ») are not tags."""
    match = _TAG.fullmatch(value.lower()) if isinstance(value, str) else None
    if not match or match["language"] not in _languages():
        return False
    region = (match["region"] or "").upper()
    return not region.isalpha() or region in countries()
