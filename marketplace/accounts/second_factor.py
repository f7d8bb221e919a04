"""Who must have a second factor before anything else: whoever may act for the public, or look where nobody else may."""

from allauth.mfa.models import Authenticator
from django.conf import settings

from marketplace.accounts.person import User, Visitor


def is_staff_member(user: Visitor) -> bool:
    """Administrators, auditors, and whoever acts for a public body: buyers, officers, evaluators."""
    if not user.is_authenticated or not user.is_active:
        return False
    return user.is_staff or user.is_superuser or user.is_auditor or user.body_memberships.exists()


def must_have_one(user: Visitor) -> bool:
    """Whether this person may not do without it: an installation that is no demonstration asks it of its staff."""
    return settings.SECOND_FACTOR_REQUIRED and is_staff_member(user)


def is_missing(user: Visitor) -> bool:
    """Whether this person must set one up before anything else. Asked at each request: one query."""
    if not settings.SECOND_FACTOR_REQUIRED or not user.is_authenticated:
        return False
    if user.is_staff or user.is_superuser or user.is_auditor:
        return not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
    staff = User.objects.filter(pk=user.pk, body_memberships__isnull=False)
    return staff.exclude(authenticator__type=Authenticator.Type.TOTP).exists()


def standing(user: User) -> str:
    """What a message about a role says of it: "asked" at the next page, already "on", or "" where nobody is asked."""
    if not settings.SECOND_FACTOR_REQUIRED:
        return ""
    return "asked" if is_missing(user) else "on"
