"""What every table of the administration obeys: administrators only, no bulk act, no deletion, no oracle.

Django lets whoever sees a list filter it by any column or relation, through the address. Here that would tell who bids
before the opening, or a password's hash letter by letter: only what a class lists as a filter can be filtered by.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from marketplace.accounts.person import Visitor
from marketplace.accounts.reauthentication import asks_again
from marketplace.dates.localtime import NBSP
from marketplace.keep import Quiet, keeps_typed, typed_before
from marketplace.texts import PlainModelForm, Words
from marketplace.twice.once import once
from marketplace.twice.unique import asked_again

_LOOKUPS = {"exact", "isnull", "in", "gte", "lt", "year", "month", "day", "id"}
_KEY_DIGITS = 18  # more of them do not fit in a 64-bit column
Context = dict[str, Any] | None


def is_administrator(user: Visitor) -> bool:
    """Whether this person pilots the platform."""
    return user.is_active and user.is_staff and user.is_superuser


def administrators_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Pages of the pilot beside Django's administration: 404 for everybody else, and never kept."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_administrator(request.user):
            raise Http404
        return asked_first(view)(request, *args, **kwargs)

    return never_cache(guarded)


def asked_first(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Who is there is asked as one comes in, then every CONFIRMATION_MINUTES."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return (asks_again(view) if settings.ADMINISTRATION_ASKS_AGAIN else view)(request, *args, **kwargs)

    return guarded


# Leaving, and what only leads elsewhere.
_NOT_ASKED = {"logout", "login", "password_change", "password_change_done", "i18n_javascript"}


class Site(admin.AdminSite):
    """Django's administration behind the site's own doors: its sign-in and its password page, with their limits.

    Django's would take any number of passwords: the first from anybody, both from an administrator's open session.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        asked = getattr(view, "__name__", "") not in _NOT_ASKED
        return super().admin_view(asked_first(once(asked_again(view))) if asked else view, cacheable)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Context = None) -> HttpResponse:
        then = request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(then, {request.get_host()}, require_https=request.is_secure())
        then = then if safe else reverse("admin:index")
        if is_administrator(request.user):
            return redirect(then)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect(f"{reverse(settings.LOGIN_URL)}?{urlencode({'next': then})}")

    def password_change(  # type: ignore[override]  # a redirection, not Django's page
        self, request: HttpRequest, extra_context: Context = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def password_change_done(  # type: ignore[override]  # likewise
        self, request: HttpRequest, extra_context: Context = None
    ) -> HttpResponse:
        return redirect("profile")


class _Chosen(AutocompleteSelect):
    """What was posted is looked up only when it may be a key: the field refuses the rest, and the page shows why."""

    def optgroups(self, name: str, value: Sequence[str], attr: dict[str, Any] | None = None) -> list[Any]:
        keys = [key for key in value if str(key).isdecimal() and len(str(key)) <= _KEY_DIGITS]
        return super().optgroups(name, keys, attr)


class _Typed(Quiet):
    """The form of a page that one came back to: as it was typed, not judged yet."""

    quiet = True
    typed: QueryDict

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(self.typed, *args, **kwargs)


class Administered(admin.ModelAdmin):
    """Base of every administration class of the project (tests/test_admin.py checks that)."""

    form: type[ModelForm] = PlainModelForm
    actions = None
    search_hint: Words = ""  # not Django's search_help_text, which leaves the field without a name
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", _Chosen(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Which way a box was turned, for the history: « compte actif : non ». Translated when it is read."""
        message: list[dict[str, Any]] = super().construct_change_message(request, form, formsets, add)
        if not add and form is not None:
            with translation.override(None):
                boxes = [name for name in form.changed_data if isinstance(form.fields[name], forms.BooleanField)]
                labels = {name: str(form.fields[name].label) for name in boxes}
            ways = {name: "oui" if form.cleaned_data[name] else "non" for name in boxes}
            turned = {label: f"{label[:1].lower()}{label[1:]}{NBSP}: {ways[name]}" for name, label in labels.items()}
            for part in message:
                fields = part.get("changed", {}).get("fields", [])
                part["changed"]["fields"] = [turned.get(name, name) for name in fields]
        return message

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A day and an hour are two fields under one label: each says what it is."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.SplitDateTimeField) and isinstance(field.widget, AdminSplitDateTime):
            for part, name in zip(field.widget.widgets, (_("date"), _("heure")), strict=True):
                part.attrs["aria-label"] = f"{field.label}, {name}"
        return field

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        field, *rest = lookup.split("__")
        return field in {*self.list_filter, self.date_hierarchy} and set(rest) <= _LOOKUPS

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.opts.pk.name

    @keeps_typed
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Context = None) -> HttpResponse:
        return super().add_view(request, form_url, extra_context)

    @keeps_typed
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context = None
    ) -> HttpResponse:
        return super().change_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """With what was typed before the session ended, when this page is the one that it was typed on."""
        form = super().get_form(request, obj, change, **kwargs)
        typed = getattr(request, "typed", None)
        return type(form.__name__, (_Typed, form), {"typed": typed}) if typed else form

    def changelist_view(self, request: HttpRequest, extra_context: Context = None) -> HttpResponse:
        about = {"title": capfirst(self.opts.verbose_name_plural), "subtitle": self.search_hint or None}
        return super().changelist_view(request, about | (extra_context or {}))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Context = None
    ) -> HttpResponse:
        # Django's own sentences, « Ajout de organisme public », know neither gender nor elision.
        name = self.opts.verbose_name
        vars(request)["typed"] = typed_before(request)
        title = capfirst(name) if object_id else _("Ajouter : %s") % name
        return super().changeform_view(request, object_id, form_url, {"title": title} | (extra_context or {}))


class ReadOnly(Administered):
    """Rows are looked at."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ListOnly(ReadOnly):
    """A list without pages of its own: their addresses would be numbers, and numbers can be counted."""

    list_display_links = None

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Context = None
    ) -> HttpResponse:
        raise Http404

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Context = None) -> HttpResponse:
        raise Http404
