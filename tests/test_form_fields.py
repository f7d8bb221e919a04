"""Every field of every form of the product reads what people really type: none is forgotten, and they are counted."""

import importlib
import pkgutil
from collections import Counter
from copy import deepcopy

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.sites import site as administration
from django.test import RequestFactory

from marketplace.files.uploads import UploadField
from marketplace.texts import PlainTexts, is_password
from marketplace.values import fields as value_fields
from tests.test_architecture import APPS

OURS = tuple(f"{app}." for app in APPS)
# Nothing is typed in them: choices, boxes, files. Passwords are kept sign for sign.
NOT_TYPED = (forms.BooleanField, forms.FileField, UploadField, forms.ChoiceField, forms.NullBooleanField)


def modules() -> int:
    """Everything of ours is imported, so that no form hides."""
    seen = 0
    for name in APPS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".migrations" not in module.name and ".management" not in module.name:
                importlib.import_module(module.name)
                seen += 1
    return seen


def below(base: type) -> set[type]:
    return {base}.union(*(below(child) for child in base.__subclasses__()))


def our_forms() -> list[type[forms.BaseForm]]:
    assert modules() > 250
    known = {
        form
        for form in below(forms.BaseForm)
        if form.__module__.startswith(OURS) and "<locals>" not in form.__qualname__
    }
    return sorted(known, key=lambda form: f"{form.__module__}.{form.__qualname__}")


def typed(field: forms.Field) -> bool:
    if isinstance(field, forms.ModelChoiceField):
        return not isinstance(field, forms.ModelMultipleChoiceField)
    return not (isinstance(field, NOT_TYPED) or is_password(field))


def parts(field: forms.Field) -> list[forms.Field]:
    """Those that read: of a date and an hour, both."""
    if isinstance(field, forms.MultiValueField):
        return [part for one in field.fields for part in parts(one)]
    return [field]


class Bare(PlainTexts, forms.Form):
    """A form of given fields, whose mixin is the one that every form has."""

    def __init__(self, given: dict[str, forms.Field], data: dict[str, str] | None = None) -> None:
        self.given = deepcopy(given)  # a form's own fields are read again by every test after this one
        super().__init__(data)

    def read_plainly(self) -> None:
        self.fields.update(self.given)
        super().read_plainly()


class BareAsTyped(Bare):
    as_typed = True


def test_every_form_is_read_plainly(db):
    ours = our_forms()
    strays = [form for form in ours if not issubclass(form, PlainTexts)]
    # Rows that are typed with others, and the mixins that have no field.
    assert {form.__name__ for form in strays} <= {"Quiet", "_Typed"}, strays
    assert len(ours) >= 75


def test_every_field_of_every_form_reads_what_is_typed(db):
    kinds, missed = Counter(), []
    for form in our_forms():
        for name, field in getattr(form, "base_fields", {}).items():
            for part in parts(Bare({name: field}).fields[name]):
                if typed(part):
                    kinds[type(part).__name__] += 1
                    if not getattr(part, "reads_typed", False):
                        missed.append((form.__qualname__, name, type(part).__name__))
            assert getattr(field, "reads_typed", None) is not field, (form, name)  # shared by every request
    assert not missed
    assert sum(kinds.values()) >= 110, kinds
    assert kinds["CharField"] >= 50 and kinds["MoneyField"] >= 5 and kinds["DayField"] >= 15, kinds
    assert {
        "IntegerField",
        "EmailField",
        "NeqField",
        "TelephoneField",
        "TpsField",
        "TvqField",
        "AttestationField",
    } <= set(kinds)


def test_every_form_of_the_administration_reads_what_is_typed(cast):
    request, seen = RequestFactory().get("/"), 0
    request.user = cast.administrator
    for model, table in administration._registry.items():
        if not model.__module__.startswith(OURS) or not table.has_add_permission(request):
            continue
        made = table.get_form(request)()
        assert isinstance(made, PlainTexts), model
        for name, field in made.fields.items():
            for part in parts(field):
                seen += 1
                assert not typed(part) or getattr(part, "reads_typed", False), (model, name)
    assert seen >= 20 and admin.site.is_registered(apps.get_model("opportunities", "PublicBody"))


# One value of each kind of field, and what it must become whatever surrounds it.
VALUES = {
    forms.CharField: (forms.CharField(), "Carte", "Carte"),
    forms.EmailField: (forms.EmailField(), "a@exemple.ca", "a@exemple.ca"),
    forms.URLField: (forms.URLField(assume_scheme="https"), "https://exemple.ca/x", "https://exemple.ca/x"),
    forms.IntegerField: (forms.IntegerField(), "45", 45),
    forms.FloatField: (forms.FloatField(), "4,5", 4.5),
    forms.UUIDField: (forms.UUIDField(), "00000000-0000-0000-0000-000000000001", None),
    value_fields.NeqField: (value_fields.NeqField(), "1161-234-567", "1161234567"),
    value_fields.TelephoneField: (value_fields.TelephoneField(), "4185550123#4", "418 555-0123 poste 4"),
    value_fields.PostalCodeField: (value_fields.PostalCodeField(), "g8b1a1", "G8B 1A1"),
}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("around", ["{}", "\u200b{}\ufeff", "\u202a {}\u202c", "\u00a0{}\u2003", "\x00{}", "\t{}\r\n"])
def test_noise_around_a_value_changes_nothing(kind, around):
    field, text, value = VALUES[kind]
    form = Bare({"it": field}, {"it": around.format(text)})
    assert form.is_valid(), form.errors
    assert value is None or form.cleaned_data["it"] == value


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("nothing", ["", " ", "\u200b", "\ufeff\u202a", "\x00", "\u3164\u2800"])
def test_what_shows_nothing_is_nothing(kind, nothing):
    field, *_rest = VALUES[kind]
    assert [error.code for error in Bare({"it": field}, {"it": nothing}).errors.as_data()["it"]] == ["required"]


def test_ten_thousand_characters_with_line_breaks_are_ten_thousand():
    """A browser sends two characters for each line break; the limit and its message count one."""
    for kind in (Bare, BareAsTyped):
        text = forms.CharField(max_length=10_000, widget=forms.Textarea)
        form = kind({"text": text}, {"text": "\r\n".join(["x" * 908] * 11)})
        assert len("\n".join(["x" * 908] * 11)) == 9_998 and form.is_valid()
        assert form.cleaned_data["text"].count("\n") == 10 and "\r" not in form.cleaned_data["text"]
    longer = Bare({"text": forms.CharField(max_length=10_000, widget=forms.Textarea)}, {"text": "x\r\n" * 5_000 + "x"})
    assert longer.errors["text"] == ["Ce texte compte 10\u00a0001 caractères; le maximum est de 10\u00a0000."]


def test_nul_is_treated_alike_everywhere():
    for kind in (Bare, BareAsTyped):
        for widget in (forms.TextInput, forms.Textarea):
            form = kind({"text": forms.CharField(widget=widget)}, {"text": "a\x00b"})
            assert form.is_valid() and form.cleaned_data["text"] == "ab"


def test_a_password_is_kept_sign_for_sign():
    form = Bare({"it": forms.CharField(strip=False, widget=forms.PasswordInput)}, {"it": " \u200bｐass\u00a0"})
    assert form.is_valid() and form.cleaned_data["it"] == " \u200bｐass\u00a0"
