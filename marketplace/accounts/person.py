"""Who a person is: one table, the e-mail address is the login.

Below the ledger and the lifecycle, which name people: `marketplace.models` publishes it with the other tables.
"""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Creates people; the e-mail address is the login, compared without case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)


class User(AbstractUser):
    """A person. Rights come from memberships (bodies, vendors), `is_auditor`, or `is_staff` (administrator)."""

    username = None  # type: ignore[assignment]  # AbstractUser's three columns that we do without
    first_name = None  # type: ignore[assignment]  # likewise
    last_name = None  # type: ignore[assignment]  # likewise
    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("adresse courriel"), unique=True)
    name = models.CharField(_("nom complet"), max_length=100)
    language = models.CharField(
        _("langue"), max_length=5, choices=settings.LANGUAGES, default="fr-ca", help_text=_("Celle de vos courriels.")
    )
    is_auditor = models.BooleanField(
        _("vérifie les marchés"),
        default=False,
        help_text=_("Lit les marchés après l’ouverture et vérifie le registre; n’agit pour aucun prestataire."),
    )
    is_staff = models.BooleanField(
        _("administre la plateforme"),
        default=False,
        help_text=_("Gère organismes, personnes et conditions; n’agit pour aucun organisme ni aucun prestataire."),
    )
    is_active = models.BooleanField(
        _("compte actif"),
        default=True,
        help_text=_("Décoché : la personne ne peut plus se connecter; ce qu’elle a fait reste au dossier."),
    )
    # Part of every session and of every password link: raised by one, all those that exist are dead for good.
    session_epoch = models.PositiveIntegerField(default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # AbstractUser's has usernames

    class Meta:
        verbose_name = _("personne")
        verbose_name_plural = _("personnes")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_without_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        text = f"{self.password}:{self.session_epoch}"
        return salted_hmac("marketplace.accounts.session", text, secret=secret, algorithm="sha256").hexdigest()

    def end_sessions(self) -> None:
        """Every session of this person ends, and every password link that waits in a mailbox."""
        type(self).objects.filter(pk=self.pk).update(session_epoch=F("session_epoch") + 1)
        self.refresh_from_db(fields=["session_epoch"])

    def locked(self) -> "User":
        """The same person, read again under the row's lock: what ties one's hands changes one act at a time.

        Whoever gives a power that a membership forbids, or a membership that a power forbids, takes it first.
        """
        return type(self).objects.select_for_update().get(pk=self.pk)

    def why_not_vendor(self) -> str:
        """The reason for which this person may not act for a vendor, as a sentence; "" when there is none.

        The reverse of `why_not_platform_wide`, read under the same lock.
        """
        if self.is_staff or self.is_superuser:
            return gettext("Qui administre la plateforme n’agit pour aucun prestataire.")
        if self.is_auditor:
            return gettext("Qui vérifie les marchés n’agit pour aucun prestataire.")
        return ""

    def why_not_administrator(self) -> str:
        """The reason for which this person may not administer the platform, as a sentence; "" when there is none.

        Whoever administers neither scores, awards, audits nor competes: the powers stay in different hands.
        """
        if self.is_auditor:
            return gettext("Une même personne ne peut pas administrer et vérifier.")
        return self.why_not_platform_wide() or (
            gettext("Cette personne agit pour un organisme : elle ne peut pas administrer.")
            if self.body_memberships.exists()
            else ""
        )

    def why_not_platform_wide(self) -> str:
        """Likewise, for administrators and auditors alike: they read what competitors must not."""
        if self.vendor_memberships.exists():
            return gettext("Cette personne agit pour un prestataire : elle ne peut ni administrer ni vérifier.")
        return ""

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


Visitor = User | AnonymousUser  # whose request it is: signed in or not
