"""What administrators do for bodies. Occasions are only looked at: every act on them goes through the lifecycle."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _

from marketplace.administration import Administered, ReadOnly, is_administrator
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.texts import PlainTexts
from opportunities import emails
from opportunities.enums import State
from opportunities.models import BodyMembership, Opportunity, PublicBody, Skill


class MembershipForm(PlainTexts, forms.ModelForm):
    """An administrator gives rights to others, never to one who administers: oneself first of all."""

    class Meta:
        model = BodyMembership
        fields = ["user", "body", "role"]

    def clean_user(self):
        user = self.cleaned_data["user"].locked()  # nobody makes an administrator of this person meanwhile
        if user.is_staff:
            raise forms.ValidationError(_("Une personne qui administre la plateforme n’agit pour aucun organisme."))
        return user


@admin.register(PublicBody)
class PublicBodyAdmin(Administered):
    list_display = ["name", "acronym", "regime", "region", "active"]
    list_filter = ["active", "regime", "region"]
    search_fields = ["name", "acronym"]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        changed: dict[str, Any] = {name: str(getattr(obj, name)) for name in form.changed_data}
        action = "body.changed" if change else "body.added"
        ledger.record(action, f"organisme:{obj.pk}", by=request.user, at=clock.now(), **changed)


@admin.register(BodyMembership)
class BodyMembershipAdmin(Administered):
    """Who acts for a body: given and taken away here, told, and in the ledger, because every right comes from it."""

    list_display = ["user", "body", "role"]
    list_filter = ["role", "body"]
    search_fields = ["user__email", "user__name", "body__name"]
    autocomplete_fields = ["body"]
    raw_id_fields = ["user"]
    list_select_related = ["user", "body"]
    form = MembershipForm

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return is_administrator(request.user)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        self._record("body.member_added", request, obj)

    def delete_model(self, request, obj):
        self._record("body.member_removed", request, obj)
        super().delete_model(request, obj)

    @staticmethod
    def _record(action: str, request, obj) -> None:
        member, at = f"person:{obj.user.public_id}", clock.now()
        ledger.record(action, f"organisme:{obj.body_id}", by=request.user, at=at, member=member, role=obj.role)
        emails.role_changed(obj, given=action == "body.member_added", at=at)


@admin.register(Skill)
class SkillAdmin(Administered):
    list_display = ["name", "folded"]
    search_fields = ["name", "folded"]
    readonly_fields = ["folded"]

    def get_readonly_fields(self, request, obj=None):
        """The name is part of the published notices that ask for it (opportunities/versions/triggers.py)."""
        asked = obj and obj.opportunities.exclude(state__in=[State.DRAFT, State.IN_REVIEW]).exists()
        return [*self.readonly_fields, "name"] if asked else self.readonly_fields

    def has_add_permission(self, request, obj=None):
        return False


@admin.register(Opportunity)
class OpportunityAdmin(ReadOnly):
    list_display = ["number", "title", "body", "state", "closes_at"]
    list_filter = ["state", "body"]
    search_fields = ["number", "title"]
    list_select_related = ["body"]
    date_hierarchy = "created_at"
