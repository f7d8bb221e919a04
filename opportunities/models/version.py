"""What was published, version after version: an append-only row for each, whose digest the ledger holds."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.person import User
from marketplace.files.documents import read_json
from opportunities.enums import NoticeKind
from opportunities.versions import document as notice_document

# Moves after which the public reads another notice: each writes a version.
KINDS = {
    "publish": NoticeKind.PUBLICATION,
    "suspend": NoticeKind.SUSPENSION,
    "resume": NoticeKind.RESUMPTION,
    "confirm_award": NoticeKind.AWARD,
    "reverse_award": NoticeKind.REVERSAL,
    "conclude_without_award": NoticeKind.UNSUCCESSFUL,
    "cancel": NoticeKind.CANCELLATION,
    "addendum": NoticeKind.ADDENDUM,  # no move: opportunities/addenda/actions.py
}


class NoticeVersionQuerySet(models.QuerySet["NoticeVersion"]):
    def public(self) -> Self:
        return self.filter(opportunity__published_at__isnull=False)

    def after(self, move: str, opportunity: Any, **told: Any) -> dict[str, Any]:
        """The version that a move of the occasion makes, if the public reads another notice after it; as `write`."""
        kind = KINDS.get(move)
        return self.write(opportunity, kind, **told) if kind and opportunity.is_public() else {}

    def live(self, opportunity: Any, *, award: Mapping[str, Any]) -> notice_document.Document | None:
        """The notice as its rows are now, under its last version's name; None where no version was made."""
        rows = list(self.filter(opportunity=opportunity).order_by("-number")[:2])
        if not rows:
            return None
        rows[0].opportunity = opportunity
        return rows[0].rebuilt(previous=rows[1].sha256 if len(rows) > 1 else "", award=award)

    def write(
        self,
        opportunity: Any,
        kind: NoticeKind,
        *,
        by: User | None,
        at: datetime,
        added: Iterable[Any] = (),
        award: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The next version, of the notice as it stands in memory; answers what the act's entry in the ledger holds.

        opportunity: an Opportunity, which writes its versions and is therefore not imported here; added: its parts.
        The caller holds the occasion's lock and a transaction, and saves the occasion, whose `notice_version` grew,
        after what it adds: the database lets parts in between these two writes only.
        """
        number = opportunity.notice_version + 1
        added = list(added)
        for part in added:
            part.version = number
        before = self.filter(opportunity=opportunity, number=number - 1).values_list("sha256", flat=True).first()
        stamped = notice_document.stamp(number, kind, at, before or "")
        content = notice_document.text(notice_document.of(opportunity, stamped, added=added, award=award))
        row = self.create(
            opportunity=opportunity, number=number, at=at, kind=kind, by=by, document=content,
            sha256=notice_document.digest(content),
        )  # fmt: skip
        opportunity.notice_version = number
        return {"notice_version": number, "notice_sha256": row.sha256}


class NoticeVersion(models.Model):
    """One version, 1 to n without a gap. `document`: its canonical JSON (opportunities/versions/document.py).

    Append-only by trigger. Nothing else lets a published notice change (opportunities/versions/triggers.py).
    """

    opportunity = models.ForeignKey("Opportunity", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField(_("version"))
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=NoticeKind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    document = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = NoticeVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version d’un avis")
        verbose_name_plural = _("versions des avis")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["opportunity", "number"], name="notice_version_unique"),
            models.CheckConstraint(condition=Q(number__gte=1), name="notice_version_from_one"),
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="notice_version_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id} v{self.number}"

    def rebuilt(self, *, previous: str, award: Mapping[str, Any] | None = None) -> notice_document.Document:
        """The document as today's rows tell it: this version's own text, unless somebody changed a row without an act.

        `previous`: the SHA-256 of the version before, "" for the first.
        """
        stamped = notice_document.stamp(self.number, self.kind, self.at, previous)
        return notice_document.of(self.opportunity, stamped, award=award, body_name=self._body_name())

    def _body_name(self) -> str:
        try:
            told = read_json(self.document.encode())["body"]
            return str(told["name"]) if told["id"] == self.opportunity.body_id else ""
        except (ValueError, KeyError, TypeError):  # a document that was tampered with says nothing
            return ""
