"""A concluded contract as open data, for machines."""

from datetime import datetime

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from contracts.models import Contract
from marketplace.cache import public_page
from opendata.implementation import package, written


@login_not_required
@public_page
@require_safe
def contract_json(request: HttpRequest, number: str) -> HttpResponse:
    """The release package of a concluded contract; 404 before."""
    contract = get_object_or_404(Contract.objects.public().for_list(), number=number)
    document = package(contract)
    response = HttpResponse(written(document) + "\n", content_type="application/json; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"
    response["Last-Modified"] = http_date(datetime.fromisoformat(document["publishedDate"]).timestamp())
    response["X-Content-Type-Options"] = "nosniff"
    return response
