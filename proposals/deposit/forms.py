"""What is typed to deposit a proposal, and to verify a receipt."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from marketplace.files.documents import read_json
from marketplace.files.kinds import RECEIPTS, decoded
from marketplace.files.uploads import OneFileField
from marketplace.texts import PlainTexts
from proposals.deposit.overlap import MISSING
from proposals.enums import Lobbying

RECEIPT_MAX_BYTES = 20_000


class DepositForm(PlainTexts, forms.Form):
    """What the person declares for the vendor, and the terms.

    `common_person` leaves where whoever deposits is behind no other answer (overlap.py).
    """

    integrity = forms.BooleanField(
        label=_("Je fais cette déclaration d’intégrité au nom du prestataire"),
        error_messages={"required": _("La déclaration d’intégrité est obligatoire.")},
    )
    no_collusion = forms.BooleanField(
        label=_("Je fais cette attestation relative à la probité au nom du prestataire"),
        error_messages={"required": _("L’attestation relative à la probité est obligatoire.")},
    )
    lobbying = forms.ChoiceField(
        label=_("Activités de lobbyisme auprès de l’organisme public"),
        choices=Lobbying.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Dites si des activités de lobbyisme ont été exercées.")},
    )
    accept_terms = forms.BooleanField(
        label=_("J’accepte les conditions de dépôt"),
        error_messages={"required": _("Acceptez les conditions de dépôt.")},
    )
    common_person = forms.BooleanField(
        label=_("Je déclare que j’agis aussi pour un autre prestataire qui répond à cette occasion"),
        error_messages={"required": MISSING},
    )

    def __init__(self, *args: Any, behind: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not behind:
            del self.fields["common_person"]


class VerifyForm(PlainTexts, forms.Form):
    """A receipt, pasted or sent as a file; cleans to `receipt`, a dict of JSON values of 20 kB at most."""

    as_typed = True

    text = forms.CharField(
        label=_("Collez le contenu de l’accusé"),
        required=False,
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    file = OneFileField(label=_("Ou choisissez le fichier signé (JSON)"), types=RECEIPTS, keeps=False)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        upload, text = data.get("file"), data.get("text") or ""
        if "file" in self.errors:
            return data
        field, raw = ("file", upload[0]) if upload else ("text", text.encode("utf-8", "replace"))
        if len(raw) > RECEIPT_MAX_BYTES:
            self.add_error(field, _("C’est trop long pour un accusé : 20 ko au plus."))
            return data
        if upload and (read := decoded(raw)):  # an editor may have saved it in another charset
            raw = read[0].encode()
        if not raw.strip():
            self.add_error(field, _("Collez un accusé ou choisissez son fichier."))
            return data
        try:
            receipt = read_json(raw)
        except ValueError:
            receipt = None
        if not isinstance(receipt, dict):
            self.add_error(field, _("Ce n’est pas un accusé de dépôt : le texte n’est pas un objet JSON complet."))
            return data
        return data | {"receipt": receipt}
