"""Wiring: every route. French public paths; the same under /en/ in English."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _

from audit import todo as audit_todo
from audit.flags import actions as flag_actions
from audit.flags import public_views as public_flag_views
from audit.ledger import timeline_views
from contracts import gauges as contract_gauges
from contracts import todo
from contracts.payments import urls as payment_urls
from contracts.publication import sitemaps as contract_sitemaps
from marketplace import views
from marketplace.discovery import views as discovery_views
from marketplace.discovery.sitemaps import Fixed
from marketplace.ledger import views as public_ledger_views
from marketplace.mail import views as mail_views
from marketplace.service import gauges as ground_gauges
from marketplace.service import views as service_views
from marketplace.terms import views as terms_views
from opendata import subjects
from opportunities import urls as opportunities
from opportunities.review import views as notice_review_views
from opportunities.versions import views as version_views
from proposals import urls as proposals
from proposals.award import facts as award_facts
from proposals.award import views as award_views
from proposals.dashboard import views as dashboard_views
from proposals.notice import views as notice_views
from proposals.opening import gauges as opening_gauges
from proposals.public import sitemaps as public_sitemaps
from proposals.public import views as public_views
from vendors.archive import views as archive_views
from vendors.members import views as member_views

admin.site.site_header = _("Développe avec nous : administration")
admin.site.site_title = _("Administration")
admin.site.index_title = _("Pilotage")

# Every gauge there is: what /metrics, both service pages and `manage.py doctor` read.
GAUGES = (*opening_gauges.GAUGES, *ground_gauges.GAUGES, *contract_gauges.GAUGES)

pages = [
    path("comment-ca-marche/", views.page("how"), name="how"),
    path("accessibilite/", views.page("accessibility"), name="accessibility"),
    path("plan-du-site/", views.page("sitemap"), name="sitemap"),
    path("acces-a-l-information/", views.page("access"), name="access"),
    path("confidentialite/", views.page("privacy"), name="privacy"),
    path("a-propos/", views.page("about"), name="about"),
    path("nous-joindre/", views.page("contact"), name="contact"),
    path("aide/", views.page("help"), name="help"),
    path("conditions/", terms_views.terms, name="terms"),
]

# An occasion's page shows what became of it, an addendum is told to those who answer, its history goes on to its
# payments: they belong to higher apps, under the lower one's name. Publishing says what the auditors' formulas would
# see; a notice holds its award.
occasions = [
    *opportunities.urlpatterns,
    path(
        "<code:number>/publier/",
        notice_review_views.publish,
        {"warnings": flag_actions.before_publication},
        name="publish",
    ),
    path("<code:number>/addenda/", notice_views.add_addendum, name="add_addendum"),
    path("<code:number>/histoire/", timeline_views.history, name="history"),
    path("<code:number>/avis.json", version_views.current, {"award_of": award_facts.of}, name="notice"),
    path("<code:number>/", public_views.detail, name="detail"),
]

# So does confirming an award.
answers = [
    path("occasions/<code:number>/confirmer/", award_views.confirm, {"auditing": flag_actions}, name="confirm"),
    *proposals.urlpatterns,
]

# What search engines are told of: every page that anybody may read, and no other.
SITEMAPS = {
    "pages": Fixed(
        [
            *("home", "opportunities:list", "proposals:awards", "contracts:list", "contracts:code_list"),
            *("proposals:verify", "ledger", "ledger_checkpoints", "signals", "status"),
            *(f"pages:{page.name}" for page in pages),
        ]
    ),
    **public_sitemaps.SECTIONS,
    **contract_sitemaps.SECTIONS,
}

urlpatterns = [
    path("robots.txt", discovery_views.robots, name="robots"),
    path("sitemap.xml", discovery_views.sitemap_index, {"sections": SITEMAPS}, name="sitemap"),
    path("sitemap-<slug:section>.xml", discovery_views.sitemap, {"sections": SITEMAPS}, name="sitemap_section"),
    path(".well-known/security.txt", discovery_views.security_text, name="security_text"),
    path("security.txt", discovery_views.security_moved, name="security_moved"),
    path("favicon.ico", discovery_views.icon, name="icon"),
    path(".well-known/change-password", discovery_views.change_password, name="change_password"),
    path("sante", views.health, name="health"),
    path("pret", service_views.ready, name="ready"),
    path("metrics", service_views.metrics, {"catalogue": GAUGES}, name="metrics"),
    path("api/workflow", views.workflow, name="workflow"),
    path(".well-known/dan-cles.json", views.public_keys, name="public_keys"),
    *payment_urls.public_patterns,
    path("donnees-ouvertes/", include("opendata.urls")),
]
urlpatterns += i18n_patterns(
    path("", public_views.home, name="home"),
    path("occasions/", include((occasions, "opportunities"))),
    path("", include((answers, "proposals"))),
    path("prestataires/", include("vendors.urls")),
    path("", include("contracts.urls")),
    path("verification/", include("audit.urls")),
    path("compte/", include("marketplace.accounts.urls")),
    path("a-faire/", dashboard_views.dashboard, {"more": [todo.items, audit_todo.items]}, name="dashboard"),
    path("conditions/accepter/", terms_views.accept, name="accept_terms"),
    path("mon-profil/", views.profile, name="profile"),
    path("signaux/", public_flag_views.signals, name="signals"),
    path("registre/", public_ledger_views.entries, {"named": subjects.named}, name="ledger"),
    path("registre/releves/", public_ledger_views.checkpoints, name="ledger_checkpoints"),
    path("guide-de-style/", views.styleguide, name="styleguide"),
    path("", include((pages, "pages"))),
    *mail_views.urlpatterns,  # before the administration, which takes every address under its own
    path("etat-du-service/", service_views.status, {"catalogue": GAUGES}, name="status"),
    path(
        "pilotage/service/",
        service_views.pilot,
        {"catalogue": GAUGES, "next_closing": opening_gauges.next_closing},
        name="service",
    ),
    path("pilotage/prestataires/<uuid:public_id>/archiver/", archive_views.pilot_archive, name="pilot_archive"),
    path("pilotage/prestataires/<uuid:public_id>/propriete/", member_views.new_owner, name="pilot_new_owner"),
    path("pilotage/", admin.site.urls),
    prefix_default_language=False,
)

handler400 = "marketplace.views.bad_request"
handler403 = "marketplace.views.forbidden"
handler404 = "marketplace.views.not_found"
handler500 = "marketplace.views.server_error"
