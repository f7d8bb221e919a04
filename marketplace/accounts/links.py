"""Links that a message carries: choosing a password again, undoing a change to one's account."""

from allauth.account.models import EmailAddress
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.signing import BadSignature, Signer

from marketplace.accounts.change import AccountChange
from marketplace.accounts.person import User

_UNDO = Signer(salt="marketplace.accounts.undo")


class ResetLinks(PasswordResetTokenGenerator):
    """Serves once, and dies with the person's sessions, or as soon as an address comes or goes."""

    key_salt = "marketplace.accounts.reset"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        addresses = EmailAddress.objects.filter(user=user).order_by("email").values_list("email", "verified")
        return f"{super()._make_hash_value(user, timestamp)}{user.session_epoch}{list(addresses)}"


def undo_token(change: AccountChange) -> str:
    """What the address that undoes this change ends by: only the message that tells of it holds it."""
    return _UNDO.sign(change.public_id.hex)


def change_of(token: str) -> AccountChange | None:
    """The change that this link undoes; None when we did not write the link, or when it is forgotten since."""
    try:
        identifier = _UNDO.unsign(token)
    except BadSignature:
        return None
    return AccountChange.objects.select_related("user").filter(public_id=identifier).first()
