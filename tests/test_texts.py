"""What people type, made plain: control characters, something to see, limits with their numbers."""

import pytest
from django import forms
from django.utils import translation

from marketplace.texts import PlainTexts, one_line, several_lines


class Form(PlainTexts, forms.Form):
    name = forms.CharField(max_length=10)
    text = forms.CharField(max_length=10_000, required=False, widget=forms.Textarea)
    parts = forms.CharField(required=False)
    keeps_lines = ("parts",)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Carte\u200b des\u2060 ponts", "Carte des ponts"),
        ("Carte\r\ndes\tponts", "Carte des ponts"),
        ("\u202eTXEN\u202c", "TXEN"),
        ("\ufeff Été\u00a0: l’an 1 ", "Été\u00a0: l’an 1"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\u200b\u2060\ufeff", ""),
        ("\u3164\u2800", ""),
        ("   \u00a0\u2003", ""),
        ("C++", "C++"),
        ("…", "…"),
    ],
)
def test_one_line(typed, kept):
    assert one_line(typed) == kept


def test_several_lines_keep_their_lines_and_their_emoji():
    family = "👩\u200d👧"
    assert several_lines(f" Un\r\n\tdeux\u202e {family}\x00 \n") == f"Un\n\tdeux {family}"
    assert several_lines("\n\u200b\n") == ""


def test_nothing_to_see_is_nothing(db):
    form = Form({"name": "\u200b\u202e", "text": "\u200b", "parts": "a\nb"})
    assert form.errors["name"] == ["Ce champ est obligatoire."]
    assert form.cleaned_data["text"] == "" and form.cleaned_data["parts"] == "a\nb"


def test_limits_count_what_is_kept_and_say_both_numbers():
    assert Form({"name": "é" * 10 + "\u200b" * 5}).is_valid()
    form = Form({"name": "é" * 11, "text": "x" * 20_001})
    assert form.errors["name"] == ["Ce texte compte 11 caractères; le maximum est de 10."]
    assert form.errors["text"] == ["Ce texte compte 20\u00a0001 caractères; le maximum est de 10\u00a0000."]
    with translation.override("en"):
        assert "20,001" in Form({"name": "x", "text": "x" * 20_001}).errors["text"][0]
