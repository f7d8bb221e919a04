"""Routes of the open data: without a language, the data is the same for everybody."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`, `rank`, `digest`
from opendata import implementation_views, ledger_views

app_name = "opendata"
urlpatterns = [
    path("contrats/<code:number>.json", implementation_views.contract_json, name="contract"),
    path("verify.py", ledger_views.verifier, name="verifier"),
    path("registre/releves.txt", ledger_views.checkpoints_text, name="checkpoints"),
    path("registre/releves/<rank:size>.txt", ledger_views.checkpoint_text, name="checkpoint"),
    path("registre/coherence/<rank:first>-<rank:second>.json", ledger_views.consistency, name="consistency"),
    path("registre/preuves/<digest:digest>.json", ledger_views.proof, name="proof"),
]
