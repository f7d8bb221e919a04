"""Administrators read vendors; only a vendor's own people change it."""

from django.contrib import admin

from vendors.models import Vendor, VendorMembership


class ReadOnly:
    """No act from the administration site."""

    def has_add_permission(self, request, *args) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def has_view_permission(self, request, obj=None) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request) -> bool:
        return request.user.is_active and request.user.is_staff


class People(ReadOnly, admin.TabularInline):
    model = VendorMembership
    fields = ["user", "role"]
    extra = 0


@admin.register(Vendor)
class VendorAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["legal_name", "kind", "neq", "city", "region", "created_at"]
    list_filter = ["kind", "region"]
    search_fields = ["legal_name", "neq", "city"]
    ordering = ["legal_name", "pk"]
    exclude = ["members"]
    inlines = [People]
    actions = None


@admin.register(VendorMembership)
class VendorMembershipAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["user", "vendor", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "vendor"]
    search_fields = ["user__email", "vendor__legal_name"]
    ordering = ["pk"]
    actions = None
