"""Where the encrypted files of proposals stand: rows that hold the exact name of their bytes, and nothing else.

What a file is called, its type and its size are inside the encrypted draft, or the sealed envelope.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DraftFile(models.Model):
    """An encrypted file of a draft. It goes when the file is taken off, and at the opening, with the draft."""

    proposal = models.ForeignKey("Proposal", on_delete=models.PROTECT, related_name="draft_files")
    file_id = models.UUIDField(unique=True)  # as the draft names it
    file = models.FileField(upload_to="drafts", unique=True)

    class Meta:
        verbose_name = _("fichier de brouillon")

    def __str__(self) -> str:
        return str(self.file_id)


class SealedFile(models.Model):
    """A sealed file of a dépôt. It goes with the envelope that names its digest, at a withdrawal."""

    submission = models.ForeignKey("Submission", on_delete=models.PROTECT, related_name="sealed_files")
    file_id = models.UUIDField()  # as the envelope names it
    file = models.FileField(upload_to="sealed", unique=True)

    class Meta:
        verbose_name = _("fichier scellé")
        constraints = [models.UniqueConstraint(fields=["submission", "file_id"], name="sealed_file_once")]

    def __str__(self) -> str:
        return str(self.file_id)
