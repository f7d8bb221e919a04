"""The vendor's forms: draft, dépôt, choice of the vendor, and the public's: a receipt to verify."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from marketplace.files.uploads import RawFilesField
from marketplace.money import MoneyField
from marketplace.texts import PlainTexts
from opportunities.enums import AwardMode
from opportunities.models import Opportunity
from proposals.deposit.actions import TEXT_MAX
from vendors.models import Vendor


class DraftForm(PlainTexts, forms.Form):
    """A draft may be incomplete: only limits are checked. `price` cleans to cents and leaves when it is not asked."""

    as_typed = True

    text = forms.CharField(
        label=_("Votre proposition"),
        max_length=TEXT_MAX,
        required=False,
        widget=forms.Textarea({"rows": 18}),
        help_text=_("Markdown : titres, listes, liens, tableaux."),
    )
    comments = forms.CharField(
        label=_("Commentaires additionnels"),
        max_length=TEXT_MAX,
        required=False,
        widget=forms.Textarea({"rows": 6}),
    )
    price = MoneyField(
        label=_("Votre prix, avant taxes"),
        required=False,
        help_text=_("Tout compris, pour tout ce que demande l’avis. Par exemple 48 500 ou 48 500,50."),
    )
    files = RawFilesField(  # type: ignore[assignment]  # a field: the form's own `files` is something else
        label=_("Ajouter des fichiers"), required=False, most=settings.FILES_PER_PROPOSAL
    )

    def __init__(self, *args: Any, opportunity: Opportunity, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not opportunity.asks_price:
            del self.fields["price"]
        if opportunity.award_mode != AwardMode.PRICE:
            self.fields["text"].help_text = _(
                "Markdown : titres, listes, liens, tableaux. Répondez à chaque critère de la grille."
            )

    def content(self) -> dict[str, Any]:
        """The draft's own names: text, comments, and price_cents when it is asked."""
        texts = {name: self.cleaned_data[name] for name in ("text", "comments")}
        return texts | ({"price_cents": self.cleaned_data["price"]} if "price" in self.fields else {})


class VendorChoiceForm(PlainTexts, forms.Form):
    """Whose proposal it is, among the vendors one acts for that have none yet."""

    vendor = forms.ChoiceField(
        label=_("Au nom de qui proposez-vous?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choisissez un prestataire."),
            "invalid_choice": _("Choisissez un de vos prestataires."),
        },
    )

    def __init__(self, *args: Any, vendors: list[Vendor], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["vendor"])
        field.choices = [
            (str(vendor.public_id), f"{vendor.legal_name} ({vendor.get_kind_display()})") for vendor in vendors
        ]
        if len(vendors) == 1:
            field.initial, field.widget = str(vendors[0].public_id), forms.HiddenInput()
