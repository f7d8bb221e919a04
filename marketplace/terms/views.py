"""The terms in force, for everybody; and what has changed, with a button, for whoever has not accepted them yet."""

from allauth.account.utils import get_next_redirect_url
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace import markup
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.models import Terms
from marketplace.requests import PersonRequest
from marketplace.terms import actions
from marketplace.terms.middleware import DUE


@login_not_required
@require_safe
@public_page
def terms(request: HttpRequest) -> HttpResponse:
    """Both texts in force, of use and of submission; those announced; what each changed."""
    at = clock.now()
    texts = [Terms.objects.in_force(kind, at=at) for kind in Terms.Kind]
    announced = Terms.objects.filter(in_force_at__gt=at).order_by("in_force_at", "pk")
    shown = [_shown(text) for text in texts]
    return render(request, "pages/terms.html", {"texts": shown, "announced": [_shown(text) for text in announced]})


def _shown(text: Terms) -> dict[str, object]:
    return {
        "kind": text.kind,
        "title": text.get_kind_display(),
        "version": text.version,
        "in_force_at": text.in_force_at,
        "changes_html": markup.render(text.changes) if text.changes else "",
        "body_html": markup.render(text.text),
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: PersonRequest) -> HttpResponse:
    """What has changed, the whole text, and « J’accepte »: then the page that one was going to."""
    at, going = clock.now(), get_next_redirect_url(request) or ""
    due = actions.due(request.user, at=at)
    if due is None:  # accepted in another window
        request.session.pop(DUE, None)
        return redirect(going or "dashboard")
    if request.method == "POST" and request.POST.get("version") == str(due.version):
        actions.accept(due, by=request.user, at=at)
        request.session.pop(DUE, None)
        messages.success(request, _("Vous avez accepté la version %d des conditions d’utilisation.") % due.version)
        return redirect(going or "dashboard")
    status = 409 if request.method == "POST" else 200  # a newer version came into force meanwhile: it is shown
    return render(request, "account/terms.html", {"terms": _shown(due), "next": going}, status=status)
