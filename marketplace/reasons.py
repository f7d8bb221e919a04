"""A reason that others will read: the form that asks for it, and what every act that needs one checks."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.lifecycle import complain
from marketplace.texts import PlainTexts, Words

REASON_MAX = 2_000  # characters


def reason_given(reason: str) -> str:
    """The stripped reason, 1 to 2 000 characters; ValidationError at `reason` otherwise."""
    reason = (reason or "").strip()
    if not reason:
        complain("reason", _("Inscrivez le motif."))
    if len(reason) > REASON_MAX:
        complain("reason", _("Le motif dépasse %d caractères.") % REASON_MAX)
    return reason


class ReasonForm(PlainTexts, forms.Form):
    """`help_text`: who will read it; each page says so."""

    reason = forms.CharField(label=gettext_lazy("Motif"), max_length=REASON_MAX, widget=forms.Textarea({"rows": 5}))

    def __init__(self, data=None, *, help_text: Words = "", **kwargs):
        super().__init__(data, **kwargs)
        self.fields["reason"].help_text = str(help_text)
