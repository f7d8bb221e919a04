"""Administrators read vendors; only a vendor's own people change it."""

from django.contrib import admin

from marketplace.pilotage import ReadOnly
from vendors.models import Vendor, VendorMembership


class People(admin.TabularInline):
    model = VendorMembership
    fields = ["user", "role"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return True  # inside a page that only administrators see


@admin.register(Vendor)
class VendorAdmin(ReadOnly):
    list_display = ["legal_name", "kind", "neq", "city", "region", "created_at"]
    list_filter = ["kind", "region"]
    search_fields = ["legal_name", "neq", "city"]
    ordering = ["legal_name", "pk"]
    exclude = ["members"]
    inlines = [People]


@admin.register(VendorMembership)
class VendorMembershipAdmin(ReadOnly):
    list_display = ["user", "vendor", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "vendor"]
    search_fields = ["user__email", "vendor__legal_name"]
    ordering = ["pk"]
