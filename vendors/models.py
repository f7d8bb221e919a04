"""Who answers: a company, or one self-employed person, the people who act for it, and whether it may."""

import uuid
from datetime import date, datetime, timedelta
from typing import Self

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.person import User, Visitor
from marketplace.regions import Region
from marketplace.search import SortKey
from marketplace.values.columns import NeqColumn, TelephoneColumn


class VendorQuerySet(models.QuerySet["Vendor"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """One's own vendors; administrators see all. Names of opened proponents are public through the opening."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        return self.filter(memberships__user=user).distinct()

    def acted_for(self, user: User) -> Self:
        """Those that this person acts for. Not `visible_to`: administrators see all and act for none."""
        return self.filter(memberships__user=user)

    def active(self) -> Self:
        """Those that are not archived: they may begin a proposal and deposit it."""
        return self.filter(archived_at=None)


class Vendor(models.Model):
    """A proponent. Limits are those of BC's proponent fields; NEQ: 10 digits (Registraire des entreprises)."""

    class Kind(models.TextChoices):
        COMPANY = "company", _("Entreprise")
        INDIVIDUAL = "individual", _("Travailleuse ou travailleur autonome")

    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("nature"), max_length=10, choices=Kind, default=Kind.COMPANY)
    legal_name = models.CharField(_("nom légal"), max_length=100)
    sort_key = SortKey("legal_name")
    neq = NeqColumn(_("numéro d’entreprise du Québec (NEQ)"), max_length=10, blank=True)
    street = models.CharField(_("adresse"), max_length=100)
    street2 = models.CharField(_("adresse (suite)"), max_length=100, blank=True)
    city = models.CharField(_("ville"), max_length=100)
    region = models.CharField(_("région administrative"), max_length=2, choices=Region, blank=True)
    province = models.CharField(_("province ou État"), max_length=100, default="Québec")
    postal_code = models.CharField(_("code postal"), max_length=100)
    country = models.CharField(_("pays"), max_length=100, default="Canada")
    email = models.EmailField(_("courriel"), max_length=100)
    phone = TelephoneColumn(_("téléphone"), max_length=30, blank=True)
    created_at = models.DateTimeField(_("date d’inscription du prestataire"))
    # It deposits nothing until it is taken back (vendors/archive/actions.py).
    archived_at = models.DateTimeField(_("archivé le"), null=True, blank=True, editable=False)
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


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def pending(self) -> Self:
        return self.filter(answered_at=None)

    def addressed_to(self, user: User) -> Self:
        """Those that this person may answer: sent to one of the addresses that the person has confirmed."""
        confirmed = EmailAddress.objects.filter(user=user, verified=True)
        return self.pending().filter(email__in=confirmed.values(folded=Lower("email")))


class Invitation(models.Model):
    """An offer to act for a vendor. Nobody becomes a member without accepting: a membership ties one's hands.

    It waits for its address to be confirmed by somebody, now or at a later sign-up. Answered with `accepted` None: it
    was withdrawn by the vendor.
    """

    class Role(models.TextChoices):
        OWNER = "owner", _("Propriétaire")  # offered by an administrator alone, when the owners are away
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
            models.CheckConstraint(
                condition=Q(role__in=["owner", "admin", "member"]), name="vendor_invitation_role_known"
            ),
            models.CheckConstraint(
                condition=Q(accepted=None) | Q(answered_at__isnull=False), name="vendor_invitation_answered_has_instant"
            ),
        ]
        indexes = [models.Index(fields=["email"], condition=Q(answered_at=None), name="vendor_invitation_waiting")]

    def __str__(self) -> str:
        return f"{self.email}, {self.vendor}"


class TaxAttestationQuerySet(models.QuerySet["TaxAttestation"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """The vendor's people, and those of a public body whose award names the vendor. Administrators see none.

        What a vendor adds tells what it prepares. `proposals` is the relation of the app above, which is not imported.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        bodies = user.body_memberships.values("body")
        retained = Vendor.objects.filter(proposals__state="awarded", proposals__opportunity__body__in=bodies)
        return self.filter(Q(vendor__in=Vendor.objects.acted_for(user)) | Q(vendor__in=retained))

    def current(self) -> Self:
        return self.filter(withdrawn_at=None)


class TaxAttestation(models.Model):
    """An attestation de Revenu Québec as a vendor declares it; an officer who checked it says so. No occasion is named.

    Valid until the end of the third month that follows the month of issue (E-3.3, r. 6.1; RCTI).
    """

    public_id = models.UUIDField(_("identifiant public"), default=uuid.uuid4, unique=True, editable=False)
    vendor = models.ForeignKey(
        Vendor, verbose_name=_("prestataire"), on_delete=models.PROTECT, related_name="attestations"
    )
    number = models.CharField(_("numéro"), max_length=30)
    issued_on = models.DateField(_("date de délivrance"))  # a day in Québec
    file = models.FileField(
        _("copie"), upload_to="attestations", blank=True
    )  # PDF; served by vendors/eligibility/views.py only
    sha256 = models.CharField(max_length=64, blank=True)
    scanned = models.BooleanField(default=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("ajoutée par"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("ajoutée le"))
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("vérifiée par"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    verified_at = models.DateTimeField(_("vérifiée le"), null=True)
    withdrawn_at = models.DateTimeField(_("retirée le"), null=True)

    objects = TaxAttestationQuerySet.as_manager()

    class Meta:
        verbose_name = _("attestation de Revenu Québec")
        constraints = [
            models.UniqueConstraint(
                fields=["vendor", "number"],
                condition=Q(withdrawn_at=None),
                name="attestation_once",
                violation_error_message=_("Cette attestation est déjà dans la liste."),
            ),
            models.CheckConstraint(condition=~Q(number=""), name="attestation_has_number"),
            models.CheckConstraint(
                condition=Q(verified_by=None, verified_at=None)
                | Q(verified_by__isnull=False, verified_at__isnull=False),
                name="attestation_verified_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(verified_by=None) | ~Q(verified_by=models.F("added_by")),
                name="attestation_two_people",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def valid_through(self) -> date:
        """The last day on which it counts."""
        return end_of_third_month(self.issued_on)

    def valid_on(self, on: date) -> bool:
        return self.withdrawn_at is None and self.issued_on <= on <= self.valid_through


def end_of_third_month(issued_on: date) -> date:
    """The last day of the third month after the month of `issued_on`: 2026-08-15 → 2026-11-30."""
    year, month = divmod(issued_on.year * 12 + issued_on.month - 1 + 4, 12)
    return date(year, month + 1, 1) - timedelta(days=1)


class IneligibilityQuerySet(models.QuerySet["Ineligibility"]):
    def in_force(self, on: date) -> Self:
        """Those that bar a vendor on a day, the first and the last included."""
        return self.filter(Q(until=None) | Q(until__gte=on), since__lte=on, lifted_at=None)


class Ineligibility(models.Model):
    """A vendor that may get no public contract, as a public register says; recorded and lifted by an administrator."""

    class Source(models.TextChoices):
        RENA = "rena", _("registre des entreprises non admissibles (RENA)")
        OQLF = "oqlf", _("liste de l’OQLF des entreprises non conformes à la francisation")
        OTHER = "other", _("autre motif prévu par la loi")

    vendor = models.ForeignKey(
        Vendor, verbose_name=_("prestataire"), on_delete=models.PROTECT, related_name="ineligibilities"
    )
    source = models.CharField(_("source"), max_length=5, choices=Source)
    since = models.DateField(_("premier jour"))  # days in Québec
    until = models.DateField(_("dernier jour"), null=True, blank=True, help_text=_("Vide : sans fin prévue."))
    note = models.TextField(_("note"), max_length=2_000, blank=True, help_text=_("Lue en administration seulement."))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("inscrite par"), on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("inscrite le"))
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("levée par"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(_("levée le"), null=True)

    objects = IneligibilityQuerySet.as_manager()

    class Meta:
        verbose_name = _("inadmissibilité")
        verbose_name_plural = _("inadmissibilités")
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=["rena", "oqlf", "other"]), name="ineligibility_source_known"
            ),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=models.F("since")),
                name="ineligibility_days_in_order",
                violation_error_message=_("Le dernier jour précède le premier."),
            ),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None) | Q(lifted_by__isnull=False, lifted_at__isnull=False),
                name="ineligibility_lifted_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor}, {self.get_source_display()}"


class TaxRegistration(models.Model):
    """A vendor's tax numbers, or its statement that it is a small supplier (ETA, s. 148; CQLR c. T-0.1, s. 294)."""

    vendor = models.OneToOneField(Vendor, primary_key=True, on_delete=models.PROTECT, related_name="tax_registration")
    small_supplier = models.BooleanField(_("petit fournisseur : aucune taxe n’est facturée"), default=False)
    tps_number = models.CharField(
        _("numéro de TPS"),
        max_length=20,
        blank=True,
        validators=[RegexValidator(r"^\d{9} RT\d{4}$", _("Un numéro de TPS s’écrit 123456789 RT0001."))],
    )
    tvq_number = models.CharField(
        _("numéro de TVQ"),
        max_length=20,
        blank=True,
        validators=[RegexValidator(r"^\d{10} TQ\d{4}$", _("Un numéro de TVQ s’écrit 1234567890 TQ0001."))],
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("inscription aux taxes")
        constraints = [
            models.CheckConstraint(
                condition=Q(small_supplier=True, tps_number="", tvq_number="")
                | (Q(small_supplier=False) & ~Q(tps_number="") & ~Q(tvq_number="")),
                name="tax_numbers_or_small_supplier",
                violation_error_message=_("Inscrivez les deux numéros, ou déclarez-vous petit fournisseur."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.tps_number} {self.tvq_number}"
