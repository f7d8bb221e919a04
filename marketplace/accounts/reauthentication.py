"""Who is really there: one question, asked again wherever a session that was left open must not be enough.

*At the act*, on its own page, where it commits money, a signature or a password: the view's form inherits `SecondLook`,
its page includes `components/reauthenticate.html`, and the view is `@sensitive_post_parameters("password", "code")`.
*Before a page opens* (`asks_again`): one's addresses, recovery codes, a new application, the administration. The answer
then lasts CONFIRMATION_MINUTES, in that session. Signing in is no answer, but for the first application of whoever can
do nothing without it (`asks_again_unless_required`).

How one proves it is a `Way`. To add one (a passkey, a body's own sign-in), write it and put it in `WAYS`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Protocol
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate, reauthenticate_by_password
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from marketplace.accounts import second_factor
from marketplace.accounts.person import User
from marketplace.dates import clock
from marketplace.files import shelf
from marketplace.mail import outbox
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts

_PERIOD = 30  # seconds that a code lasts (RFC 6238, section 5.2)
_DRIFT = 1  # periods by which a telephone's clock may be early or late (same section)


# --- One-time codes --------------------------------------------------------------------------------------------------
def has_application(user: User) -> bool:
    """Whether this person turned the second factor on."""
    return bool(get_adapter().is_mfa_enabled(user, [Authenticator.Type.TOTP]))


@sensitive_variables("secret", "code")
def period_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The 30-second period, near `at`, whose code this is; None for a wrong code."""
    current = int(at.timestamp()) // _PERIOD
    for period in range(current - _DRIFT, current + _DRIFT + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, period))):
            return period
    return None


@sensitive_variables("code")
def spend(user: User, code: str, *, at: datetime) -> Authenticator | None:
    """What this code proves that the person has, the application or the recovery codes; None for a wrong code.

    A code serves once, whatever process checks it: the last period spent is written beside the secret, under the
    row's lock, and neither it nor an earlier one is taken again. The library's own memory of used codes is a cache,
    which each process may have for itself. A recovery code that was spent is told to the person's main address.
    """
    with transaction.atomic():
        for authenticator in Authenticator.objects.select_for_update().filter(user=user).order_by("pk"):
            if authenticator.type == Authenticator.Type.TOTP:
                period = period_of(get_adapter().decrypt(authenticator.data["secret"]), code, at=at)
                if period is not None and period > authenticator.data.get("spent", 0):
                    authenticator.data["spent"] = period
                    authenticator.save(update_fields=["data"])
                    return authenticator
            elif (codes := authenticator.wrap()).validate_code(code):
                left = len(codes.get_unused_codes())
                outbox.queue("emails/account_recovery_code.txt", to=user, at=at, left=left)
                return codes.instance  # the library read the row again: ours is what it was before
    return None


def tell_recovery(request: HttpRequest, authenticator: Authenticator) -> None:
    """On the next page, when it is a recovery code that was just spent: how many remain, and what to do about it."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        return
    left = len(authenticator.wrap().get_unused_codes())
    said = gettext("Code de secours utilisé : il en reste %s.") % left
    if not left:
        said = gettext("C’était votre dernier code de secours : créez-en d’autres.")
    replace = (reverse("mfa_replace_totp"), gettext("Remplacer l’application"))
    links = (replace, (reverse("mfa_index"), gettext("Voir mes codes de secours")))
    said = format_html("{} {}", said, format_html_join(" · ", '<a href="{}">{}</a>', links))
    messages.warning(request, said, fail_silently=True)  # the message tells it too


class OneTimeCode(forms.PasswordInput):
    """Read as it is typed, never written back in the page."""

    input_type = "text"

    def __init__(self) -> None:
        super().__init__({"autocomplete": "one-time-code", "inputmode": "numeric", "autocapitalize": "off"})


# --- Ways of proving it -----------------------------------------------------------------------------------------------
class Way(Protocol):
    """One way of proving who one is. The first of WAYS that serves a person is the one that is asked."""

    def serves(self, user: User) -> bool:
        """Whether this person has it."""

    def method(self, user: User) -> str:
        """Its name, kept on signatures: `contracts/documents.py` has its words."""

    def fields(self, user: User) -> dict[str, forms.Field]:
        """What is asked, by the field's name."""

    def prove(self, user: User, answers: Mapping[str, Any], request: HttpRequest) -> None:
        """ValidationError on the field that is wrong. What serves once is spent."""


class PasswordAndCode:
    """The password, and a code of the application (or a recovery code) where the account has one."""

    def serves(self, user: User) -> bool:
        return True

    def method(self, user: User) -> str:
        return "password+totp" if has_application(user) else "password"

    def fields(self, user: User) -> dict[str, forms.Field]:
        asked: dict[str, forms.Field] = {
            "password": forms.CharField(
                label=_("Mot de passe"), strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
            )
        }
        if has_application(user):
            asked["code"] = forms.CharField(
                label=_("Code de l’application d’authentification"),
                help_text=_("Six chiffres, ou un de vos codes de secours."),
                max_length=20,
                widget=OneTimeCode,
            )
        return asked

    @sensitive_variables("answers")
    def prove(self, user: User, answers: Mapping[str, Any], request: HttpRequest) -> None:
        if not user.has_usable_password():
            text = _(
                "Votre compte n’a pas de mot de passe. Choisissez-en un (« Mot de passe oublié »), puis recommencez."
            )
            raise ValidationError({"password": ValidationError(text, code="no_password")})
        if not user.check_password(answers.get("password") or ""):
            raise ValidationError({"password": account_adapter().validation_error("incorrect_password")})
        if has_application(user):
            authenticator = spend(user, answers.get("code") or "", at=clock.now())
            if authenticator is None:
                raise ValidationError({"code": get_adapter().validation_error("incorrect_code")})
            authenticator.record_usage()
            tell_recovery(request, authenticator)


WAYS: tuple[Way, ...] = (PasswordAndCode(),)


def way_of(user: User) -> Way:
    """How this person is asked who they are."""
    return next(way for way in WAYS if way.serves(user))


# --- At the act ------------------------------------------------------------------------------------------------------
@sensitive_variables("form_data")
def confirm_person(user: User, form_data: Mapping[str, Any], request: HttpRequest) -> str:
    """How the person proved who they are: a Way's name, "password" or "password+totp" today.

    form_data: the answers to the Way's fields. ValidationError on the field that is wrong. Five failures in five
    minutes stop these questions for this person, not their sign-in: they are counted apart (`second_look` in
    ACCOUNT_RATE_LIMITS), before anything is looked at.
    """
    way = way_of(user)
    if not ratelimit.consume(request, action="second_look", user=user):
        first = next(iter(way.fields(user)))
        raise ValidationError({first: account_adapter().validation_error("too_many_login_attempts")})
    way.prove(user, form_data, request)
    ratelimit.clear(request, action="second_look", user=user)
    return way.method(user)


class SecondLook(PlainTexts, forms.Form):
    """Asks who is there, at the act: a form by itself, or the base of the act's form. `request` is required.

    Once valid, `confirmed_by` is confirm_person's answer, and `cleaned_data` holds none of what was asked. It is
    judged last, when the rest of the form is right, so that a code is not spent for nothing.
    """

    confirmed_by = ""

    def __init__(self, *args: Any, request: PersonRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        asked = way_of(request.user).fields(request.user)
        self.asked = list(asked)
        self.fields.update(asked)
        self.order_fields([name for name in self.fields if name not in asked] + self.asked)

    @property
    def questions(self) -> list[forms.BoundField]:
        """What is asked, for the page."""
        return [self[name] for name in self.asked]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # a hook of Django's that its stubs leave out
        if not self.errors:
            try:
                self.confirmed_by = confirm_person(self.request.user, self.cleaned_data, self.request)
            except ValidationError as error:
                self.add_error(None, error)
        for name in self.asked:
            self.cleaned_data.pop(name, None)


# --- Before a page opens ---------------------------------------------------------------------------------------------
View = Callable[..., HttpResponseBase]
CONFIRM = "confirm"  # prefix of the question when it is asked in the middle of a POST
_SESSION, _SIGNED_IN = "confirmed", "signed_in_at"


def remember(request: PersonRequest, method: str) -> None:
    """The person was asked, and proved it: for CONFIRMATION_MINUTES, in this session."""
    request.session[_SESSION] = {"at": clock.now().isoformat(), "method": method}
    reauthenticate_by_password(request)  # the library's own question, behind ours, is answered


def recently_confirmed(request: HttpRequest) -> bool:
    """Whether the question needs not be asked again."""
    given = request.session.get(_SESSION)
    return given is not None and _lately(given["at"])


def _lately(instant: str) -> bool:
    age = clock.now() - datetime.fromisoformat(instant)
    return timedelta(0) <= age < timedelta(minutes=settings.CONFIRMATION_MINUTES)


def remember_sign_in(request: HttpRequest) -> None:
    """Somebody just signed in, in this session (accounts/adapters.py)."""
    request.session[_SIGNED_IN] = clock.now().isoformat()


def signed_in_lately(request: HttpRequest) -> bool:
    """Whether the password was typed at most CONFIRMATION_MINUTES ago, at the sign-in of this session."""
    instant = request.session.get(_SIGNED_IN)
    return instant is not None and _lately(instant)


def ask(request: PersonRequest) -> HttpResponse | None:
    """The page that asks who is there; None when it was asked lately, or is answered by this very request.

    A GET goes there and comes back. A POST is answered at its own address: what was typed waits in the page, and is
    done once the question is answered.
    """
    if recently_confirmed(request):
        return None
    if request.method in {"GET", "HEAD"}:
        then = urlencode({"next": request.get_full_path()}, safe="/")
        return redirect(f"{reverse('account_reauthenticate')}?{then}")
    request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]  # where Django looks for it
    asked = request.POST.get(CONFIRM) == "1"
    form = SecondLook(request.POST if asked else None, request=request, prefix=CONFIRM)
    if asked and form.is_valid():
        remember(request, form.confirmed_by)
        request.POST = _without_answers(request)
        return None
    kept, lost = shelf.put_all(request)
    context = {
        "form": form,
        "waiting": list(_without_answers(request).lists()),
        "kept": kept,
        "lost": lost,
        "required": second_factor.is_missing(request.user),
    }
    response = render(request, "account/confirm_act.html", context, status=422)
    response["Cache-Control"] = "no-store"
    return response


def _without_answers(request: HttpRequest) -> Any:
    """What was posted, without the question and its answers."""
    data = request.POST.copy()
    for name in list(data):
        if name in {CONFIRM, "csrfmiddlewaretoken"} or name.startswith(f"{CONFIRM}-"):
            del data[name]
    return data


def asks_again(view: View) -> View:
    """Decorates the view of a page that opens only to whoever just said who they are."""

    @wraps(view)
    def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return ask(request) or view(request, *args, **kwargs)

    return guarded


def asks_again_unless_required(view: View) -> View:
    """The same, for the first application: whoever must have one and just signed in typed the password already."""

    @wraps(view)
    def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if signed_in_lately(request) and second_factor.is_missing(request.user):
            if not did_recently_reauthenticate(request):
                reauthenticate_by_password(request)  # the library's own question
            return view(request, *args, **kwargs)
        return ask(request) or view(request, *args, **kwargs)

    return guarded
