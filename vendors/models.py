"""Who answers: a company, or one self-employed person, and the people who act for it."""

import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from marketplace.regions import Region


class VendorQuerySet(models.QuerySet):
    def visible_to(self, user, *, at=None):
        """One's own vendors; administrators see all. Names of opened proponents are public through the opening."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        return self.filter(memberships__user=user).distinct()


class Vendor(models.Model):
    """A proponent. Limits are those of BC's proponent fields; NEQ: 10 digits (Registraire des entreprises)."""

    class Kind(models.TextChoices):
        COMPANY = "company", _("Entreprise")
        INDIVIDUAL = "individual", _("Travailleuse ou travailleur autonome")

    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("nature"), max_length=10, choices=Kind, default=Kind.COMPANY)
    legal_name = models.CharField(_("nom légal"), max_length=100)
    neq = models.CharField(
        _("numéro d’entreprise du Québec (NEQ)"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(r"^\d{10}$", _("Le NEQ a dix chiffres."))],
    )
    street = models.CharField(_("adresse"), max_length=100)
    street2 = models.CharField(_("adresse (suite)"), max_length=100, blank=True)
    city = models.CharField(_("ville"), max_length=100)
    region = models.CharField(_("région administrative"), max_length=2, choices=Region, blank=True)
    province = models.CharField(_("province ou État"), max_length=100, default="Québec")
    postal_code = models.CharField(_("code postal"), max_length=100)
    country = models.CharField(_("pays"), max_length=100, default="Canada")
    email = models.EmailField(_("courriel"), max_length=100)
    phone = models.CharField(
        _("téléphone"),
        max_length=30,
        blank=True,
        validators=[RegexValidator(r"^\+?[\d\s().-]{7,25}(\s*(poste|ext\.?)\s*\d{1,6})?$", _("Numéro non reconnu."))],
    )
    created_at = models.DateTimeField(_("date d’inscription du prestataire"))
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="VendorMembership", related_name="vendors")
    objects = VendorQuerySet.as_manager()

    class Meta:
        verbose_name = _("prestataire")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["company", "individual"]), name="vendor_kind_known"),
            models.UniqueConstraint(
                fields=["neq"],
                condition=~Q(neq=""),
                name="vendor_neq_unique",
                violation_error_message=_("Un prestataire est déjà inscrit avec ce NEQ."),
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name


class VendorMembership(models.Model):
    """A person's role in a vendor."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Propriétaire")
        ADMIN = "admin", _("Gestionnaire")
        MEMBER = "member", _("Membre")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("personne"),
        on_delete=models.PROTECT,
        related_name="vendor_memberships",
    )
    vendor = models.ForeignKey(
        Vendor, verbose_name=_("prestataire"), on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(_("rôle"), max_length=6, choices=Role)

    class Meta:
        verbose_name = _("adhésion")
        constraints = [
            models.UniqueConstraint(fields=["user", "vendor"], name="vendor_member_once"),
            models.CheckConstraint(condition=Q(role__in=["owner", "admin", "member"]), name="vendor_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.vendor}"


class InvitationQuerySet(models.QuerySet):
    def pending(self):
        return self.filter(answered_at=None)

    def addressed_to(self, user):
        """Those that this person may answer: sent to one of the addresses that the person has confirmed."""
        confirmed = user.emailaddress_set.filter(verified=True)
        return self.pending().filter(email__in=confirmed.values(folded=Lower("email")))


class Invitation(models.Model):
    """An offer to act for a vendor. Nobody becomes a member without accepting: a membership ties one's hands.

    It waits for its address to be confirmed by somebody, now or at a later sign-up. Answered with `accepted` None: it
    was withdrawn by the vendor.
    """

    class Role(models.TextChoices):
        ADMIN = "admin", _("Gestionnaire")
        MEMBER = "member", _("Membre")

    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    vendor = models.ForeignKey(
        Vendor, verbose_name=_("prestataire"), on_delete=models.PROTECT, related_name="invitations"
    )
    email = models.EmailField(_("adresse courriel"))  # in lower case
    role = models.CharField(_("rôle"), max_length=6, choices=Role, default=Role.MEMBER)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("invitée par"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("envoyée le"))
    answered_at = models.DateTimeField(_("répondue le"), null=True)
    accepted = models.BooleanField(_("acceptée"), null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        constraints = [
            models.UniqueConstraint(
                fields=["vendor", "email"],
                condition=Q(answered_at=None),
                name="vendor_invitation_once",
                violation_error_message=_("Cette personne est déjà invitée."),
            ),
            models.CheckConstraint(condition=Q(role__in=["admin", "member"]), name="vendor_invitation_role_known"),
            models.CheckConstraint(
                condition=Q(accepted=None) | Q(answered_at__isnull=False), name="vendor_invitation_answered_has_instant"
            ),
        ]
        indexes = [models.Index(fields=["email"], condition=Q(answered_at=None), name="vendor_invitation_waiting")]

    def __str__(self) -> str:
        return f"{self.email}, {self.vendor}"
