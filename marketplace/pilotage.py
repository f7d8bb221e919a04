"""What every table of the administration obeys: administrators only, no bulk act, no deletion, no oracle.

Django lets whoever sees a list filter it by any column or relation, through the address. Here that would tell who bids
before the opening, or a password's hash letter by letter: only what a class lists as a filter can be filtered by.
"""

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import Http404
from django.utils.text import capfirst
from django.utils.translation import gettext as _

_LOOKUPS = {"exact", "isnull", "in", "gte", "lt", "year", "month", "day", "id"}
_KEY_DIGITS = 18  # more of them do not fit in a 64-bit column


class _Chosen(AutocompleteSelect):
    """What was posted is looked up only when it may be a key: the field refuses the rest, and the page shows why."""

    def optgroups(self, name, value, attr=None):
        keys = [key for key in value if str(key).isdecimal() and len(str(key)) <= _KEY_DIGITS]
        return super().optgroups(name, keys, attr)


class Administered(admin.ModelAdmin):
    """Base of every administration class of the project (tests/test_admin.py checks that)."""

    actions = None
    show_full_result_count = False

    def _is_administrator(self, request) -> bool:
        user = request.user
        return user.is_active and user.is_staff and user.is_superuser

    def has_module_permission(self, request):
        return self._is_administrator(request)

    def has_view_permission(self, request, obj=None):
        return self._is_administrator(request)

    def has_add_permission(self, request):
        return self._is_administrator(request)

    def has_change_permission(self, request, obj=None):
        return self._is_administrator(request)

    def has_delete_permission(self, request, obj=None):
        return False

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", _Chosen(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def lookup_allowed(self, lookup, value, request=None):
        field, *rest = lookup.split("__")
        return field in {*self.list_filter, self.date_hierarchy} and set(rest) <= _LOOKUPS

    def to_field_allowed(self, request, to_field):
        return to_field == self.opts.pk.name

    def changelist_view(self, request, extra_context=None):
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        # Django's own sentences, « Ajout de organisme public », know neither gender nor elision.
        name = self.opts.verbose_name
        title = capfirst(name) if object_id else _("Ajouter : %s") % name
        return super().changeform_view(request, object_id, form_url, {"title": title} | (extra_context or {}))


class ReadOnly(Administered):
    """Rows are looked at."""

    def has_add_permission(self, request, *args):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ListOnly(ReadOnly):
    """A list without pages of its own: their addresses would be numbers, and numbers can be counted."""

    list_display_links = None

    def change_view(self, request, object_id, form_url="", extra_context=None):
        raise Http404

    def history_view(self, request, object_id, extra_context=None):
        raise Http404
