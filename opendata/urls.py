"""Routes of the open data: without a language, the data is the same for everybody."""

from django.urls import path

from opendata import implementation

app_name = "opendata"
urlpatterns = [path("contrats/<code:number>.json", implementation.contract_json, name="contract")]
