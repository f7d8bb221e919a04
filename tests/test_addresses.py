"""Wherever an address is typed, one that no message can be written to is refused, in words."""

import inspect
from importlib import import_module

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from marketplace.dates import clock
from marketplace.mail import address
from marketplace.models import User
from marketplace.texts import PlainTexts
from opportunities.models import PublicBody
from tests.cast import PUBLISHED_AT, person
from tests.test_architecture import MODULES, name_of

HEADER = "=?utf-8?q?=0a?=@example.com"
OTHERS = "lea@faß.de"
ELSEWHERE = "irait à un autre domaine"
# Forms that take an address to write to; « LOOKS_UP » find an account that exists, and write to the one it has.
ENTERS = {
    "vendors.forms.InviteForm.email",
    "vendors.forms.VendorForm.email",
    "opportunities.drafts.forms.OpportunityForm.contact_email",
    "opportunities.drafts.forms.NewOpportunityForm.contact_email",
    "marketplace.accounts.forms.SignupForm.email",
    "marketplace.accounts.forms.AddEmailForm.email",
    "marketplace.accounts.forms.CorrectAddressForm.email",
    "vendors.forms.NewOwnerForm.email",
}
LOOKS_UP = {"marketplace.accounts.forms.ResetPasswordForm.email"}


def typed_addresses() -> dict[str, type[forms.BaseForm]]:
    """« module.Form.field » of every form of ours that has a field for an address."""
    found = {}
    for path in MODULES:
        if path.stem.rpartition("_")[2] not in {"forms", "views", "admin", "adapters"}:
            continue
        module = import_module(name_of(path).removesuffix(".py").replace("/", "."))
        for name, form in inspect.getmembers(module, inspect.isclass):
            if issubclass(form, forms.BaseForm) and form.__module__ == module.__name__:
                for field, kind in getattr(form, "base_fields", {}).items():
                    if isinstance(kind, forms.EmailField):
                        found[f"{form.__module__}.{name}.{field}"] = form
    return found


def made(form, data):
    """The form with this posted, whatever else it is given."""
    asked = {name for each in form.__mro__ for name in inspect.signature(each.__init__).parameters}
    known = {"at": PUBLISHED_AT, "bodies": PublicBody.objects.none()}
    given = {name: value for name, value in known.items() if name in asked}
    if form.__name__ == "AddEmailForm":
        given["user"] = person("Léa Tremblay")
    return form(data=data, **given)


def test_every_field_of_an_address_is_known():
    found = set(typed_addresses())
    assert found == ENTERS | LOOKS_UP, found ^ (ENTERS | LOOKS_UP)


@pytest.mark.parametrize("bad", [HEADER, OTHERS])
@pytest.mark.parametrize("place", sorted(ENTERS))
def test_one_that_cannot_be_written_is_refused_where_it_is_typed(db, place, bad):
    form = typed_addresses()[place]
    field = place.rpartition(".")[2]
    with clock.set_to(PUBLISHED_AT):
        filled = made(form, {field: bad})
        filled.request = RequestFactory().get("/")
        assert field in filled.errors
        if not place.startswith("marketplace.accounts") and bad == OTHERS:
            assert ELSEWHERE in str(filled.errors[field])


@pytest.mark.django_db
@pytest.mark.parametrize(("bad", "said"), [(HEADER, "ne peut pas recevoir de courriel"), (OTHERS, ELSEWHERE)])
def test_the_first_administrator_has_an_address_that_a_message_reaches(bad, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_admin", "--email", bad, "--name", "Ada Poulin")
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("domain", "written"),
    [("faß.de", "fass.de"), ("ｅxemple.org", "exemple.org"), ("βόλος.com", ""), ("exem\u200dple.org", "exemple.org")],
)
def test_a_domain_that_does_not_come_back_is_somebody_elses(domain, written):
    assert not address.can_be_written(f"lea@{domain}")
    with pytest.raises(ValidationError, match=ELSEWHERE) as caught:
        address.check(f"lea@{domain}")
    assert written in caught.value.messages[0]


@pytest.mark.parametrize(
    "good", ["lea@exemple.org", "lea@Québec.ca", "lea@que\u0301bec.ca", "lea@xn--fa-hia.de", "LEA@EXEMPLE.ORG"]
)
def test_one_that_comes_back_is_accepted(good):
    assert address.can_be_written(good)
    address.check(good)


def test_what_is_no_address_is_told_once():
    class Asking(PlainTexts, forms.Form):
        email = forms.EmailField()

    form = Asking({"email": "pas-une-adresse"})
    assert len(form.errors["email"]) == 1
    form = Asking({"email": "lea@exemple.ca"})
    assert form.is_valid()
