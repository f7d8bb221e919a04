"""Administrators read vendors; only a vendor's own people change it, but for an owner who left and for archiving it,
which have pages of their own. They record who may not get public contracts.

Attestations are deliberately not registered: whoever sees one added may guess that its vendor prepares a dépôt.
"""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext, gettext_lazy

from marketplace.administration import Administered, ReadOnly, is_administrator
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from vendors.forms import IneligibilityForm, LiftForm
from vendors.models import Ineligibility, Vendor, VendorMembership


class People(admin.TabularInline):
    model = VendorMembership
    fields = ["user", "role"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return True  # inside a page that only administrators see


@admin.register(Vendor)
class VendorAdmin(ReadOnly):
    list_display = ["legal_name", "kind", "neq", "city", "region", "created_at", "archived_at"]
    list_filter = ["kind", "region"]
    search_fields = ["legal_name", "neq", "city"]
    ordering = ["sort_key", "pk"]
    exclude = ["members"]
    readonly_fields = ["archived_at", "acts"]
    inlines = [People]

    @admin.display(description=gettext_lazy("gestes"))
    def acts(self, obj: Vendor) -> str:
        turn = gettext("Rétablir") if obj.archived_at else gettext("Archiver")
        links = [
            (reverse("pilot_new_owner", args=[obj.public_id]), gettext("Nommer une autre personne propriétaire")),
            (reverse("pilot_archive", args=[obj.public_id]), turn),
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links)


@admin.register(VendorMembership)
class VendorMembershipAdmin(ReadOnly):
    list_display = ["user", "vendor", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "vendor"]
    search_fields = ["user__email", "vendor__legal_name"]
    ordering = ["pk"]


@admin.register(Ineligibility)
class IneligibilityAdmin(Administered):
    """What public registers say of a vendor. A record is never edited: it is lifted, and another one is made."""

    list_display = ["vendor", "source", "since", "until", "lifted_at"]
    list_filter = ["source"]
    list_select_related = ["vendor"]
    search_fields = ["vendor__legal_name", "vendor__neq"]
    autocomplete_fields = ["vendor"]
    ordering = ["-since", "-pk"]

    def get_fields(self, request, obj=None):
        fields = ["vendor", "source", "since", "until", "note"]
        if obj is None:
            return fields
        return [*fields, "recorded_by", "at", *(["lifted_by", "lifted_at"] if obj.lifted_at else ["lift"])]

    def get_readonly_fields(self, request, obj=None):
        return [field for field in self.get_fields(request, obj) if field != "lift"] if obj else []

    def get_form(self, request, obj=None, change=False, **kwargs):
        return super().get_form(request, obj, change, form=LiftForm if obj else IneligibilityForm, **kwargs)

    def has_change_permission(self, request, obj=None):
        """Once, and never for a vendor to which one belongs."""
        if not is_administrator(request.user):
            return False
        return obj is None or not (obj.lifted_at or obj.vendor.memberships.filter(user=request.user).exists())

    def save_model(self, request, obj, form, change):
        at = clock.now()
        subject = f"vendor:{obj.vendor.public_id}"
        if change:
            obj.lifted_by, obj.lifted_at = request.user, at
            super().save_model(request, obj, form, change)
            ledger.record("vendor.eligible_again", subject, by=request.user, at=at, source=obj.source)
            return
        obj.recorded_by, obj.at = request.user, at
        super().save_model(request, obj, form, change)
        days = {"since": obj.since.isoformat(), "until": obj.until.isoformat() if obj.until else ""}
        ledger.record("vendor.ineligible", subject, by=request.user, at=at, source=obj.source, **days)
