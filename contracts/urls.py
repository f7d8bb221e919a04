"""Routes of contracts: each module of pages has its own."""

from contracts import views as contract_views
from contracts.agreement import clause_views, draft_views, signature_views
from contracts.amendments import views as amendment_views
from contracts.attestation import views as attestation_views
from contracts.deliveries import views as delivery_views
from contracts.end import views as end_views
from contracts.health import views as health_views
from contracts.invoices import views as invoice_views
from contracts.payments import urls as payment_urls
from contracts.publication import views as publication_views
from contracts.reuse import catalogue_views

app_name = "contracts"
urlpatterns = [
    *contract_views.urlpatterns,
    *catalogue_views.urlpatterns,
    *draft_views.urlpatterns,
    *signature_views.urlpatterns,
    *attestation_views.urlpatterns,
    *clause_views.urlpatterns,
    *delivery_views.urlpatterns,
    *invoice_views.urlpatterns,
    *amendment_views.urlpatterns,
    *end_views.urlpatterns,
    *publication_views.urlpatterns,
    *health_views.urlpatterns,
    *payment_urls.patterns,
]
