"""What was changed in an account's ways in, kept for as long as its person may undo it."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.columns.shape import ShapedJSONField, held

UNDO_FOR = timedelta(days=7)


class AccountChange(models.Model):
    """One message, to one address: what changed, how it was before, and whether its link has served.

    Rows are forgotten once their link serves no more (`accounts/tasks.py`): they hold addresses.
    """

    class Kind(models.TextChoices):
        ADDRESS_ADDED = "address_added", _("adresse ajoutée")
        ADDRESS_REMOVED = "address_removed", _("adresse retirée")
        PRIMARY_CHANGED = "primary_changed", _("adresse principale changée")
        PASSWORD_CHANGED = "password_changed", _("mot de passe changé")
        FACTOR_OFF = "second_factor_off", _("vérification en deux étapes désactivée")
        FACTOR_REPLACED = "second_factor_replaced", _("application d’authentification remplacée")

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="account_changes")
    kind = models.CharField(max_length=22, choices=Kind)
    told = models.EmailField()  # where the message went
    address = models.EmailField(blank=True)  # the one that was added, removed, or made the main one
    before = ShapedJSONField(fits=held())  # marketplace/accounts/undo.py
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("changement à un compte")
        indexes = [models.Index(fields=["user", "at"], name="account_change_user_at")]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        *("address_added", "address_removed", "primary_changed"),
                        *("password_changed", "second_factor_off", "second_factor_replaced"),
                    ]
                ),
                name="account_change_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d}"

    @property
    def until(self) -> datetime:
        """When its link stops serving."""
        return self.at + UNDO_FOR

    def can_be_undone(self, *, at: datetime) -> bool:
        """Once, and in time."""
        return self.undone_at is None and at < self.until
