"""Pages of the ground floor: content, profile, workflow, keys, errors."""

import copy
from collections.abc import Callable
from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace import keys, lifecycle
from marketplace.acts import act_page, show
from marketplace.cache import public_page
from marketplace.dates import clock
from marketplace.files.uploads import PAPERS, OneFileField
from marketplace.keep import data_of
from marketplace.models import User
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts


def page(name: str) -> Callable[..., HttpResponse]:
    """A content page: templates/pages/<name>.html."""

    @login_not_required
    @require_safe
    @public_page
    def view(request: HttpRequest) -> HttpResponse:
        return render(request, f"pages/{name}.html", {"ceiling_cents": settings.CEILING_CENTS[-1][1]})

    return view


@login_not_required
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Never reached: marketplace.middleware.health answers first. Listed so that the address is known."""
    return HttpResponse("ok\n", content_type="text/plain")


class ProfileForm(PlainTexts, forms.ModelForm):
    """What a person may change alone."""

    class Meta:
        model = User
        fields = ["name", "language"]
        widgets = {"language": forms.RadioSelect}


@act_page
def profile(request: PersonRequest) -> HttpResponse:
    """One's name and language; links to password and e-mail pages."""
    # A copy: the frame says who is signed in, not what is being typed.
    form = ProfileForm(data_of(request), instance=copy.copy(request.user))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Votre profil est à jour."))
        return redirect("profile")
    memberships = request.user.body_memberships.select_related("body").order_by("body__sort_key", "role")
    return show(request, "account/profile.html", {"form": form, "memberships": memberships})


@login_not_required
@require_safe
def workflow(request: HttpRequest) -> JsonResponse:
    """The lifecycles as data: what documents, diagrams and tests are generated from."""
    data = {
        model: [
            {
                "action": move.name,
                "label": str(move.label),
                "from": [str(source) for source in move.sources],
                "to": str(move.target),
                "roles": list(move.roles),
                "conditions": [text.splitlines()[0] for text in move.conditions],
                "basis": move.basis,
            }
            for move in moves
        ]
        for model, moves in sorted(lifecycle.WORKFLOW.items())
    }
    return JsonResponse({"workflow": data}, json_dumps_params={"ensure_ascii": False, "indent": 1})


@login_not_required
@require_safe
def public_keys(request: HttpRequest) -> JsonResponse:
    """The key that verifies receipts and ledger exports: Ed25519, raw, base64."""
    return JsonResponse({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "x_base64": keys.key_id()}]})


@login_not_required
@require_safe
@never_cache
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in every state."""

    class Demo(PlainTexts, forms.Form):
        title = forms.CharField(label=_("Titre"), max_length=200, help_text=_("Une phrase courte."))
        description = forms.CharField(label=_("Description"), widget=forms.Textarea, max_length=10_000)
        region = forms.ChoiceField(label=_("Région"), choices=[("01", "Bas-Saint-Laurent"), ("06", "Montréal")])
        mode = forms.ChoiceField(
            label=_("Mode"), choices=[("a", _("Prix")), ("b", _("Qualité"))], widget=forms.RadioSelect
        )
        skills = forms.MultipleChoiceField(
            label=_("Compétences"), choices=[("p", "Python"), ("d", "Django")], widget=forms.CheckboxSelectMultiple
        )
        agree = forms.BooleanField(label=_("J’accepte"))
        day = forms.DateField(label=_("Date"), widget=forms.DateInput({"type": "date"}))
        file = OneFileField(label=_("Fichier"), types=PAPERS, keeps=False)

    now = clock.now()
    bound = Demo({"title": " ", "description": _("Un texte"), "region": "99"}, auto_id="bound_%s")
    bound.is_valid()
    events = [
        {"label": _("Publiée"), "at": now - timedelta(days=3), "detail": "", "done": True},
        {"label": _("Fermeture"), "at": now + timedelta(days=3), "detail": "", "done": False},
    ]
    todo = [
        {
            "title": _("Confirmer l’attribution"),
            "why": _("Recommandée hier"),
            "due": now,
            "url": "#",
            "action": _("Examiner"),
        }
    ]
    context = {
        "form": Demo(),
        "bound_form": bound,
        "events": events,
        "todo_items": todo,
        "now": now,
        "opportunities": [],
    }
    return render(request, "styleguide.html", context)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return render(request, "500.html", status=500)
