"""The acts of a monitoring (audit/cases/actions.py): who may, what is kept, who is told, until when."""

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from functools import partial
from io import BytesIO

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from pypdf import PdfReader

from audit import todo
from audit.cases import actions as case_actions
from audit.cases import emails as case_emails
from audit.cases import letters
from audit.cases import reminders as case_reminders
from audit.models import Monitoring, MonitoringFile, MonitoringNote, RedFlag
from contracts.models import Reminder
from marketplace.dates import clock
from marketplace.ledger import labels as ledger_labels
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, User
from opportunities.models import BodyMembership
from tests import audit_moves as stage
from tests.audit_moves import DUE_ON, LATER, OPENED_AT
from tests.cast import CLOSES_AT, PUBLISHED_AT, Cast, person
from tests.test_races import only, together
from vendors.models import VendorMembership

TEXT = "Un texte."


def document(content: bytes = b"Preuve.\n", name: str = "preuve.txt") -> tuple[bytes, dict]:
    about = {"name": name, "size": len(content), "content_type": "text/plain; charset=utf-8", "scanned": False}
    return content, about | {"sha256": hashlib.sha256(content).hexdigest()}


def stored() -> int:
    try:
        return len(default_storage.listdir("verifications")[1])
    except FileNotFoundError:
        return 0


def read(file: MonitoringFile) -> bytes:
    with file.file.open("rb") as content:
        return content.read()


def told(since: int = 0) -> list[tuple[str, str]]:
    rows = OutgoingEmail.objects.order_by("pk")[since:]
    return [(row.template.removeprefix("emails/"), row.to.name) for row in rows]


# --- D6: the whole way, and who cannot -------------------------------------------------------------------------------
def test_d6_the_whole_way(cast):
    """D6: open, ask, reply, finding, remedy, close; each act is in the ledger, with the digest of what was written."""
    case = stage.closed(cast)
    assert Monitoring.objects.get().state == "closed" and case.number == "VE-2026-0001"
    kinds = list(case.notes.values_list("kind", flat=True))
    assert kinds == ["opening", "question", "answer", "conclusion", "remedy", "acceptance", "closing"]
    entries = LedgerPayload.objects.about(case.ledger_subject())
    acts = ["open", "ask", "answer", "conclude", "remedy", "accept_remedy", "close"]
    assert [entry.action for entry in entries] == [f"monitoring.{act}" for act in acts]
    for entry, note in zip(entries, case.notes.all(), strict=True):
        assert entry.body["note_sha256"] == case_actions.digest(note)
        assert entry.actor == note.by and entry.entry.at == note.at
        assert ledger_labels.label(entry.action)
    assert not LedgerEntry.objects.public().filter(subject=case.ledger_subject()).exists()


def test_d6_without_a_finding(cast):
    case = stage.concluded(cast, finding=False)
    assert case.due_on is None and case.finding is False
    with clock.set_to(LATER):
        with pytest.raises(IllegalMove):
            case_actions.announce_remedy(case, by=cast.officer, text=TEXT)
        with pytest.raises(ValidationError):
            case_actions.accept_remedy(case, by=cast.auditor, text=TEXT)
        case_actions.close(case, by=cast.auditor, text=TEXT)
    assert Monitoring.objects.get().state == "closed"


@pytest.mark.parametrize(
    "who", ["buyer", "officer", "outside_officer", "vendor_owner", "administrator", "outsider", "tied", "colleague"]
)
def test_d6_nobody_else_closes(cast, who):
    """Neither the body nor a stranger; nor an auditor who belongs to a vendor that answered, or works for the body."""
    case = stage.remedied(cast)
    if who == "tied":
        by = person("Tina Liée", is_auditor=True)
        VendorMembership.objects.create(user=by, vendor=cast.vendor, role="member")
    elif who == "colleague":
        by = person("Colin Collègue", is_auditor=True)
        BodyMembership.objects.create(user=by, body=cast.body, role="buyer")
    else:
        by = getattr(cast, who)
    with clock.set_to(LATER), pytest.raises(PermissionDenied):
        case_actions.close(case, by=by, text=TEXT)
    assert Monitoring.objects.get().state == "remedied"


def test_an_auditor_alone_opens_and_only_what_is_published(cast):
    draft, published = cast.draft(), cast.published()
    with clock.set_to(PUBLISHED_AT):
        for who in ("officer", "buyer", "administrator", "vendor_owner"):
            with pytest.raises(PermissionDenied):
                case_actions.open_(published, by=getattr(cast, who), title="Objet", text=TEXT)
        with pytest.raises(IllegalMove):
            case_actions.open_(draft, by=cast.auditor, title="Objet", text=TEXT)
        assert case_actions.open_(published, by=cast.auditor, title="Objet", text=TEXT).state == "open"
    assert Monitoring.objects.count() == 1 and not [name for name, _who in told() if name.startswith("monitoring")]


def test_signals_join_and_stay_with_their_occasion(cast):
    occasion = cast.awarded()[0]
    mine, other = stage.flag(occasion), stage.flag(cast.published())
    case = stage.opened(cast, opportunity=occasion, flags=[mine])
    assert RedFlag.objects.get(pk=mine.pk).monitoring == case
    with pytest.raises(ValidationError):
        stage.opened(cast, opportunity=occasion, flags=[other])
    assert Monitoring.objects.count() == 1 and RedFlag.objects.get(pk=other.pk).state == "new"


# --- What each side may do, and when ---------------------------------------------------------------------------------
def test_only_officers_answer_and_only_in_their_turn(cast):
    case = stage.opened(cast)
    with clock.set_to(OPENED_AT):
        with pytest.raises(IllegalMove):
            case_actions.answer(case, by=cast.officer, text=TEXT)
        case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=DUE_ON)
        for who in ("buyer", "auditor", "outside_officer", "vendor_owner", "administrator"):
            with pytest.raises(PermissionDenied):
                case_actions.answer(case, by=getattr(cast, who), text=TEXT)
        with pytest.raises(IllegalMove):
            case_actions.announce_remedy(case, by=cast.officer, text=TEXT)
        case_actions.answer(case, by=cast.officer, text=TEXT)
        case_actions.answer(case, by=cast.second_officer, text=TEXT)
        case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT, due_on=DUE_ON)
        with pytest.raises(IllegalMove):
            case_actions.answer(case, by=cast.officer, text=TEXT)
        case_actions.announce_remedy(case, by=cast.officer, text=TEXT)
    assert case.notes.filter(kind="answer").count() == 2


def test_an_officer_with_a_tie_neither_answers_nor_sees_nor_is_told(cast):
    VendorMembership.objects.create(user=cast.second_officer, vendor=cast.rival, role="member")
    case = stage.asked(cast)
    assert ("monitoring_asked.txt", "Odile Responsable") in told()
    assert ("monitoring_asked.txt", "Omar Responsable") not in told()
    assert not Monitoring.objects.visible_to(cast.second_officer).exists()
    with clock.set_to(OPENED_AT), pytest.raises(PermissionDenied):
        case_actions.answer(case, by=cast.second_officer, text=TEXT)


def test_a_case_may_be_closed_once_the_last_day_of_the_remedy_is_past(cast):
    """Announced or not: the day itself is still the body's."""
    case = stage.announced(cast)
    with clock.set_to(datetime(2026, 12, 12, 4, 59, tzinfo=UTC)), pytest.raises(ValidationError, match="11 décembre"):
        case_actions.close(case, by=cast.auditor, text=TEXT)
    with clock.set_to(datetime(2026, 12, 12, 5, 0, tzinfo=UTC)):  # minuit, HNE
        case_actions.close(case, by=cast.auditor, text=TEXT)
    assert Monitoring.objects.get().state == "closed"


# --- Last days -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("now", "least"),
    [
        (datetime(2026, 11, 27, 19, tzinfo=UTC), date(2026, 12, 2)),  # Friday
        (datetime(2026, 11, 28, 4, 59, tzinfo=UTC), date(2026, 12, 2)),  # the same Friday, 23 h 59
        (datetime(2026, 11, 28, 5, 0, tzinfo=UTC), date(2026, 12, 2)),  # Saturday
        (datetime(2026, 12, 23, 19, tzinfo=UTC), date(2026, 12, 30)),  # 24, 25 (holidays), weekend: 28, 29, 30
        (datetime(2027, 3, 12, 4, 59, tzinfo=UTC), date(2027, 3, 16)),  # Thursday 23 h 59 (HNE)
        (datetime(2027, 3, 15, 3, 59, tzinfo=UTC), date(2027, 3, 17)),  # Sunday 23 h 59 (HAE): the clocks went forward
        (datetime(2027, 3, 15, 4, 0, tzinfo=UTC), date(2027, 3, 18)),  # Monday, midnight (HAE)
        (datetime(2027, 11, 8, 4, 59, tzinfo=UTC), date(2027, 11, 10)),  # Sunday 23 h 59 (HNE): they went back
        (datetime(2027, 11, 8, 5, 0, tzinfo=UTC), date(2027, 11, 11)),  # Monday, midnight (HNE)
    ],
)
def test_the_body_has_three_business_days_at_least(cast, now, least):
    case = stage.opened(cast)
    with clock.set_to(now):
        with pytest.raises(ValidationError) as refused:
            case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=least - timedelta(days=1))
        assert set(refused.value.error_dict) == {"due_on"}
        assert (case.state, case.due_on) == ("open", None), "what is in memory is what is in the database"
        with pytest.raises(ValidationError):
            case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=least + timedelta(days=400))
        case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=least)
    assert Monitoring.objects.get().due_on == least


@pytest.mark.parametrize(
    ("due_on", "last_instant"),
    [
        (date(2026, 12, 11), datetime(2026, 12, 12, 4, 59, 59, tzinfo=UTC)),
        (date(2027, 3, 14), datetime(2027, 3, 15, 3, 59, 59, tzinfo=UTC)),  # a day of 23 hours
        (date(2027, 11, 7), datetime(2027, 11, 8, 4, 59, 59, tzinfo=UTC)),  # a day of 25 hours
    ],
)
def test_late_from_midnight_in_quebec(cast, due_on, last_instant):
    stage.asked(cast)
    Monitoring.objects.update(due_on=due_on)  # days of 23 and 25 hours are Sundays: no verb accepts them

    def late(at) -> str:
        return todo.items(cast.officer, set(), {cast.body.pk}, set(), at=at)[0]["late"]

    assert late(last_instant) == ""
    assert late(last_instant + timedelta(seconds=1)) == "En retard de 1 jour"


def test_a_finding_needs_a_last_day_and_nothing_else_does(cast):
    case = stage.answered(cast)
    with clock.set_to(OPENED_AT):
        with pytest.raises(ValidationError) as refused:
            case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT)
        assert "due_on" in refused.value.error_dict
        with pytest.raises(ValidationError) as refused:
            case_actions.conclude(case, by=cast.auditor, finding=False, text=TEXT, due_on=DUE_ON)
        assert set(refused.value.error_dict) == {"due_on"} and Monitoring.objects.get().state != "concluded"
        case_actions.conclude(case, by=cast.auditor, finding=False, text=TEXT)
    assert Monitoring.objects.get().due_on is None


@pytest.mark.parametrize(
    ("due_on", "offered"),
    [
        (date(2026, 12, 25), "28 décembre 2026"),  # Friday, a holiday; 26 and 27 are a weekend
        (date(2026, 12, 12), "14 décembre 2026"),  # Saturday
        (date(2027, 3, 26), "30 mars 2027"),  # Good Friday; Easter Monday
    ],
)
def test_a_last_day_is_a_business_day(cast, due_on, offered):
    case = stage.answered(cast)
    with clock.set_to(OPENED_AT + timedelta(hours=2)):
        for act, more in ((case_actions.ask, {}), (case_actions.conclude, {"finding": True})):
            with pytest.raises(ValidationError) as refused:
                act(case, by=cast.auditor, text=TEXT, due_on=due_on, **more)
            assert offered in refused.value.message_dict["due_on"][0]


# --- Nobody is found at fault unheard --------------------------------------------------------------------------------
def finds(cast, case, at) -> str:
    """What is wrong at `finding`; an empty text when the finding is accepted."""
    with clock.set_to(at):
        try:
            case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT, due_on=date(2027, 1, 29))
        except ValidationError as error:
            return error.message_dict["finding"][0]
    return ""


def test_a_finding_needs_that_the_body_was_asked(cast):
    case = stage.opened(cast)
    assert "Demandez d’abord" in finds(cast, case, LATER)
    assert Monitoring.objects.get().state == "open" and case.notes.count() == 1
    with clock.set_to(LATER):
        case_actions.conclude(case, by=cast.auditor, finding=False, text=TEXT)
    assert Monitoring.objects.get().finding is False


def test_a_finding_waits_for_the_answer_or_for_the_last_day(cast):
    case = stage.asked(cast)
    assert "11 décembre 2026" in finds(cast, case, datetime(2026, 12, 12, 4, 59, tzinfo=UTC))
    assert finds(cast, case, datetime(2026, 12, 12, 5, 0, tzinfo=UTC)) == ""  # midnight in Québec


def test_a_finding_may_follow_the_answer_at_once(cast):
    case = stage.answered(cast)
    again = OPENED_AT + timedelta(hours=2)
    with clock.set_to(again):
        case_actions.ask(case, by=cast.auditor, text="Et la suite?", due_on=DUE_ON)
    assert "attendue jusqu’au" in finds(cast, case, again)  # of the second demand
    with clock.set_to(again):
        case_actions.answer(case, by=cast.officer, text=TEXT)
    assert finds(cast, case, again) == ""


# --- Lateness --------------------------------------------------------------------------------------------------------
def said(action: str) -> list:
    return [row.body.get("late_days") for row in LedgerPayload.objects.filter(action=action).order_by("pk")]


def test_how_late_is_in_the_ledger(cast):
    """Of what was awaited: a complement is not late, nor what comes on the last day."""
    case = stage.asked(cast)
    for days in (4, 6):
        with clock.set_to(datetime(2026, 12, 11 + days, 15, tzinfo=UTC)):
            case_actions.answer(case, by=cast.officer, text=f"{days} jours après.")
    with clock.set_to(datetime(2026, 12, 17, 15, tzinfo=UTC)):
        case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=date(2026, 12, 22))
    with clock.set_to(datetime(2026, 12, 23, 4, 59, tzinfo=UTC)):
        case_actions.answer(case, by=cast.officer, text="À temps.")
        case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT, due_on=date(2027, 1, 29))
    with clock.set_to(datetime(2027, 1, 30, 5, 0, tzinfo=UTC)):
        case_actions.announce_remedy(case, by=cast.officer, text=TEXT)
    assert said("monitoring.answer") == [4, None, None] and said("monitoring.remedy") == [1]
    letter = MonitoringFile.objects.get(is_letter=True, note__kind="conclusion")
    text = " ".join(PdfReader(BytesIO(read(letter))).pages[0].extract_text().replace("\u00a0", " ").split())
    assert "réponse reçue le 15 décembre 2026, avec 4 jours de retard." in text
    assert "réponse reçue le 22 décembre 2026." in text


# --- A form sent twice -----------------------------------------------------------------------------------------------
def test_the_same_form_does_each_act_once(cast):
    occasion = cast.awarded()[0]
    keys = [uuid.uuid4() for _ in range(7)]
    with clock.set_to(OPENED_AT):
        made = [case_actions.open_(occasion, by=cast.auditor, title="Objet", text=TEXT, key=keys[0]) for _ in range(2)]
        case = made[0]
        assert made[1] == case
        acts = [
            lambda: case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=DUE_ON, key=keys[1]),
            lambda: case_actions.answer(case, by=cast.officer, text=TEXT, files=[document()], key=keys[2]),
            lambda: case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT, due_on=DUE_ON, key=keys[3]),
            lambda: case_actions.announce_remedy(case, by=cast.officer, text=TEXT, key=keys[4]),
            lambda: case_actions.accept_remedy(case, by=cast.auditor, text=TEXT, key=keys[5]),
            lambda: case_actions.close(case, by=cast.auditor, text=TEXT, key=keys[6]),
        ]
        for act in acts:
            act()
            before = LedgerEntry.objects.count(), OutgoingEmail.objects.count(), stored()
            act()
            assert (LedgerEntry.objects.count(), OutgoingEmail.objects.count(), stored()) == before
    assert list(case.notes.values_list("key", flat=True)) == keys and Monitoring.objects.count() == 1


def test_a_form_that_served_says_so_when_its_text_is_another(cast):
    case, key = stage.asked(cast), uuid.uuid4()
    with clock.set_to(OPENED_AT):
        case_actions.answer(case, by=cast.officer, text=TEXT, key=key)
        for by, text in ((cast.officer, "Un autre texte."), (cast.second_officer, TEXT)):
            with pytest.raises(ValidationError, match="déjà servi"):
                case_actions.answer(case, by=by, text=text, key=key)
    assert case.notes.filter(kind="answer").count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_connections_make_one_message_and_one_case(transactional_db):
    cast = Cast()
    with clock.set_to(OPENED_AT):
        case, keys = stage.asked(cast), [uuid.uuid4(), uuid.uuid4()]
        mine = [User.objects.get(pk=user.pk) for user in (cast.officer, cast.officer, cast.auditor, cast.auditor)]

        def answer(by):
            case_actions.answer(Monitoring.objects.get(pk=case.pk), by=by, text=TEXT, key=keys[0])

        def open_(by):
            return case_actions.open_(case.opportunity, by=by, title="Objet", text=TEXT, key=keys[1])

        results = together(*(partial(answer if n < 2 else open_, by) for n, by in enumerate(mine)))
    assert not only(results)
    assert case.notes.filter(kind="answer").count() == 1
    assert Monitoring.objects.count() == 2 and results[2] == results[3]


# --- What is written stays -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "   \n", "x" * 10_001])
def test_a_message_has_a_text(cast, text):
    case = stage.asked(cast)
    before = LedgerEntry.objects.count(), OutgoingEmail.objects.count()
    with clock.set_to(OPENED_AT), pytest.raises(ValidationError):
        case_actions.answer(case, by=cast.officer, text=text, files=[document()])
    assert (LedgerEntry.objects.count(), OutgoingEmail.objects.count()) == before
    assert stored() == MonitoringFile.objects.count() == 1  # the letter of the demand


def test_documents_are_kept_and_an_act_that_fails_leaves_none(cast):
    case = stage.asked(cast)
    with clock.set_to(OPENED_AT):
        case_actions.answer(case, by=cast.officer, text=TEXT, files=[document(), document(b"Deux.\n")])
        kept = list(MonitoringFile.objects.filter(is_letter=False))
        assert [read(file) for file in kept] == [b"Preuve.\n", b"Deux.\n"]
        files = stored()
        with pytest.raises(ValidationError):
            case_actions.answer(case, by=cast.officer, text=TEXT, files=[document()] * 11)
        with pytest.raises(RuntimeError), pytest.MonkeyPatch.context() as patch:
            patch.setattr(case_emails, "answered", lambda *args, **kwargs: (_ for _ in ()).throw(RuntimeError))
            case_actions.answer(case, by=cast.officer, text=TEXT, files=[document()])
    assert stored() == files and MonitoringFile.objects.count() == 3


@pytest.mark.parametrize("model", [MonitoringNote, MonitoringFile])
def test_nothing_written_changes(cast, model):
    stage.asked(cast)
    for change in ({"text": "Autre"} if model is MonitoringNote else {"name": "autre.pdf"}, None):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows = model.objects.all()
            rows.update(**change) if change else rows._raw_delete(rows.db)


def test_the_digest_commits_to_the_text_and_the_documents(cast):
    case = stage.answered(cast, files=[])
    with clock.set_to(OPENED_AT):
        case_actions.answer(case, by=cast.officer, text="Le besoin était urgent.", files=[document()])
    one, two = case.notes.filter(kind="answer")
    assert case_actions.digest(one) != case_actions.digest(two)
    assert (
        case_actions.digest(two) == LedgerPayload.objects.filter(action="monitoring.answer").last().body["note_sha256"]
    )


# --- Letters ---------------------------------------------------------------------------------------------------------
def test_letters_are_the_same_bytes_each_time(cast):
    case = stage.concluded(cast)
    for kind, finding, words in [
        ("question", None, ["Motif de l’ouverture", "Avis de dix jours.", "Pourquoi dix jours?", "Votre réponse"]),
        ("conclusion", True, ["manquement relevé", "L’urgence n’est pas établie.", "Un correctif est attendu"]),
    ]:
        note = case.notes.get(kind=kind)
        kept = note.files.get(is_letter=True)
        content = read(kept)
        digest = case_actions.digest(note)
        assert content == letters.letter(note, finding=finding, digest=digest)
        assert content == letters.letter(note, finding=finding, digest=digest)
        assert kept.sha256 == hashlib.sha256(content).hexdigest()
        text = " ".join(PdfReader(BytesIO(content)).pages[0].extract_text().split())
        assert digest in text.replace(" ", "")
        for word in [
            *words,
            "11 décembre 2026",
            "Ville d’Essai",
            "Aude Vérificatrice",
            "VE-2026-0001",
            "DAN-2026-0001",
        ]:
            assert word in text.replace("\u00a0", " "), word
        entry = LedgerPayload.objects.get(action=f"monitoring.{'ask' if kind == 'question' else 'conclude'}")
        assert entry.body["letter_sha256"] == kept.sha256
        assert ("Avis de dix jours." in text) == (kind == "question")  # the reason: in the first that the body reads
        assert ("réponse reçue le 27 novembre 2026." in text.replace("\u00a0", " ")) == (kind == "conclusion")
    names = MonitoringFile.objects.filter(is_letter=True).order_by("pk").values_list("name", flat=True)
    assert list(names) == ["VE-2026-0001-demande-1.pdf", "VE-2026-0001-conclusion-1.pdf"]


def test_the_reason_is_in_a_conclusion_without_a_demand(cast):
    case = stage.opened(cast)
    with clock.set_to(OPENED_AT):
        case_actions.conclude(case, by=cast.auditor, finding=False, text=TEXT)
    letter = PdfReader(BytesIO(read(MonitoringFile.objects.get(is_letter=True)))).pages[0].extract_text()
    assert "Avis de dix jours." in letter and "Demandes et réponses" not in letter


def test_only_demands_and_conclusions_make_letters(cast):
    case = stage.closed(cast)
    kinds = case.notes.filter(files__is_letter=True).values_list("kind", flat=True)
    assert sorted(kinds) == ["conclusion", "question"]


# --- Who is told -----------------------------------------------------------------------------------------------------
def test_both_sides_are_told_once_each(cast):
    case = stage.opened(cast)
    start = OutgoingEmail.objects.count()
    officers = ["Odile Responsable", "Omar Responsable"]
    with clock.set_to(OPENED_AT):
        case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=DUE_ON)
        case_actions.answer(case, by=cast.officer, text=TEXT)
        case_actions.conclude(case, by=cast.auditor, finding=True, text=TEXT, due_on=DUE_ON)
        case_actions.announce_remedy(case, by=cast.officer, text=TEXT)
        case_actions.accept_remedy(case, by=cast.auditor, text=TEXT)
        case_actions.close(case, by=cast.auditor, text=TEXT)
    auditors = ["Aude Vérificatrice"]
    expected = [("asked", officers), ("answered", auditors), ("concluded", officers), ("answered", auditors)]
    expected += [("remedied", officers), ("closed", officers)]
    assert told(start) == [(f"monitoring_{name}.txt", who) for name, people in expected for who in people]
    assert not any(TEXT in row.body for row in OutgoingEmail.objects.all()[start:])


def test_another_auditor_who_wrote_is_told_and_one_who_left_is_not(cast):
    second = person("Ange Vérificateur", is_auditor=True)
    case = stage.opened(cast)
    with clock.set_to(OPENED_AT):
        case_actions.ask(case, by=second, text=TEXT, due_on=DUE_ON)
        assert case_emails.auditors(case) == [cast.auditor, second]
        for user in (cast.auditor, second):
            type(user).objects.filter(pk=user.pk).update(is_auditor=False)
        third = person("Théa Vérificatrice", is_auditor=True)
        assert case_emails.auditors(case) == [third]
        assert todo.items(third, set(), set(), set(), at=LATER)[0]["action"] == "Examiner"


# --- Reminders -------------------------------------------------------------------------------------------------------
def remind(day: date) -> list[tuple[str, str]]:
    since = OutgoingEmail.objects.count()
    with clock.set_to(datetime(day.year, day.month, day.day, 12, 10, tzinfo=UTC)):
        case_reminders.remind()
    return told(since)


def test_reminders_three_days_before_and_the_day_after_once(cast):
    stage.asked(cast)
    everybody = ["Odile Responsable", "Omar Responsable", "Aude Vérificatrice"]
    assert remind(DUE_ON - timedelta(days=4)) == []
    assert remind(DUE_ON - timedelta(days=3)) == [("monitoring_due.txt", who) for who in everybody]
    for days in (2, 1, 0):
        assert remind(DUE_ON - timedelta(days=days)) == []
    assert remind(DUE_ON + timedelta(days=1)) == [("monitoring_late.txt", who) for who in everybody]
    assert remind(DUE_ON + timedelta(days=9)) == []
    assert Reminder.objects.count() == 6


def test_nobody_is_reminded_of_what_was_done(cast):
    case = stage.answered(cast)
    assert remind(DUE_ON + timedelta(days=1)) == []
    with clock.set_to(LATER):
        case_actions.ask(case, by=cast.auditor, text=TEXT, due_on=date(2027, 1, 29))
    assert len(remind(date(2027, 1, 28))) == 3  # another demand, another day
    assert len(remind(date(2027, 2, 1))) == 3


def test_a_remedy_is_recalled_too(cast):
    stage.concluded(cast)
    assert {template for template, _who in remind(DUE_ON)} == {"monitoring_due.txt"}
    assert {template for template, _who in remind(DUE_ON + timedelta(days=1))} == {"monitoring_late.txt"}


def test_numbers_follow_each_other_by_year(cast):
    occasion = cast.awarded()[0]
    first, second = (stage.opened(cast, opportunity=occasion, at=CLOSES_AT + timedelta(days=n)) for n in (3, 4))
    late = stage.opened(cast, opportunity=occasion, at=datetime(2027, 1, 1, 4, 59, tzinfo=UTC))
    next_year = stage.opened(cast, opportunity=occasion, at=datetime(2027, 1, 1, 5, 0, tzinfo=UTC))
    assert [row.number for row in (first, second, late)] == ["VE-2026-0001", "VE-2026-0002", "VE-2026-0003"]
    assert next_year.number == "VE-2027-0001"
