"""Routes of the open data: without a language, the data is the same for everybody."""

from django.urls import path

from opendata import implementation, ledger

app_name = "opendata"
urlpatterns = [
    path("contrats/<code:number>.json", implementation.contract_json, name="contract"),
    path("registre/releves.txt", ledger.checkpoints_text, name="checkpoints"),
    path("registre/releves/<int:size>.txt", ledger.checkpoint_text, name="checkpoint"),
    path("registre/coherence/<int:first>-<int:second>.json", ledger.consistency, name="consistency"),
    path("registre/preuves/<str:digest>.json", ledger.proof, name="proof"),
]
