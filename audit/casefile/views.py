"""The case file of a procurement, to download."""

import tempfile

from django.http import FileResponse, HttpResponseBase
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import marketplace.converters  # noqa: F401 - registers `code`
from audit.access import occasion_for
from audit.casefile.archive import write
from marketplace.dates import clock
from marketplace.files.downloads import as_download
from marketplace.ledger import entries as ledger
from marketplace.requests import PersonRequest


@never_cache
@require_safe
def download(request: PersonRequest, number: str) -> HttpResponseBase:
    """For auditors, and for the officers of the body. That it was taken is recorded first, with its digest."""
    opportunity = occasion_for(request, number, officers=True)
    at = clock.now()
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        digest = write(target, opportunity, request.user, at=at)
        ledger.record_read("casefile", opportunity.ledger_subject(), by=request.user, at=at, file=digest)
        target.seek(0)
    except BaseException:
        target.close()
        raise
    return as_download(FileResponse(target, content_type="application/zip"), f"{number}.zip")


urlpatterns = [path("occasions/<code:number>/dossier.zip", download, name="casefile")]
