"""What administrators do for bodies. Occasions are only looked at: every act on them goes through the lifecycle."""

from django.contrib import admin

from marketplace import clock, ledger
from opportunities.bodies import BodyMembership, PublicBody
from opportunities.models import Opportunity
from opportunities.parts import Skill


class ForAdministrators(admin.ModelAdmin):
    """Only for people who are both staff and superuser; nothing is deleted unless a class says so."""

    def _is_administrator(self, request) -> bool:
        user = request.user
        return user.is_active and user.is_staff and user.is_superuser

    def has_module_permission(self, request):
        return self._is_administrator(request)

    def has_view_permission(self, request, obj=None):
        return self._is_administrator(request)

    def has_add_permission(self, request, obj=None):
        return self._is_administrator(request)

    def has_change_permission(self, request, obj=None):
        return self._is_administrator(request)

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(PublicBody)
class PublicBodyAdmin(ForAdministrators):
    list_display = ["name", "acronym", "regime", "region", "active"]
    list_filter = ["active", "regime", "region"]
    search_fields = ["name", "acronym"]


@admin.register(BodyMembership)
class BodyMembershipAdmin(ForAdministrators):
    """Who acts for a body: given and taken away here, and written in the ledger, because every right comes from it."""

    list_display = ["user", "body", "role"]
    list_filter = ["role", "body"]
    search_fields = ["user__email", "user__name", "body__name"]
    autocomplete_fields = ["body"]
    raw_id_fields = ["user"]
    list_select_related = ["user", "body"]
    actions = None  # one at a time: each removal is its own entry in the ledger

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return self._is_administrator(request)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        self._record("body.member_added", request, obj)

    def delete_model(self, request, obj):
        self._record("body.member_removed", request, obj)
        super().delete_model(request, obj)

    @staticmethod
    def _record(action: str, request, obj) -> None:
        member = f"person:{obj.user.public_id}"
        ledger.record(action, f"organisme:{obj.body_id}", by=request.user, at=clock.now(), member=member, role=obj.role)


@admin.register(Skill)
class SkillAdmin(ForAdministrators):
    list_display = ["name", "folded"]
    search_fields = ["name", "folded"]
    readonly_fields = ["folded"]

    def has_add_permission(self, request, obj=None):
        return False


@admin.register(Opportunity)
class OpportunityAdmin(ForAdministrators):
    list_display = ["number", "title", "body", "state", "closes_at"]
    list_filter = ["state", "body"]
    search_fields = ["number", "title"]
    list_select_related = ["body"]
    date_hierarchy = "created_at"
    actions = None

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False
