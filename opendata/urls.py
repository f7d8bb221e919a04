"""Routes of the open data: without a language, the data is the same for everybody."""

from django.urls import path

import marketplace.converters  # noqa: F401 - registers `code`, `rank`, `digest`
from opendata import implementation, ledger

app_name = "opendata"
urlpatterns = [
    path("contrats/<code:number>.json", implementation.contract_json, name="contract"),
    path("verify.py", ledger.verifier, name="verifier"),
    path("registre/releves.txt", ledger.checkpoints_text, name="checkpoints"),
    path("registre/releves/<rank:size>.txt", ledger.checkpoint_text, name="checkpoint"),
    path("registre/coherence/<rank:first>-<rank:second>.json", ledger.consistency, name="consistency"),
    path("registre/preuves/<digest:digest>.json", ledger.proof, name="proof"),
]
