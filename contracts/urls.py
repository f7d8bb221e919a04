"""Routes of contracts: each module of pages has its own."""

from contracts import (
    billing,
    catalogue,
    changing_pages,
    clauses,
    delivering,
    duty_pages,
    ending_pages,
    health,
    pages,
    payment_urls,
    preparing,
    signing_pages,
)

app_name = "contracts"
urlpatterns = [
    *pages.urlpatterns,
    *catalogue.urlpatterns,
    *preparing.urlpatterns,
    *signing_pages.urlpatterns,
    *clauses.urlpatterns,
    *delivering.urlpatterns,
    *billing.urlpatterns,
    *changing_pages.urlpatterns,
    *ending_pages.urlpatterns,
    *duty_pages.urlpatterns,
    *health.urlpatterns,
    *payment_urls.patterns,
]
