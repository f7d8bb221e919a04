"""Routes of the auditors' floor, under /verification/: each module of pages has its own."""

from audit import (
    case_pages,
    casefile,
    flag_pages,
    floor,
    ledger_pages,
    picture_pages,
    review_pages,
    sample_pages,
    searching,
    timelines,
)

app_name = "audit"
urlpatterns = [
    *casefile.urlpatterns,
    *floor.urlpatterns,
    *ledger_pages.urlpatterns,
    *picture_pages.urlpatterns,
    *sample_pages.urlpatterns,
    *searching.urlpatterns,
    *timelines.urlpatterns,
    *case_pages.urlpatterns,
    *review_pages.urlpatterns,
    *flag_pages.urlpatterns,
]
