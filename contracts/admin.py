"""What administrators do after the award: name who signs for a body. Contracts are only looked at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.models import Contract, Signatory
from marketplace.administration import Administered, ListOnly, is_administrator
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.money import MoneyField, format_cents
from marketplace.requests import PersonRequest
from marketplace.texts import PlainTexts


class SignatoryForm(PlainTexts, forms.ModelForm):
    """Who, for which body, up to how much. The person is one of its officers."""

    limit_cents = MoneyField(
        label=gettext_lazy("Limite de signature, avant taxes"),
        min_cents=1,
        help_text=gettext_lazy("Selon le plan de délégation de l’organisme."),
    )

    class Meta:
        model = Signatory
        fields = ["body", "user", "title", "limit_cents"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        body, user = values.get("body"), values.get("user")
        if body and user and not body.memberships.filter(user=user, role="officer").exists():
            self.add_error("user", _("Cette personne n’est pas responsable des règles contractuelles de l’organisme."))
        if body and body.signatories.filter(user=user, ended_at=None).exists():
            self.add_error("user", _("Cette personne est déjà signataire de l’organisme."))
        return values


class EndForm(PlainTexts, forms.ModelForm):
    """A mandate is never edited: it ends, and another one is named."""

    end = forms.BooleanField(
        label=gettext_lazy("Mettre fin au mandat"),
        error_messages={"required": gettext_lazy("Cochez la case pour mettre fin au mandat.")},
    )

    class Meta:
        model = Signatory
        fields: list[str] = []


@admin.register(Signatory)
class SignatoryAdmin(Administered):
    """Named and ended here, and written in the ledger: a signature binds a body."""

    list_display = ["user", "body", "title", "limit", "named_at", "ended_at"]
    list_filter = ["body"]
    list_select_related = ["user", "body"]
    search_fields = ["user__email", "user__name", "body__name"]
    autocomplete_fields = ["body"]
    raw_id_fields = ["user"]
    ordering = ["-named_at", "-pk"]

    @admin.display(description=gettext_lazy("limite de signature, avant taxes"), ordering="limit_cents")
    def limit(self, obj: Signatory) -> str:
        return format_cents(obj.limit_cents)

    def get_fields(self, request: HttpRequest, obj: Signatory | None = None) -> list[Any]:
        if obj is None:
            return SignatoryForm.Meta.fields
        return ["body", "user", "title", "limit", "named_at", "ended_at" if obj.ended_at else "end"]

    def get_readonly_fields(self, request: HttpRequest, obj: Signatory | None = None) -> list[Any]:
        return [field for field in self.get_fields(request, obj) if field != "end"] if obj else []

    def get_form(
        self, request: HttpRequest, obj: Signatory | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        return super().get_form(request, obj, change, form=EndForm if obj else SignatoryForm, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Signatory | None = None) -> bool:
        return is_administrator(request.user) and (obj is None or obj.ended_at is None)

    def save_model(  # type: ignore[override]  # only people reach the administration
        self, request: PersonRequest, obj: Signatory, form: forms.ModelForm, change: bool
    ) -> None:
        at = clock.now()
        if change:
            obj.ended_at = at
        else:
            obj.named_at = at
        super().save_model(request, obj, form, change)
        action = "signatory.end" if change else "signatory.name"
        person = f"person:{obj.user.public_id}"
        ledger.record(
            action, f"organisme:{obj.body_id}", by=request.user, at=at, person=person, limit_cents=obj.limit_cents,
        )  # fmt: skip


@admin.register(Contract)
class ContractAdmin(ListOnly):
    """Concluded ones, which are public: those under preparation are between the parties."""

    list_display = ["number", "award", "state", "value", "signed_at"]
    list_filter = ["state"]
    list_select_related = ["award__opportunity", "award__proposal__vendor"]
    search_fields = ["number", "award__opportunity__title", "award__proposal__vendor__legal_name"]
    ordering = ["-signed_at", "-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contract]:
        return Contract.objects.public().order_by(*self.ordering)

    @admin.display(description=gettext_lazy("valeur, avant taxes"))
    def value(self, obj: Contract) -> str:
        return format_cents(obj.value_cents)
