"""The notes given to an admissible proposal: as they are, each version of them, and the digests that freeze them."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplace.columns.shape import ShapedJSONField, fraction, held, listed, number, text
from opportunities.models import Criterion

# As proposals/evaluation/notes.py, `line`, writes them.
_LINES = listed(held({"id": number, "label": text, "weight": number, "value": fraction, "comment": text, "by": text}))


class Score(models.Model):
    """One criterion's score of one proposal: 0 to 100, two decimals.

    Once the notes of its occasion are frozen a row changes only with the accepted re-examination that it names, to the
    values that this one holds: triggers say so (proposals/triggers.py).
    """

    proposal = models.ForeignKey("proposals.Proposal", on_delete=models.PROTECT, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="scores")
    value = models.DecimalField(
        _("note"), max_digits=5, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    comment = models.TextField(_("commentaire"), max_length=2_000, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reexamination = models.ForeignKey(
        "proposals.NoteReexamination", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = _("note")
        constraints = [
            models.UniqueConstraint(fields=["proposal", "criterion"], name="score_once"),
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=100), name="score_range"),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.value}"


class NotesVersion(models.Model):
    """All the notes of one proposal as somebody saved them, whole: nothing that was saved is ever lost.

    criteria: [{id, label, weight, value, comment, by}], in the grid's order; `value` as text, two decimals, `by` as the
    ledger names people. Of a re-examination, `by` is whoever accepted it.
    """

    proposal = models.ForeignKey("proposals.Proposal", on_delete=models.PROTECT, related_name="notes_versions")
    number = models.PositiveIntegerField()
    criteria = ShapedJSONField(fits=_LINES)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reexamination = models.OneToOneField(
        "proposals.NoteReexamination", null=True, on_delete=models.PROTECT, related_name="version"
    )

    class Meta:
        verbose_name = _("version des notes")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["proposal", "number"], name="notes_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="notes_version_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id}.{self.number}"

    def line(self, criterion_id: int) -> dict[str, Any] | None:
        """What it says of one criterion."""
        return next((line for line in self.criteria if line["id"] == criterion_id), None)


class NotesSeal(models.Model):
    """The digest of one version of a proposal's notes, which the ledger holds, and the salts that nobody can guess.

    What is hashed, and who is given the salts: proposals/evaluation/notes.py.
    """

    version = models.OneToOneField(NotesVersion, on_delete=models.PROTECT, related_name="seal")
    salt = models.CharField(max_length=64)
    comments_salt = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("empreinte de notes")

    def __str__(self) -> str:
        return self.sha256
