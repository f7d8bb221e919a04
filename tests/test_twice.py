"""What comes twice at once: a form does its act once, and of two who ask for what may exist once, one is told."""

from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Max
from django.forms import BaseForm, BaseFormSet
from django.forms.models import construct_instance
from django.test import Client
from django.utils import translation
from django.utils.html import strip_tags

from contracts import documents
from marketplace.accounts.tasks import clear_sessions
from marketplace.dates import clock
from marketplace.models import LedgerPayload, OutgoingEmail, SentForm, User
from marketplace.twice import unique
from marketplace.twice.sent import KEPT_FOR
from opportunities.models import PublicBody
from proposals.notice import actions as notice_actions
from tests.cast import PUBLISHED_AT, Cast
from tests.desk import number_in
from tests.doubles import FIRM, STORIES
from tests.reading import words
from tests.test_every_page import ROUTES, address
from tests.test_races import together
from tests.typing_forms import filled
from vendors.forms import VendorForm
from vendors.models import TaxAttestation, Vendor, VendorMembership

# What a page, a reminder of who reads, or a session writes by itself.
ASIDE = {"marketplace_sentform", "django_session", "marketplace_outgoingemail_x"}
TABLES = [model for model in apps.get_models() if model._meta.db_table not in ASIDE and model._meta.managed]


@pytest.fixture(autouse=True)
def _quick_documents(monkeypatch):
    """Documents are not what is tried here."""
    monkeypatch.setattr(documents.pdf, "render", lambda template, data, **_named: f"{template} {data}".encode())


def counted() -> dict[str, int]:
    """Rows of every table: acts, ledger entries, messages."""
    return {model._meta.label: model._base_manager.count() for model in TABLES}


def grew(before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in counted().items() if count != before[name]}


def person_of(cast, story) -> Client:
    client = Client()
    if story.who:
        client.force_login(getattr(cast, story.who))
    return client


@pytest.mark.parametrize("name", sorted(STORIES))
def test_back_then_send_does_it_once(cast, name, settings):
    """The same form, sent again: one act, and the second answer leads where the first did."""
    story = STORIES[name]
    settings.ADMINISTRATION_ASKS_AGAIN = False
    path = story.build(cast)
    client = person_of(cast, story)
    with clock.set_to(story.at), translation.override("fr-ca"):
        cache.clear()
        data = filled(client, path, page=story.page(path) if story.page else "", typed=story.typed)
        before = counted()
        first = client.post(path, data)
        assert first.status_code == 302, (path, data, errors(first))
        made, after = grew(before), counted()
        again = client.post(path, data)
    assert again.status_code == 302 and again["Location"] == first["Location"], (path, again.status_code)
    assert not grew(after)
    assert made or name in CHANGES_ROWS_ALONE, name


def errors(answer) -> object:
    """What a refused page says."""
    rows = [row for context in answer.context or [] for row in getattr(context, "dicts", [context])]
    values = [value for row in rows for value in dict(row).values()]
    told = [value.errors for value in values if isinstance(value, BaseForm | BaseFormSet) and any(value.errors)]
    return told or " ".join(strip_tags(answer.content.decode().partition("<main")[2]).split())[:900]


# Those that change a row and make none.
CHANGES_ROWS_ALONE = {"proposals:edit"}

# Addresses that take a POST and are no story, and why nothing is done twice.
NO_ACT = {
    "an acceptance is kept once, with get_or_create: tests/test_terms.py": {"accept_terms"},
    "sent again, but not at once: tests/test_confirmation.py": {"account_email_verification_sent"},
    "reads": {"proposals:verify", "audit:export", "health", "outgoing", "service"},
    "Stripe's event is kept once, under its own number: tests/test_webhooks.py": {"stripe_events"},
    "Stripe is asked with a key of its own, and answers the same: tests/test_paying_survives.py": {
        "contracts:abandon_payment", "contracts:payouts",
    },
    "a sign-in, a code, a password, a choice of language: done again, it is the same": {
        "account_login", "account_logout", "mfa_authenticate", "account_reauthenticate", "account_change_password",
        "account_reset_password_from_key", "account_confirm_email", "account_confirm_login_code", "profile",
        "mfa_activate_totp", "mfa_replace_totp", "mfa_deactivate_totp", "mfa_generate_recovery_codes",
        "mfa_view_recovery_codes", "mfa_download_recovery_codes",
    },
    "a link serves once: tests/test_account_doors.py": {"account_undo"},
    "the same form as account_signup: tests/test_account_doors.py": {"account_email"},
}  # fmt: skip


def posts(cast) -> set[str]:
    """Every address that a signed-in person may post to, the administration's aside."""
    client, found = Client(), set()
    client.force_login(cast.outsider)
    for name, route, _pattern in ROUTES:
        if not name.startswith("admin:") and client.post(address(route, number="DAN-2026-0001")).status_code != 405:
            client.force_login(cast.outsider)
            found.add(name)
    return found


def test_every_form_of_the_product_is_walked(cast, bare_refusals):
    told = {name for name in STORIES if not name.startswith("admin:")}
    others = set().union(*NO_ACT.values())
    taken = posts(cast)
    assert taken - told - others == set()
    assert told - taken == others - taken == set()
    assert len(told) == 100


def test_every_act_is_marked():
    views = {name: pattern.callback for name, _route, pattern in ROUTES}
    unmarked = {name for name in STORIES if not getattr(views[name], "once", False)}
    # The administration's views are wrapped as they are called.
    assert {name for name in unmarked if not name.startswith("admin:")} == set()


# --- At once ---------------------------------------------------------------------------------------------------------
def repeated(before: list[int]) -> list:
    """What an act wrote more than once: entries of one act about one thing, messages of one kind to one person."""
    entries = LedgerPayload.objects.filter(entry__gt=before[0]).values_list("action", "subject")
    mails = OutgoingEmail.objects.filter(pk__gt=before[1]).values_list("template", "address", "subject")
    return [row for rows in (entries, mails) for row, count in Counter(rows).items() if count > 1]


def at_once(cast, story) -> dict:
    """Both clicks, then a third one; what is wrong with them."""
    path = story.build(cast)
    with clock.set_to(story.at), translation.override("fr-ca"):
        cache.clear()
        data = filled(person_of(cast, story), path, page=story.page(path) if story.page else "", typed=story.typed)
        clients = [person_of(cast, story) for _click in range(2)]
        last = [model.objects.aggregate(last=Max("pk"))["last"] or 0 for model in (LedgerPayload, OutgoingEmail)]
        answers = together(*[partial(client.post, path, data) for client in clients])
        after, twice = counted(), repeated(last)
        answers.append(person_of(cast, story).post(path, data))
    told = [getattr(answer, "status_code", repr(answer)) for answer in answers]
    places = {answer.headers.get("Location") for answer in answers if not isinstance(answer, Exception)}
    if told == [302] * 3 and len(places) == 1 and not twice and not grew(after):
        return {}
    return {"answers": told, "places": places, "twice": twice, "third": grew(after)}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(STORIES))
def test_two_clicks_at_once_do_it_once(name, settings):
    """Two connections, the same form: nothing twice, no error, and both are led to the same place."""
    settings.ADMINISTRATION_ASKS_AGAIN = False
    assert not at_once(Cast(), STORIES[name])


# --- One form, one act -----------------------------------------------------------------------------------------------
class Desk:
    """A buyer who adds an addendum."""

    def __init__(self, cast):
        self.occasion, self.client = cast.published(), Client()
        self.path = f"{self.occasion.get_absolute_url()}addenda/"
        self.client.force_login(cast.buyer)

    def send(self, text="Le format est précisé.", **more):
        with clock.set_to(PUBLISHED_AT):
            return self.client.post(self.path, {"text": text} | more)

    def form(self) -> str:
        with clock.set_to(PUBLISHED_AT):
            return number_in(self.client.get(self.path))


@pytest.fixture
def desk(cast):
    return Desk(cast)


def test_each_rendering_is_a_form_of_its_own(desk):
    first, second = desk.form(), desk.form()
    assert first != second
    assert {desk.send(key=first).status_code, desk.send(key=second).status_code} == {302}
    assert desk.occasion.addenda.count() == 2


@pytest.mark.parametrize("key", ["", "x", "0" * 400, "é", "\x00"])
def test_a_form_without_its_number_acts_as_it_always_did(desk, key):
    for _time in range(2):
        assert desk.send(key=key).status_code == 302
    assert desk.occasion.addenda.count() == 2 and not SentForm.objects.exists()


def test_a_refused_form_keeps_its_number_and_did_nothing(desk):
    key = desk.form()
    refused = desk.send(text=" ", key=key)
    assert refused.status_code == 422 and number_in(refused) == key
    assert not SentForm.objects.exists()
    assert desk.send(key=key).status_code == 302 and desk.send(key=key).status_code == 302
    assert desk.occasion.addenda.count() == 1


def test_other_words_come_back_to_be_sent_as_another_act(desk):
    key = desk.form()
    desk.send(key=key)
    answer = desk.send("Autre chose.", key=key)
    page = words(answer)
    assert answer.status_code == 422 and "Ce formulaire a déjà servi" in page and "Autre chose." in page
    assert desk.occasion.addenda.count() == 1
    assert desk.send("Autre chose.", key=number_in(answer)).status_code == 302
    assert desk.occasion.addenda.count() == 2


def test_other_words_are_given_back_where_the_form_is_no_more(desk, cast):
    client, path = Client(), f"{desk.occasion.get_absolute_url()}suspendre/"
    client.force_login(cast.officer)
    with clock.set_to(PUBLISHED_AT):
        key = number_in(client.get(path))
        done = client.post(path, {"reason": "Une raison.", "key": key})
        answer = client.post(path, {"reason": "Une tout autre raison.", "key": key})
    assert answer.status_code == 409 and "Une tout autre raison." in words(answer)
    assert done["Location"] in answer.content.decode()


def test_a_number_is_nobody_elses(desk, cast):
    key = desk.form()
    desk.send(key=key)
    desk.client.force_login(cast.officer)
    assert desk.send(key=key).status_code == 302
    assert desk.occasion.addenda.count() == 2


def test_the_table_tells_of_nobody(desk, cast):
    desk.send(key=desk.form())
    told = str(SentForm.objects.values().get())
    assert "format" not in told and str(desk.path) not in told and cast.buyer.email not in told
    with clock.set_to(PUBLISHED_AT + KEPT_FOR):
        clear_sessions()
        assert SentForm.objects.exists()
    with clock.set_to(PUBLISHED_AT + KEPT_FOR + timedelta(seconds=1)):
        clear_sessions()
        assert not SentForm.objects.exists()


def test_an_act_that_fails_gives_its_number_back(desk, monkeypatch):
    key = desk.form()
    with monkeypatch.context() as patch:
        patch.setattr(notice_actions, "add_addendum", lambda *_args, **_named: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.send(key=key)
    assert not SentForm.objects.exists()
    assert desk.send(key=key).status_code == 302


def test_the_number_goes_through_a_sign_in(desk, cast):
    key = desk.form()
    desk.client.logout()
    desk.client.get("/compte/login/")
    asked = desk.client.post(desk.path, {"text": "Écrit avant.", "key": key})
    assert asked.status_code == 302
    session = desk.client.session
    kept = session.get("typed")
    assert kept
    desk.client.force_login(cast.buyer)
    again = desk.client.session
    again["typed"] = kept
    again.save()
    with clock.set_to(PUBLISHED_AT):
        page = desk.client.get(desk.path)
    assert "Écrit avant." in words(page) and number_in(page) == key


# --- What may exist once ---------------------------------------------------------------------------------------------
# Who keeps each from existing twice. « told »: a person types it, and reads the constraint's own words at the field.
TOLD = {
    "vendors.Vendor.vendor_neq_unique", "vendors.Invitation.vendor_invitation_once",
    "vendors.TaxAttestation.attestation_once", "contracts.Signatory.signatory_once",
    "proposals.NoteReexamination.notereexamination_one_pending", "proposals.Proposal.proposal_one_per_vendor",
    "opportunities.PublicBody.name", "opportunities.Skill.folded", "marketplace.User.email",
}  # fmt: skip
# Of a person's act too, in general words: the act's own lock comes first, and says more.
GENERAL = {
    "marketplace.User.user_email_without_case", "marketplace.TermsAcceptance.terms_accepted_once",
    "marketplace.Terms.terms_version_unique", "vendors.VendorMembership.vendor_member_once",
    "opportunities.BodyMembership.body_role_once",
}  # fmt: skip
UNDER_A_LOCK = {
    "the occasion's": {
        "opportunities.Addendum.addendum_number_unique", "opportunities.NoticeVersion.notice_version_unique",
        "proposals.Proposal.proposal_one_winner", "proposals.Recommendation.recommendation_one_pending",
        "proposals.Award.recommendation", "proposals.Award.award_one_standing", "proposals.SealKey.opportunity",
        "proposals.Opening.opportunity", "contracts.Contract.award", "audit.RedFlag.flag_once_for_a_vendor",
        "audit.RedFlag.flag_once", "audit.FlagPeers.code", "audit.PlanCheck.sample_checked_once",
    },
    "the proposal's": {
        "proposals.Score.score_once", "proposals.NotesVersion.reexamination",
        "proposals.NotesVersion.notes_version_once",
        "proposals.NotesSeal.version", "proposals.SealedFile.sealed_file_once",
        "proposals.Submission.submission_version_unique", "proposals.Submission.submission_sent_once",
        "proposals.SealedEnvelope.submission", "proposals.OpenedProposal.proposal",
        "proposals.OpenedProposal.submission", "proposals.NoteReexaminationLine.notereexamination_line_once",
    },
    "the contract's": {
        "contracts.Amendment.amendment_number_unique", "contracts.Amendment.amendment_one_pending",
        "contracts.Duty.duty_once_per_contract", "contracts.Duty.duty_once_per_amendment",
        "contracts.Performance.contract", "contracts.Delivery.delivery_number_unique",
        "contracts.Delivery.delivery_one_waiting", "contracts.DeliveryFile.delivery_one_archive",
        "contracts.CriterionCheck.criterion_checked_once", "contracts.Invoice.invoice_one_per_milestone",
        "contracts.Invoice.invoice_one_holdback", "contracts.Invoice.invoice_one_claim", "contracts.Passport.delivery",
        "contracts.Passport.passport_one_current", "contracts.Reuse.reuse_once_per_body",
        "contracts.Payment.payment_one_alive", "contracts.Signature.signature_one_per_party",
    },
    "the vendor's": {"vendors.TaxRegistration.vendor"},
    "the case's": {"audit.MonitoringNote.key", "audit.MonitoringFile.monitoring_note_one_letter"},
    "the series's": {
        "opportunities.Opportunity.number", "contracts.Contract.number", "contracts.Invoice.number",
        "audit.Monitoring.number", "audit.SamplingPlan.number", "marketplace.NumberSeries.number_series_unique",
    },
    "the ledger's": {
        "marketplace.LedgerEntry.ledger_chain_is_a_line", "marketplace.LedgerEntry.ledger_hash_unique",
        "marketplace.LedgerEntry.seq", "marketplace.LedgerPayload.entry", "marketplace.LedgerBlock.number",
        "marketplace.Checkpoint.size",
    },
}  # fmt: skip
NOBODY = {
    "drawn at random": {
        "marketplace.AccountChange.public_id", "marketplace.User.public_id", "marketplace.OutgoingEmail.public_id",
        "vendors.Vendor.public_id", "vendors.Invitation.public_id", "vendors.TaxAttestation.public_id",
        "opportunities.Attachment.public_id", "proposals.DraftFile.file_id", "proposals.DraftFile.file",
        "proposals.SealedFile.file", "proposals.Submission.receipt_number", "proposals.Proposal.public_id",
        "contracts.DeliveryFile.public_id", "contracts.Invoice.public_id", "contracts.Passport.public_id",
        "contracts.Payment.public_id", "contracts.Milestone.public_id", "audit.MonitoringFile.public_id",
        "marketplace.SentForm.key", "marketplace.KeptFile.public_id", "marketplace.KeptFile.file",
    },
    "written by the platform, with get_or_create": {
        "marketplace.Heartbeat.name", "marketplace.StorageMark.id", "marketplace.KeyCheck.id",
        "marketplace.FileScan.name",
        "contracts.Reminder.reminder_once", "contracts.PayoutAccount.vendor", "contracts.PayoutAccount.account_id",
        "contracts.Payment.payment_transfer_unique", "contracts.Payment.payment_session_unique",
        "contracts.StripeEvent.event_id",
    },
}  # fmt: skip
LIBRARIES = ("auth.", "contenttypes.", "sessions.", "account.", "mfa.", "admin.")


def test_everything_that_may_exist_once_is_known():
    found = {str(one) for one in unique.every()}
    ours = {name for name in found if not name.startswith(LIBRARIES)}
    listed = [TOLD, GENERAL, *UNDER_A_LOCK.values(), *NOBODY.values()]
    known = set().union(*listed)
    assert ours - known == set() and known - ours == set()
    assert len(known) == sum(map(len, listed)) == 101


def test_the_database_tells_which_one_was_refused(cast):
    """Both databases name the constraint in their own way: the words are those of the model, at its field."""
    again = {
        "neq": (lambda: Vendor.objects.filter(pk=cast.vendor.pk).update(neq="1165234567"),
                lambda: Vendor.objects.filter(pk=cast.rival.pk).update(neq="1165234567")),
        "name": (lambda: None, lambda: PublicBody.objects.create(name=cast.body.name, acronym="X", regime="municipal")),
        "email": (lambda: None, lambda: User.objects.filter(pk=cast.outsider.pk).update(email=cast.buyer.email)),
        "number": (lambda: None, lambda: TaxAttestation.objects.create(
            vendor=cast.vendor, number="RQ-2026-000001", issued_on=date(2026, 10, 15), added_by=cast.vendor_owner,
            at=PUBLISHED_AT)),
        "__all__": (lambda: None, lambda: VendorMembership.objects.create(
            user=cast.vendor_owner, vendor=cast.vendor, role="member")),
    }  # fmt: skip
    for field, (first, second) in again.items():
        first()
        with pytest.raises(ValidationError) as refused, unique.told():
            second()
        assert set(refused.value.message_dict) == {field}
        assert not {"%(name)s", ""} & set(refused.value.message_dict[field])


def test_another_integrity_error_is_no_message(cast):
    with pytest.raises(IntegrityError), unique.told():
        TaxAttestation.objects.create(vendor=cast.vendor, number="RQ-1", issued_on=None, at=PUBLISHED_AT)


def test_the_loser_of_a_race_reads_it_at_the_field(cast, monkeypatch):
    """As if the other vendor had come between the form's look and its writing."""
    Vendor.objects.filter(pk=cast.vendor.pk).update(neq="1165234567")
    monkeypatch.setattr(VendorForm, "_post_clean", construct_only)
    client = Client()
    client.force_login(cast.outsider)
    with clock.set_to(PUBLISHED_AT):
        answer = client.post("/prestataires/nouveau/", FIRM)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"neq": ["Un prestataire est déjà inscrit avec ce NEQ."]}


def construct_only(form):
    """A form that does not look."""
    form.instance = construct_instance(form, form.instance, form._meta.fields, form._meta.exclude)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_vendors_with_one_number_at_once():
    cast = Cast()
    clients = [Client(), Client()]
    for client, user in zip(clients, (cast.outsider, cast.vendor_owner), strict=True):
        client.force_login(user)
    with clock.set_to(PUBLISHED_AT):
        answers = together(*[partial(client.post, "/prestataires/nouveau/", FIRM) for client in clients])
    assert sorted(answer.status_code for answer in answers) == [302, 422]
    assert Vendor.objects.filter(neq=FIRM["neq"]).count() == 1
    (loser,) = [answer for answer in answers if answer.status_code == 422]
    assert "Un prestataire est déjà inscrit avec ce NEQ." in words(loser)


def test_the_administration_looks_again(cast, monkeypatch, settings):
    """Two administrators add one body: the second sees the message at the name."""
    settings.ADMINISTRATION_ASKS_AGAIN = False
    looks = []
    look = PublicBody.validate_unique

    def late(self, *args, **kwargs):
        looks.append(self)
        return look(self, *args, **kwargs) if len(looks) > 1 else None

    monkeypatch.setattr(PublicBody, "validate_unique", late)
    client = Client()
    client.force_login(cast.administrator)
    typed = {"name": cast.body.name, "acronym": "VN", "regime": "municipal", "region": "01"}
    answer = client.post("/pilotage/opportunities/publicbody/add/", typed)
    assert answer.status_code == 200 and len(looks) == 2 and "existe déjà" in words(answer)
