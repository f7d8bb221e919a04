"""Routes of the auditors' floor, under /verification/: each module of pages has its own."""

from audit import search_views
from audit import views as audit_views
from audit.casefile import views as casefile_views
from audit.cases import views as case_views
from audit.charts import views as chart_views
from audit.flags import views as flag_views
from audit.ledger import timeline_views
from audit.ledger import views as ledger_views
from audit.reviews import views as review_views
from audit.samples import views as sample_views

app_name = "audit"
urlpatterns = [
    *casefile_views.urlpatterns,
    *audit_views.urlpatterns,
    *ledger_views.urlpatterns,
    *chart_views.urlpatterns,
    *sample_views.urlpatterns,
    *search_views.urlpatterns,
    *timeline_views.urlpatterns,
    *case_views.urlpatterns,
    *review_views.urlpatterns,
    *flag_views.urlpatterns,
]
