"""An address that waits to be confirmed: its page names it, sends again, and corrects it before anything depends on it.

Whether an address has an account already is told to nobody: the page, its limits and its answers are the same. What a
sign-up typed waits in the session, its password hashed, so that a corrected address makes the account that the first
one could not make.
"""

from datetime import datetime, timedelta
from typing import Any

from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from marketplace.accounts.person import User
from marketplace.dates import clock
from marketplace.models import Terms
from marketplace.terms import actions as terms_actions

_SESSION = "confirming"
_FOR = timedelta(hours=1)  # a shared computer forgets


def begin(request: HttpRequest, email: str, **typed: Any) -> None:
    """This address was just written to, or would be. typed: the sign-up's name, language and password, hashed; or
    `user`, the key of the account that waits."""
    request.session[_SESSION] = {"email": email.lower(), "at": clock.now().isoformat(), **typed}


def waiting(request: HttpRequest) -> dict[str, Any] | None:
    """What `begin` was told, for an hour; None afterwards, and in another browser."""
    state: dict[str, Any] | None = request.session.get(_SESSION)
    return state if state and clock.now() - datetime.fromisoformat(state["at"]) < _FOR else None


def forget(request: HttpRequest) -> None:
    request.session.pop(_SESSION, None)


def send_again(request: HttpRequest, state: dict[str, Any]) -> bool:
    """Once more, to the same address; False when one left in the last minutes. Says so on the next page when sent."""
    row = EmailAddress.objects.filter(user=state.get("user"), email__iexact=state["email"], verified=False).first()
    return send_verification_email_to_address(request, row or EmailAddress(email=state["email"]), signup=True)


def correct(request: HttpRequest, state: dict[str, Any], email: str) -> bool:
    """The address was mistyped: the account that waits gets this one, and the first one's link opens nothing.

    An address that is somebody's changes nothing, and its reader is written to, as at a sign-up.
    """
    email = email.lower()
    try:
        with transaction.atomic():
            user = _moved(state, email)
    except IntegrityError:  # somebody signed up with it at the same instant
        user = None
    kept = {name: value for name, value in state.items() if name not in {"email", "at"}}
    begin(request, email, **kept | ({"user": user.pk} if user else {}))
    return send_again(request, request.session[_SESSION])


def _moved(state: dict[str, Any], email: str) -> User | None:
    """The account with its new address; None when the address is taken, or when there is nothing to make one of."""
    user = User.objects.select_for_update().filter(pk=state.get("user") or 0, last_login=None).first()
    if user and EmailAddress.objects.filter(user=user, verified=True).exists():
        user = None  # confirmed meanwhile, elsewhere
    others = User.objects.exclude(pk=user.pk) if user else User.objects
    if others.filter(email__iexact=email).exists():
        return None
    if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
        return None
    if user is None:
        user = _created(state, email)
    if user is None:
        return None
    user.email = email
    user.save(update_fields=["email"])
    # Not changed in place: a link names its row, and the one in the wrong mailbox would confirm the right address.
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, primary=True)
    return user


def _created(state: dict[str, Any], email: str) -> User | None:
    """What the sign-up would have made, had its address been free."""
    if "password" not in state or state.get("user"):
        return None
    user = User(email=email, name=state["name"], language=state["language"], password=state["password"])
    user.save()
    accept_terms(user, at=clock.now())
    return user


def accept_terms(user: User, *, at: datetime) -> None:
    """Whoever signs up ticked the box: the version in force."""
    terms_actions.accept(Terms.objects.in_force(Terms.Kind.USE, at=at), by=user, at=at)
