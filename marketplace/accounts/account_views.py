"""One's ways in: addresses, password, « c’est bien vous », and the link that undoes a change to them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.generic.edit import FormView

from marketplace.accounts import confirmation, second_factor, undo
from marketplace.accounts.change import AccountChange
from marketplace.accounts.links import change_of
from marketplace.accounts.reauthentication import SecondLook, asks_again, remember
from marketplace.dates import clock
from marketplace.keep import typed_before
from marketplace.lifecycle import IllegalMove
from marketplace.requests import PersonRequest

Kind = AccountChange.Kind
private = method_decorator(never_cache, name="dispatch")
secret = method_decorator(sensitive_post_parameters("password", "code", "password1", "password2"), name="dispatch")


class Refused:
    """Mixin of allauth's views: 422 to a form with errors, as everywhere on the site."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # the view's own
        response.status_code = 422
        return response


# --- « C’est bien vous » ---------------------------------------------------------------------------------------------
@private
@secret
class Confirm(Refused, FormView):
    """The question, asked before a page opens; then that page."""

    form_class = SecondLook
    template_name = "account/reauthenticate.html"
    success_url = reverse_lazy("profile")
    request: PersonRequest

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        required = second_factor.is_missing(self.request.user)
        then = get_next_redirect_url(self.request) or ""
        return super().get_context_data(**kwargs) | {"next": then, "required": required}

    def get_success_url(self) -> str:
        return get_next_redirect_url(self.request) or super().get_success_url()

    def form_valid(self, form: SecondLook) -> HttpResponse:
        remember(self.request, form.confirmed_by)
        return super().form_valid(form)


# --- Addresses -------------------------------------------------------------------------------------------------------
@private
@method_decorator(asks_again, name="dispatch")
class Addresses(Refused, allauth_views.EmailView):
    """Add, confirm, choose the main one, remove. The address of before is told at once, and can undo it."""

    template_name = "account/email.html"
    request: PersonRequest

    def get_initial(self) -> dict[str, Any]:
        """The address that was typed before the session ended."""
        typed = typed_before(self.request)
        return {"email": typed["email"]} if typed and "action_add" in typed and "email" in typed else {}

    def form_valid(self, form: Any) -> HttpResponse:
        with _told(self.request, Kind.ADDRESS_ADDED, form.cleaned_data["email"]):
            response: HttpResponse = super().form_valid(form)
        return response

    def _action_remove(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        with _told(self.request, Kind.ADDRESS_REMOVED, request.POST["email"]):
            response: HttpResponse | None = super()._action_remove(request)
        return response

    def _action_primary(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        with _told(self.request, Kind.PRIMARY_CHANGED, request.POST["email"]):
            response: HttpResponse | None = super()._action_primary(request)
        return response


@contextmanager
def _told(request: PersonRequest, kind: AccountChange.Kind, address: str) -> Iterator[None]:
    """One transaction: a change to the addresses, and the messages that tell of it when there was one."""
    user, address = request.user, address.strip().lower()
    with transaction.atomic():
        before = undo.as_it_is(user.locked())
        yield
        if undo.as_it_is(user) == before:
            return
        to = [before["email"]]
        if kind == Kind.ADDRESS_REMOVED:  # its reader may be the only one who did not want it
            to += [email for email, verified, _main in before["addresses"] if email == address and verified]
        undo.tell(user, kind, before=before, to=to, at=clock.now(), address=address)
        say_told(request, to)


def say_told(request: HttpRequest, to: Iterable[str]) -> None:
    """On the next page: who was warned of a change to one's ways in, and can undo it."""
    addresses = ", ".join(dict.fromkeys(address.lower() for address in to))
    messages.info(request, _("Un message le dit à %s, avec un lien qui l’annule pendant sept jours.") % addresses)


# --- Password --------------------------------------------------------------------------------------------------------
@private
@secret
class PasswordChange(Refused, allauth_views.PasswordChangeView):
    """Another one. Asks who is there on the same page; every other session ends."""

    template_name = "account/password_change.html"
    request: PersonRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.request.user.has_usable_password():
            messages.info(request, _("Votre compte n’a pas de mot de passe : choisissez-en un par un lien envoyé."))
            return redirect("account_reset_password")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        say_told(self.request, [self.request.user.email])
        return response

    def get_default_success_url(self) -> str:
        return str(reverse_lazy("profile"))


# --- An address that waits -------------------------------------------------------------------------------------------
@method_decorator(login_not_required, name="dispatch")
class ConfirmationSent(Refused, FormView):
    """Names the address, sends again, corrects it. The same whether the address has an account or not."""

    template_name = "account/verification_sent.html"
    success_url = reverse_lazy("account_email_verification_sent")

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.state = confirmation.waiting(request)
        if request.method == "POST" and (self.state is None or "email" not in request.POST):
            return self._again()
        return super().dispatch(request, *args, **kwargs)

    def get_form_class(self) -> type[forms.BaseForm]:
        from marketplace.accounts.forms import CorrectAddressForm  # allauth's forms import the adapter, which is above

        return CorrectAddressForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"waiting": self.state}

    def form_valid(self, form: Any) -> HttpResponse:
        state, email = self.state or {}, form.cleaned_data["email"]
        if email == state["email"]:
            return self._again()
        if not ratelimit.consume(self.request, action="correct_address"):
            form.add_error("email", account_adapter().validation_error("rate_limited"))
            return self.form_invalid(form)
        if not confirmation.correct(self.request, state, email):
            self._too_soon()
        return super().form_valid(form)

    def _again(self) -> HttpResponse:
        if self.state and not confirmation.send_again(self.request, self.state):
            self._too_soon()
        return redirect(self.success_url)

    def _too_soon(self) -> None:
        messages.warning(
            self.request, _("Un message vient de partir : attendez trois minutes avant d’en demander un autre.")
        )


# --- Undoing ---------------------------------------------------------------------------------------------------------
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def undo_change(request: HttpRequest, token: str) -> HttpResponse:
    """What a link undoes, and a button: mail is read by machines that follow links. Works signed out, once."""
    change, at = change_of(token), clock.now()
    if change is None:
        raise Http404
    if not change.can_be_undone(at=at):
        return render(request, "account/undo.html", {"change": change, "over": True}, status=410)
    if request.method != "POST":
        return render(request, "account/undo.html", {"change": change})
    try:
        whole = undo.undo(change, at=at)
    except IllegalMove:  # the button was pressed twice
        return render(request, "account/undo.html", {"change": change, "over": True}, status=410)
    sent = _send_password_link(request, change)
    return render(request, "account/undo.html", {"change": change, "done": True, "whole": whole, "sent": sent})


def _send_password_link(request: HttpRequest, change: AccountChange) -> bool:
    """To the address that undid: the password opens nothing any more."""
    form = ResetPasswordForm({"email": change.told})
    if not form.is_valid() or change.user_id not in {user.pk for user in form.users}:
        return False
    form.save(request)
    return True
