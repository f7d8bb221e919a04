"""Pages of monitorings: who gets them, what comes back when something is wrong, what they cost, what they tell."""

import re
import uuid
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.cases import actions as case_actions
from audit.models import Monitoring, MonitoringFile, RedFlag
from marketplace.dates import clock
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail, User
from opportunities.models import BodyMembership
from tests import audit_moves as stage
from tests.audit_moves import DUE_ON, LATER, OPENED_AT
from tests.cast import person
from tests.desk import number_in
from tests.reading import signed_in, words
from tests.test_cases import document, told
from tests.test_emails import check_links, check_whole, last, mails, speaking
from vendors.models import VendorMembership

STRANGERS = ["buyer", "outside_officer", "vendor_owner", "vendor_member", "rival_owner", "administrator", "outsider"]
ACTS = ["ask", "answer", "conclude", "announce_remedy", "accept_remedy", "close"]
FINDING = "Un manquement est relevé"


def page(name: str, *args) -> str:
    return reverse(f"audit:{name}", args=args)


def ask(user, path: str, data: dict | None = None, *, at=OPENED_AT):
    """`data` is posted with the key of a form of its own, unless it has one."""
    client = signed_in(user)
    with clock.set_to(at):
        return client.get(path) if data is None else client.post(path, {"key": uuid.uuid4()} | data)


def traces() -> tuple[int, ...]:
    return LedgerEntry.objects.count(), OutgoingEmail.objects.count(), Monitoring.objects.count()


# --- Rights ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_find_nothing(cast, who):
    case = stage.announced(cast, files=[document()])
    file = MonitoringFile.objects.first()
    paths = [page("monitoring", case.number), *(page(act, case.number) for act in ACTS)]
    paths += [page("monitoring_file", case.number, file.public_id), page("open_monitoring", case.opportunity.number)]
    if who != "outside_officer":
        paths.append(page("monitorings"))
    before = traces()
    for path in paths:
        assert ask(getattr(cast, who), path).status_code == 404, path
        if path not in (paths[0], page("monitorings"), page("monitoring_file", case.number, file.public_id)):
            posted = {"text": "Texte", "title": "Objet", "finding": "no", "due_on": "2026-12-31"}
            assert ask(getattr(cast, who), path, posted).status_code == 404, path
    assert traces() == before


def test_an_officer_of_another_body_sees_an_empty_list(cast):
    case = stage.asked(cast)
    answer = ask(cast.outside_officer, page("monitorings"))
    assert answer.status_code == 200 and case.title not in words(answer) and "Ville d’Essai" not in words(answer)


def test_the_body_sees_nothing_before_it_is_told(cast):
    case = stage.opened(cast)
    assert ask(cast.officer, page("monitoring", case.number)).status_code == 404
    assert case.title not in words(ask(cast.officer, page("monitorings")))
    assert case.title not in words(ask(cast.officer, reverse("dashboard")))
    assert not [name for name, _who in told() if name.startswith("monitoring")]
    with clock.set_to(OPENED_AT):
        case_actions.ask(case, by=cast.auditor, text="Pourquoi?", due_on=DUE_ON)
    assert "Pourquoi?" in words(ask(cast.officer, page("monitoring", case.number)))
    assert "Réponse attendue" in words(ask(cast.officer, reverse("dashboard")))


def tied_auditor(cast, tie: str) -> User:
    by = person("Tina Liée", is_auditor=True)
    if tie in ("rival", "officer and rival"):
        VendorMembership.objects.create(user=by, vendor=cast.rival, role="member")
    if tie != "rival":
        BodyMembership.objects.create(user=by, body=cast.body, role="buyer" if tie == "buyer" else "officer")
    return by


# What an auditor reads of a case: untold, told. One who works for the body reads what that work lets them read.
READS = {"": (True, True), "rival": (False, False), "buyer": (False, False), "officer": (False, True),
         "officer and rival": (False, False)}  # fmt: skip


@pytest.mark.parametrize("tie", READS)
def test_what_an_auditor_with_a_tie_reads(cast, tie):
    by = tied_auditor(cast, tie) if tie else cast.auditor
    occasion = cast.awarded()[0]
    flag = stage.flag(occasion)
    untold = stage.opened(cast, opportunity=occasion, files=[document()], flags=[flag])
    told_ = stage.answered(cast, opportunity=occasion)
    for case, reads in zip((untold, told_), READS[tie], strict=True):
        paths = [page("monitoring", case.number)]
        paths += [page("monitoring_file", case.number, file.public_id)
                  for file in MonitoringFile.objects.filter(note__monitoring=case)]  # fmt: skip
        assert len(paths) == 2
        answers = [ask(by, path) for path in paths]
        assert b"".join(answers[1].streaming_content if reads else [b"404"])
        assert {answer.status_code for answer in answers} == {200 if reads else 404}
        assert (case.number in words(ask(by, page("monitorings")))) == reads
    shown = ask(by, page("flag", flag.pk))
    assert shown.status_code == (404 if "rival" in tie else 200)
    if shown.status_code == 200:
        assert ("En vérification" in words(shown)) == (tie == "")


@pytest.mark.parametrize("tie", [tie for tie in READS if tie])
def test_an_auditor_with_a_tie_does_nothing(cast, tie):
    by, case = tied_auditor(cast, tie), stage.answered(cast)
    expected = 403 if READS[tie][1] else 404
    for act in ("ask", "conclude", "accept_remedy", "close"):
        assert ask(by, page(act, case.number)).status_code == expected, act
        assert ask(by, page(act, case.number), {"text": "Texte"}).status_code == expected, act
    assert ask(by, page("open_monitoring", case.opportunity.number)).status_code == 403
    if expected == 403:
        text = words(ask(by, page("monitoring", case.number)))
        assert "Demander des explications" not in text and "Conclure" not in text and "C’est au tour" in text
    assert Monitoring.objects.get().state == "explanation_requested"


@pytest.mark.parametrize(
    ("build", "auditor", "officer"),
    [
        (stage.opened, {"ask", "conclude"}, None),
        (stage.asked, {"ask", "conclude"}, {"answer"}),
        (stage.answered, {"ask", "conclude"}, {"answer"}),
        (stage.concluded, {"accept_remedy"}, {"announce_remedy"}),
        (stage.announced, {"accept_remedy"}, {"announce_remedy"}),
        (stage.remedied, {"close"}, set()),
        (stage.closed, set(), set()),
    ],
)
def test_buttons_and_doors_agree(cast, build, auditor, officer):
    """A button shows if and only if its page opens; the others answer 403 or 409."""
    case = build(cast)
    at = OPENED_AT + timedelta(hours=6)
    for user, able in ((cast.auditor, auditor), (cast.officer, officer)):
        answer = ask(user, page("monitoring", case.number), at=at)
        if able is None:
            assert answer.status_code == 404
            continue
        shown = {act for act in ACTS if f'href="{page(act, case.number)}"' in answer.content.decode()}
        opens = {act for act in ACTS if ask(user, page(act, case.number), at=at).status_code == 200}
        assert shown == opens == able, user
        for act in set(ACTS) - able:
            assert ask(user, page(act, case.number), at=at).status_code in (403, 409), act


def test_a_remedy_is_neither_accepted_nor_awaited_without_a_finding(cast):
    case = stage.concluded(cast, finding=False)
    assert ask(cast.auditor, page("accept_remedy", case.number), at=LATER).status_code == 409
    assert ask(cast.auditor, page("close", case.number), at=LATER).status_code == 200


def test_closing_too_early_says_until_when(cast):
    case = stage.concluded(cast)
    answer = ask(cast.auditor, page("close", case.number), {"text": "Fin."})
    assert answer.status_code == 409 and "11 décembre 2026" in words(answer)
    assert Monitoring.objects.get().state == "concluded"


def test_a_refused_act_leaves_a_trace(cast):
    case = stage.asked(cast)
    assert ask(cast.officer, page("close", case.number), {"text": "Fin."}).status_code in (403, 409)
    with clock.set_to(OPENED_AT), pytest.raises(Exception, match="droit") as refused:
        case_actions.close(case, by=cast.officer, text="Fin.")
    assert refused.value.act == ("monitoring.close", case.ledger_subject())


# --- What was typed --------------------------------------------------------------------------------------------------
def test_what_was_typed_comes_back(cast):
    case = stage.asked(cast)
    typed = {"text": "Un <long> texte & plus", "due_on": "2026-11-28", "finding": "yes"}
    for act, user in (("ask", cast.auditor), ("conclude", cast.auditor)):
        answer = ask(user, page(act, case.number), typed)
        html = answer.content.decode()
        assert answer.status_code == 422 and "Un &lt;long&gt; texte &amp; plus" in html, act
        assert 'value="2026-11-28"' in html and "trois jours ouvrables" in words(answer), act
    assert ask(cast.auditor, page("conclude", case.number), {"text": "T"}).status_code == 422
    empty = ask(cast.officer, page("answer", case.number), {"text": "  \u200b "})
    assert empty.status_code == 422 and "obligatoire" in words(empty)
    long = ask(cast.officer, page("answer", case.number), {"text": "x" * 10_001})
    assert long.status_code == 422 and "x" * 10_001 in long.content.decode()
    assert case.notes.count() == 2


def test_a_bad_file_is_refused_and_the_text_comes_back(cast):
    case = stage.asked(cast)
    for file in (SimpleUploadedFile("outil.exe", b"MZ"), SimpleUploadedFile("faux.pdf", b"pas un PDF")):
        answer = ask(cast.officer, page("answer", case.number), {"text": "Notre réponse.", "files": file})
        assert answer.status_code == 422 and "Notre réponse." in words(answer)
        assert "Fichiers non gardés, à choisir de nouveau" in words(answer)
    many = [SimpleUploadedFile(f"{n}.txt", b"Preuve.\n") for n in range(11)]
    answer = ask(cast.officer, page("answer", case.number), {"text": "Notre réponse.", "files": many})
    assert answer.status_code == 422 and "au plus 10 fichiers" in words(answer)
    files = [SimpleUploadedFile(f"{n}.txt", b"Preuve.\n") for n in range(2)]
    answer = ask(cast.officer, page("answer", case.number), {"text": "Notre réponse.", "files": files})
    assert answer.status_code == 302 and MonitoringFile.objects.filter(is_letter=False).count() == 2


def test_opening_through_the_page(cast):
    occasion = cast.awarded()[0]
    flag, other = stage.flag(occasion), stage.flag(cast.published())
    path = page("open_monitoring", occasion.number)
    refused = ask(cast.auditor, path, {"text": "Motif.", "title": "", "flags": [other.pk]})
    assert refused.status_code == 422 and "Motif." in words(refused)
    assert not Monitoring.objects.exists()
    answer = ask(cast.auditor, path, {"text": "Motif.", "title": "Objet", "flags": [flag.pk]})
    case = Monitoring.objects.get()
    assert answer["Location"] == case.get_absolute_url() and case.flags.get() == flag
    again = words(ask(cast.auditor, path))
    assert "déjà été vérifiée" in again and case.number in again
    draft = cast.draft()
    assert ask(cast.auditor, page("open_monitoring", draft.number)).status_code == 404


def test_the_conclusion_through_the_page(cast):
    case = stage.answered(cast)
    data = {"text": "Constats.", "finding": "no", "due_on": "2026-12-31"}
    refused = ask(cast.auditor, page("conclude", case.number), data)
    assert refused.status_code == 422 and "Retirez cette date" in words(refused)
    html = refused.content.decode()
    assert "Constats." in html and 'value="2026-12-31"' in html
    assert Monitoring.objects.get().state == "explanation_requested"
    assert ask(cast.auditor, page("conclude", case.number), data | {"due_on": ""}).status_code == 302
    case = Monitoring.objects.get()
    assert (case.state, case.finding, case.due_on) == ("concluded", False, None)
    text = words(ask(cast.officer, page("monitoring", case.number)))
    assert "Sans manquement" in text and "Conclusion : aucun manquement" in text


def test_a_finding_is_refused_before_the_body_was_heard(cast):
    data = {"text": "Constats.", "finding": "yes", "due_on": "2026-12-30"}
    for build, why in ((stage.opened, "Demandez d’abord"), (stage.asked, "attendue jusqu’au 11 décembre 2026")):
        case = build(cast)
        assert "dernier jour passé" in words(ask(cast.auditor, page("conclude", case.number)))  # said beforehand
        answer = ask(cast.auditor, page("conclude", case.number), data)
        assert answer.status_code == 422 and why in words(answer) and "Constats." in words(answer)
        assert 'value="yes" required' in answer.content.decode() or "checked" in answer.content.decode()
        assert Monitoring.objects.get(pk=case.pk).finding is None


# --- A double click --------------------------------------------------------------------------------------------------
def test_the_second_half_of_a_double_click_answers_as_the_first(cast):
    occasion = cast.awarded()[0]
    flag = stage.flag(occasion)

    def twice(user, path: str, **data) -> None:
        data = {"text": "Un texte.", "key": uuid.uuid4()} | data
        file = lambda: {"files": SimpleUploadedFile("preuve.txt", b"Preuve.")} if path.endswith("/repondre/") else {}  # noqa: E731
        first, second = (ask(user, path, data | file()) for _ in range(2))
        assert (first.status_code, second.status_code) == (302, 302), path
        assert first["Location"] == second["Location"]

    twice(cast.auditor, page("open_monitoring", occasion.number), title="Objet", flags=[flag.pk])
    case = Monitoring.objects.get()
    twice(cast.auditor, page("ask", case.number), due_on="2026-12-11")
    twice(cast.officer, page("answer", case.number))
    twice(cast.auditor, page("conclude", case.number), finding="yes", due_on="2026-12-30")
    twice(cast.officer, page("announce_remedy", case.number))
    twice(cast.auditor, page("accept_remedy", case.number))
    twice(cast.auditor, page("close", case.number))
    assert case.notes.count() == 7 and MonitoringFile.objects.filter(is_letter=False).count() == 1


def test_each_form_has_a_key_of_its_own(cast):
    case = stage.asked(cast)
    path = page("answer", case.number)

    mine = number_in(ask(cast.officer, path))
    assert mine != number_in(ask(cast.officer, path))
    assert ask(cast.officer, path, {"text": "Texte", "key": mine}).status_code == 302
    other = ask(cast.officer, path, {"text": "Un autre texte", "key": mine})  # « Précédent », then another text
    assert other.status_code == 422 and "déjà servi" in words(other) and "Un autre texte" in words(other)
    assert ask(cast.officer, path, {"text": "Un autre texte", "key": number_in(other)}).status_code == 302
    assert case.notes.filter(kind="answer").count() == 2


# --- Signals ---------------------------------------------------------------------------------------------------------
def test_a_signal_follows_to_the_case_that_is_opened(cast):
    occasion = cast.awarded()[0]
    flag, other = stage.flag(occasion), stage.flag(occasion, code="R018")
    for build in (None, stage.opened):  # without and with a case that it could join
        if build:
            build(cast, opportunity=occasion)
        link = f"{page('open_monitoring', occasion.number)}?signal={flag.pk}"
        assert f'href="{link}"' in ask(cast.auditor, page("flag_join", flag.pk)).content.decode()
        html = ask(cast.auditor, link).content.decode()
        boxes = {
            int(box[1]): "checked" in box[0]
            for box in re.finditer(r'<input[^>]*name="flags" value="(\d+)"[^>]*>', html)
        }
        assert boxes == {flag.pk: True, other.pk: False}
    assert ask(cast.auditor, f"{page('open_monitoring', occasion.number)}?signal=x").status_code == 200


def test_what_remains_to_decide_of_a_signal_is_said(cast):
    occasion = cast.awarded()[0]
    flag = stage.flag(occasion)
    case = stage.asked(cast, opportunity=occasion, flags=[flag])
    dismiss, explain = page("flag_dismiss", flag.pk), page("flag_explain", flag.pk)

    def seen(user) -> str:
        return ask(user, page("monitoring", case.number), at=LATER).content.decode()

    assert "À décider avec la conclusion" in seen(cast.auditor) and explain in seen(cast.officer)
    with clock.set_to(LATER):
        case_actions.conclude(case, by=cast.auditor, finding=False, text="Rien.")
        case_actions.close(case, by=cast.auditor, text="Fin.")
    assert flag.get_absolute_url() in seen(cast.auditor) and dismiss in seen(cast.auditor)
    assert RedFlag.objects.get().state == "in_monitoring"  # closing decides nothing
    with clock.set_to(LATER):
        RedFlag.objects.get().dismiss(by=cast.auditor, reason="Rien à dire.")
    assert "rien ne reste à décider" in seen(cast.auditor) and dismiss not in seen(cast.auditor)


# --- Reading changes nothing -----------------------------------------------------------------------------------------
def test_pages_change_nothing(cast):
    case = stage.announced(cast)
    before, row = traces(), Monitoring.objects.filter(pk=case.pk).values().get()
    for user in (cast.auditor, cast.officer):
        for path in (page("monitorings"), page("monitoring", case.number), reverse("dashboard")):
            assert ask(user, path).status_code == 200
        for act in ACTS:
            ask(user, page(act, case.number))
    assert traces() == before and Monitoring.objects.filter(pk=case.pk).values().get() == row


def test_documents_are_downloads_and_readings_are_recorded(cast):
    case = stage.answered(cast, files=[document()])
    theirs, letter = MonitoringFile.objects.get(name="preuve.txt", note__kind="answer"), None
    letter = MonitoringFile.objects.get(is_letter=True)
    for user, file, recorded in [
        (cast.officer, theirs, 0),
        (cast.auditor, theirs, 1),
        (cast.auditor, theirs, 1),  # once an hour
        (cast.auditor, letter, 1),
        (cast.officer, letter, 2),
    ]:
        answer = ask(user, page("monitoring_file", case.number, file.public_id))
        content = b"".join(answer.streaming_content)
        assert answer["Content-Disposition"] == f'attachment; filename="{file.name}"'
        assert answer["X-Content-Type-Options"] == "nosniff" and "no-store" in answer["Cache-Control"]
        assert len(content) == file.size
        assert LedgerPayload.objects.filter(action="read.file").count() == recorded
    other = stage.asked(cast, opportunity=case.opportunity)
    assert ask(cast.auditor, page("monitoring_file", other.number, theirs.public_id)).status_code == 404
    assert not LedgerEntry.objects.public().filter(subject=case.ledger_subject()).exists()


# --- The list --------------------------------------------------------------------------------------------------------
def several(cast, count: int) -> list[Monitoring]:
    occasion = cast.awarded()[0]
    return [
        stage.answered(cast, opportunity=occasion, title=f"Vérification n° {n}", at=OPENED_AT + timedelta(minutes=n))
        for n in range(count)
    ]


@pytest.mark.parametrize("who", ["auditor", "officer"])
def test_queries_do_not_grow(cast, who):
    def cost(path: str) -> int:
        client = signed_in(getattr(cast, who))
        with (
            clock.set_to(OPENED_AT + timedelta(hours=3)),
            CaptureQueriesContext(
                connection,
            ) as queries,
        ):
            assert client.get(path).status_code == 200
        return len(queries)

    first = several(cast, 1)[0]
    paths = page("monitorings"), reverse("dashboard"), page("monitoring", first.number)
    one = [cost(path) for path in paths]
    occasion = first.opportunity
    for n in (1, 2):
        stage.answered(cast, opportunity=occasion, title=f"Autre {n}", files=[document()])
        with clock.set_to(OPENED_AT + timedelta(hours=2)):
            case_actions.answer(first, by=cast.officer, text="Encore.", files=[document(), document()])
    assert [cost(path) for path in paths] == one
    assert one[0] <= 8, one


def test_pages_of_the_list(cast, monkeypatch):
    monkeypatch.setattr("audit.cases.views.PAGE", 2)
    made = several(cast, 5)
    seen, path = [], page("monitorings")
    while path:
        answer = ask(cast.auditor, path)
        assert answer.status_code == 200
        seen += [row.number for row, _badge, _where in answer.context["rows"]]
        path = answer.context["older"] and page("monitorings") + answer.context["older"]
    assert seen == [case.number for case in reversed(made)]


def test_filters(cast):
    occasion = cast.awarded()[0]
    late = stage.asked(cast, opportunity=occasion, title="En attente")
    second = person("Ange Vérificateur", is_auditor=True)
    with clock.set_to(OPENED_AT):
        theirs = case_actions.open_(occasion, by=second, title="Celle d’Ange", text="Motif.")
    done = stage.closed(cast, opportunity=occasion, title="Finie")
    after = OPENED_AT + timedelta(days=20)

    def listed(user, **query) -> set[str]:
        client = signed_in(user)
        with clock.set_to(after):
            return {row.number for row, *_rest in client.get(page("monitorings"), query).context["rows"]}

    every = {late.number, theirs.number, done.number}
    assert listed(cast.auditor) == every
    assert listed(cast.auditor, retard="1") == {late.number}
    assert listed(cast.auditor, miennes="1") == every - {theirs.number}
    assert listed(second, miennes="1") == {theirs.number}
    assert listed(cast.auditor, etat="closed") == {done.number}
    assert listed(cast.auditor, constat="corrige") == listed(cast.auditor, constat="manquement") == {done.number}
    assert listed(cast.auditor, constat="sans-correctif") == listed(cast.auditor, constat="aucun") == set()
    assert listed(cast.auditor, constat="a-venir", etat="open") == {theirs.number}
    assert listed(cast.auditor, organisme=str(cast.body.pk), etat="open") == {theirs.number}
    assert listed(cast.auditor, organisme=str(cast.other_body.pk)) == every  # unknown here: left out
    assert listed(cast.officer) == every - {theirs.number}
    assert listed(cast.officer, etat="open") == every - {theirs.number}
    for odd in ({"apres": "VE-\x00"}, {"apres": "x" * 500}, {"etat": "'; --"}, {"retard": "2"}):
        assert listed(cast.auditor, **odd) == every


def test_what_is_late_is_said(cast):
    case = stage.asked(cast)
    after = OPENED_AT + timedelta(days=16)  # 13 December
    for user in (cast.auditor, cast.officer):
        for path in (page("monitorings"), page("monitoring", case.number), reverse("dashboard")):
            assert "En retard de 2 jours" in words(ask(user, path, at=after)), path
    with clock.set_to(after):
        case_actions.answer(case, by=cast.officer, text="Tardive.")
    for user in (cast.auditor, cast.officer):
        for path in (page("monitorings"), page("monitoring", case.number)):
            text = words(ask(user, path, at=after))
            assert "En retard de" not in text and "2 jours de retard" in text, path
    assert case.title not in words(ask(cast.officer, reverse("dashboard"), at=after))
    assert "à examiner · 2 jours de retard" in words(ask(cast.auditor, reverse("dashboard"), at=after))
    with clock.set_to(after):
        case_actions.conclude(case, by=cast.auditor, finding=False, text="Constats.")
    assert words(ask(cast.officer, page("monitoring", case.number), at=after)).count("2 jours de retard") == 1  # kept


ENDS = [
    ({"finding": False}, [], "Sans manquement"),
    ({"finding": True}, ["accept_remedy"], "Manquement corrigé"),
    ({"finding": True}, [], "Manquement, fermé sans correctif"),
]


@pytest.mark.parametrize(("concluded", "acts", "label"), ENDS)
def test_how_it_ended_is_said_everywhere(cast, concluded, acts, label):
    case = stage.concluded(cast, **concluded)
    with clock.set_to(LATER):
        for act in [*acts, "close"]:
            getattr(case_actions, act)(case, by=cast.auditor, text="Texte.")
    for user in (cast.auditor, cast.officer):
        for path in (page("monitorings"), page("monitoring", case.number)):
            assert label in words(ask(user, path, at=LATER)), path
    mail = last("monitoring_closed", cast.officer).body
    assert ("sans manquement" in mail, "est corrigé" in mail) == (not concluded["finding"], bool(acts))


def test_an_answered_case_says_so(cast):
    case = stage.asked(cast)
    for told_, hidden in (("Explications demandées", "Réponse reçue"), ("Réponse reçue", "Explications demandées")):
        text = words(ask(cast.officer, page("monitoring", case.number)))
        assert told_ in text and hidden not in text
        row, badge, _where = ask(cast.officer, page("monitorings")).context["rows"][0]
        assert (row.number, badge["label"]) == (case.number, told_)
        with clock.set_to(OPENED_AT):
            case_actions.answer(case, by=cast.officer, text="Voici.")


# --- Messages --------------------------------------------------------------------------------------------------------
TEMPLATES = {"asked", "answered", "concluded", "remedied", "closed", "due", "late"}


@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_every_message_is_whole(cast, language):
    from audit.cases import reminders as case_reminders

    speaking(cast, language)
    occasion = cast.awarded()[0]
    since = OutgoingEmail.objects.count()
    stage.closed(cast, opportunity=occasion, title="Délai <abrégé> & urgence")
    stage.concluded(cast, opportunity=occasion, finding=False)
    stage.concluded(cast, opportunity=occasion)
    stage.asked(cast, opportunity=occasion)
    for day in (DUE_ON, DUE_ON + timedelta(days=1)):
        with clock.set_to(LATER.replace(month=day.month, day=day.day)):
            case_reminders.remind()
    rows = mails()[since:]
    assert {row.template for row in rows} == {f"emails/monitoring_{name}.txt" for name in TEMPLATES}
    for row in rows:
        check_whole(row, language)
        check_links(row, language)
        assert "Monitoring" not in row.subject
    if language == "fr-ca":
        assert any("<abrégé> & urgence" in row.body for row in rows)
        for row in rows:  # names of bodies take an article or none: each stands alone on its line
            assert [line for line in row.body.splitlines() if "Ville d’Essai" in line] == [
                "Organisme public\u00a0: Ville d’Essai"
            ]
        assert "11 décembre 2026" in last("monitoring_asked", cast.officer).body


def test_english_pages(cast):
    case = stage.announced(cast)
    User.objects.update(language="en")
    paths = [f"/en{path}" for path in (page("monitorings"), page("monitoring", case.number))]
    for user in (cast.auditor, cast.officer):
        for path in paths:
            assert ask(user, path).status_code == 200
