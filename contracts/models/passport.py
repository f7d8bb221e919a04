"""What other bodies may take up: deliverable passports and who reuses them."""

import uuid
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contracts.models.contract import of_parties
from marketplace.accounts.person import Visitor
from marketplace.columns.shape import ShapedJSONField, anything, either, held, listed, nothing, text, yes_or_no


class PassportQuerySet(models.QuerySet["Passport"]):
    def visible_to(self, user: Visitor, *, at: datetime | None = None) -> Self:
        """Of code under an open licence: everybody. Of other code: the parties and auditors."""
        if not user.is_authenticated or not user.is_active:
            return self.filter(open_licence=True)
        if user.is_auditor:
            return self
        return self.filter(Q(open_licence=True) | of_parties(user, "contract"))

    def catalogued(self) -> Self:
        """The last passport of each contract whose code anybody may take up."""
        return self.filter(open_licence=True, superseded_at=None)

    def for_list(self) -> Self:
        return (
            self.select_related("contract__award__opportunity__body", "contract__award__proposal__vendor")
            .prefetch_related("contract__award__opportunity__skills")
            .order_by("-at", "-pk")
        )


class Passport(models.Model):
    """What was accepted, so that anybody can recognise it: repository, commit, SWHID, licence, SBOM digest, signed.

    `document`: the canonical JSON that the platform signed (Ed25519), as tools/verify.py checks it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="passports")
    delivery = models.OneToOneField("Delivery", on_delete=models.PROTECT, related_name="passport")
    at = models.DateTimeField(_("établi le"))
    swhid = models.CharField(max_length=60)
    commit = models.CharField(_("empreinte du commit"), max_length=64, blank=True)
    repository = models.URLField(_("dépôt de code"), max_length=500)
    licence = models.CharField(_("licence (SPDX)"), max_length=100)
    open_licence = models.BooleanField(_("licence libre"))
    archive_sha256 = models.CharField(max_length=64)
    publiccode = ShapedJSONField(null=True, blank=True, fits=text)  # the file's content, when it is valid
    # [[key, kept sentence]]: code/sentences.py
    publiccode_problems = ShapedJSONField(default=list, blank=True, fits=listed(listed(anything)))
    sbom_format = models.CharField(max_length=20, blank=True)
    sbom_sha256 = models.CharField(max_length=64, blank=True)
    sbom_components = models.PositiveIntegerField(default=0)
    name = models.CharField(_("nom du logiciel"), max_length=200)
    summary = models.TextField(_("ce que fait le logiciel"), max_length=1_000)
    search_text = models.TextField(blank=True, editable=False)
    document = ShapedJSONField(fits=held({"licence_agrees": either(yes_or_no, nothing)}))
    superseded_at = models.DateTimeField(null=True, editable=False)
    likeness: float  # 0 to 1: contracts/reuse/similarity.py, `matches`

    objects = PassportQuerySet.as_manager()

    class Meta:
        verbose_name = _("passeport de livrable")
        indexes = [
            models.Index(
                fields=["-at", "-id"], condition=Q(open_licence=True, superseded_at=None), name="passport_catalogue"
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["contract"], condition=Q(superseded_at=None), name="passport_one_current")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contracts:code", args=[self.public_id])


class Reuse(models.Model):
    """« Nous réutilisons » : a public body says publicly that it took up what another one paid for."""

    contract = models.ForeignKey("Contract", on_delete=models.PROTECT, related_name="reuses")
    body = models.ForeignKey("opportunities.PublicBody", on_delete=models.PROTECT, related_name="reuses")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("depuis le"))
    note = models.CharField(_("comment, en une phrase"), max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("réutilisation")
        constraints = [
            models.UniqueConstraint(fields=["contract", "body"], condition=Q(ended_at=None), name="reuse_once_per_body")
        ]

    def __str__(self) -> str:
        return f"{self.body}, {self.contract.number}"
