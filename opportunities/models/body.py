"""Public bodies and the people who act for them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.regions import Region
from marketplace.search import SortKey
from opportunities.enums import BodyRole, Regime


class PublicBody(models.Model):
    """An organisme public: ministry, agency, network establishment, municipality…"""

    name = models.CharField(_("nom officiel"), max_length=200, unique=True)
    acronym = models.CharField(_("sigle"), max_length=20, blank=True)
    regime = models.CharField(_("régime"), max_length=20, choices=Regime, default=Regime.LCOP)
    region = models.CharField(_("région administrative"), max_length=2, choices=Region)
    sort_key = SortKey("name")
    active = models.BooleanField(_("en activité sur la plateforme"), default=True)

    class Meta:
        verbose_name = _("organisme public")
        verbose_name_plural = _("organismes publics")
        ordering = ["sort_key", "pk"]
        constraints = [models.CheckConstraint(condition=Q(regime__in=Regime.values), name="body_regime_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def short(self) -> str:
        return self.acronym or self.name


class BodyMembership(models.Model):
    """A person's role in a body; one person may hold both roles, and still never does twice what needs two people."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("personne"), on_delete=models.PROTECT, related_name="body_memberships"
    )
    body = models.ForeignKey(
        PublicBody, verbose_name=_("organisme public"), on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(_("rôle"), max_length=10, choices=BodyRole)

    class Meta:
        verbose_name = _("adhésion à un organisme")
        verbose_name_plural = _("adhésions aux organismes")
        constraints = [
            models.UniqueConstraint(fields=["user", "body", "role"], name="body_role_once"),
            models.CheckConstraint(condition=Q(role__in=BodyRole.values), name="body_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}, {self.body}"
