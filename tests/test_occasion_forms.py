"""The buyer's form: limits, dates, skills, grid, files, who may, and what two people write at once."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.ledger.act_details import described
from marketplace.dates import clock
from marketplace.dates.localtime import local
from marketplace.models import LedgerEntry
from opportunities.drafts import actions as occasion_draft_actions
from opportunities.models import BodyMembership, Opportunity, PublicBody, Skill
from opportunities.review import actions as notice_review_actions
from tests.cast import CLOSES_AT, closing

NEW = "/occasions/nouvelle/"
PDF = b"%PDF-1.7 essai"


def typed(**changes) -> dict:
    """A complete form as a browser posts it; None takes a field away."""
    data = {
        "title": "Carte des ponts", "teaser": "En deux phrases.", "description": "Le besoin.", "remote_ok": "on",
        "remote_description": "À distance.", "location": "Rimouski", "region": "01", "budget_cents": "64 000",
        "skills": "Python, Accessibilité", "code_licence": "LiLiQ-R-1.1", "submission_info": "",
        "acceptance_criteria": "Les tests passent.", "evaluation_criteria": "", "award_mode": "quality_fixed",
        "k_percent": "", "contact_name": "Béatrice", "contact_email": "b@exemple.invalid",
        "questions_close_at_date": "2026-11-19", "questions_close_at_time": "14:00",
        "closes_at_date": "2026-11-24", "closes_at_time": "14:00", "assignment_date": "2026-12-08",
        "start_date": "2026-12-15", "completion_date": "", "short_period_reason": "",
        "grille-TOTAL_FORMS": "3", "grille-INITIAL_FORMS": "0",
        "grille-0-label": "Approche", "grille-0-weight": "60", "grille-0-minimum": "", "grille-0-description": "",
        "grille-1-label": "Équipe", "grille-1-weight": "40", "grille-1-minimum": "70", "grille-1-description": "Bon",
        "grille-2-label": "", "grille-2-weight": "", "grille-2-minimum": "", "grille-2-description": "",
    } | changes  # fmt: skip
    return {name: value for name, value in data.items() if value is not None}


@pytest.fixture
def buyer(client, cast, now):
    client.force_login(cast.buyer)
    return client


def create(client, cast, **changes):
    return client.post(NEW, typed(body=cast.body.pk) | changes)


def edit_url(opportunity) -> str:
    return reverse("opportunities:edit", args=[opportunity.number])


def save(client, opportunity, **changes):
    """Post the form as shown: with the stored version."""
    seen = occasion_draft_actions.version(Opportunity.objects.get(pk=opportunity.pk))
    return client.post(edit_url(opportunity), typed(updated_at=seen) | changes)


def errors(answer) -> dict:
    assert answer.status_code == 422, answer.status_code
    return {name: [str(e) for e in problems] for name, problems in answer.context["form"].errors.items()}


# --- Creating ---
def test_the_form_proposes_a_legal_calendar(buyer, cast):
    page = buyer.get(NEW)
    assert page.status_code == 200
    initial = page.context["form"].initial
    closes = local(initial["closes_at"])
    assert (closes.date(), closes.hour) == (date(2026, 11, 18), 14)
    assert local(initial["questions_close_at"]).date() == date(2026, 11, 13)
    assert initial["contact_email"] == cast.buyer.email


def test_a_complete_form_makes_a_draft_that_can_be_sent(buyer, cast):
    answer = create(buyer, cast)
    made = Opportunity.objects.get()
    assert answer.status_code == 302 and answer.url == edit_url(made)
    assert (made.author, made.body, made.state, made.budget_cents) == (cast.buyer, cast.body, "draft", 64_000_00)
    assert made.closes_at == CLOSES_AT
    assert [(c.label, c.weight, c.minimum) for c in made.criteria.all()] == [("Approche", 60, None), ("Équipe", 40, 70)]
    assert sorted(s.folded for s in made.skills.all()) == ["accessibilite", "python"]
    page = buyer.get(edit_url(made)).content.decode()
    assert "Tout est rempli" in page and "Total des poids\u00a0: 100\u00a0%" in page
    notice_review_actions.submit_for_review(made, by=cast.buyer)


def test_a_title_is_enough_and_the_rest_is_listed(buyer, cast):
    blank = dict.fromkeys(typed(), "") | {"title": "Une idée", "body": cast.body.pk, "award_mode": "quality_fixed"}
    blank |= {"code_licence": "MIT", "grille-TOTAL_FORMS": "3", "grille-INITIAL_FORMS": "0"}
    assert buyer.post(NEW, blank).status_code == 302
    made = Opportunity.objects.get()
    page = buyer.get(edit_url(made))
    urls = {line["url"].partition("#")[2] for line in page.context["missing"]}
    assert urls >= {"id_description", "id_budget_cents", "id_closes_at", "id_skills", "grille", "id_contact_email"}
    text = page.content.decode()
    assert "À corriger ou à compléter avant l’envoi" in text
    for anchor in urls:
        assert f'id="{anchor}"' in text, anchor


@pytest.mark.parametrize("title", [None, "", "   ", "\t\n"])
def test_a_blank_title_is_refused_and_everything_typed_is_back(buyer, cast, title):
    answer = create(buyer, cast, **{"title": title} if title is not None else {"title": ""})
    assert errors(answer) == {"title": ["Ce champ est obligatoire."]}
    page = answer.content.decode()
    assert 'value="Équipe"' in page and "64 000" in page and "Les tests passent." in page
    assert 'href="#id_title"' in page
    assert not Opportunity.objects.exists()


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("title", 200), ("teaser", 500), ("description", 10_000), ("remote_description", 500), ("location", 100),
        ("submission_info", 500), ("acceptance_criteria", 5_000), ("evaluation_criteria", 2_000),
        ("contact_name", 100), ("short_period_reason", 500), ("skills", 100),
        ("grille-0-label", 100), ("grille-0-description", 1_000),
    ],
)  # fmt: skip
def test_each_limit_is_accepted_and_one_more_refused(buyer, cast, field, limit):
    answer = create(buyer, cast, **{field: "é" * (limit + 1)})
    assert answer.status_code == 422
    assert not Opportunity.objects.exists()
    assert create(buyer, cast, **{field: "é" * limit}).status_code == 302
    made = Opportunity.objects.get()
    kept = {"skills": lambda: made.skills.get().name, "grille-0-label": lambda: made.criteria.first().label,
            "grille-0-description": lambda: made.criteria.first().description}  # fmt: skip
    assert len(kept.get(field, lambda: getattr(made, field))()) == limit


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("budget_cents", "89 999,99", True), ("budget_cents", "90 000", False), ("budget_cents", "0,01", True),
        ("budget_cents", "0", False), ("budget_cents", "-5", False), ("budget_cents", "1,234", False),
        ("budget_cents", "abc", False), ("budget_cents", "9" * 60, False),
        ("k_percent", "15", True), ("k_percent", "14", False), ("k_percent", "30", True), ("k_percent", "31", False),
        ("grille-0-weight", "1", True), ("grille-0-weight", "0", False), ("grille-0-weight", "100", True),
        ("grille-0-weight", "101", False), ("grille-0-weight", "", False), ("grille-0-weight", "1.5", False),
        ("grille-1-minimum", "0", True), ("grille-1-minimum", "100", True), ("grille-1-minimum", "101", False),
        ("grille-1-minimum", "-1", False), ("contact_email", "pas un courriel", False),
        ("region", "99", False), ("region", "17", True), ("award_mode", "au-hasard", False),
        ("code_licence", "WTFPL", False), ("assignment_date", "2026-02-30", False),
        ("assignment_date", "demain", False),
        ("closes_at_time", "25:00", False), ("closes_at_time", "", False), ("closes_at_date", "", False),
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(buyer, cast, field, value, accepted):
    assert create(buyer, cast, **{field: value}).status_code == (302 if accepted else 422)
    assert Opportunity.objects.exists() is accepted


def test_the_ceiling_is_said_in_dollars(buyer, cast):
    assert "90\u00a0000\u00a0$" in errors(create(buyer, cast, budget_cents="90 000"))["budget_cents"][0]


@pytest.mark.parametrize(
    ("changes", "field", "part"),
    [
        ({"questions_close_at_date": "2026-11-24", "questions_close_at_time": "14:01"},
         "questions_close_at", "avant la date"),
        ({"assignment_date": "2026-11-23"}, "assignment_date", "ne peut pas précéder"),
        ({"start_date": "2026-12-07"}, "start_date", "avant l’attribution"),
        ({"completion_date": "2026-12-14"}, "completion_date", "avant de commencer"),
        ({"closes_at_date": "2027-03-14", "closes_at_time": "02:30", "assignment_date": "", "start_date": ""},
         "closes_at", "n’existe pas"),
        ({"closes_at_date": "2027-11-07", "closes_at_time": "01:30", "assignment_date": "", "start_date": ""},
         "closes_at", "existe deux fois"),
    ],
)  # fmt: skip
def test_dates_out_of_order_or_impossible(buyer, cast, changes, field, part):
    answer = create(buyer, cast, **changes)
    assert part in errors(answer)[field][0]


def test_the_same_days_are_in_order(buyer, cast):
    same = {"questions_close_at_date": "2026-11-24", "assignment_date": "2026-11-24", "start_date": "2026-11-24"}
    assert create(buyer, cast, **same, completion_date="2026-11-24").status_code == 302


@pytest.mark.parametrize(
    ("day", "time", "part"),
    [
        ("2026-11-21", "14:00", "jour ouvrable"),
        ("2026-12-25", "14:00", "jour ouvrable"),
        ("2026-11-03", "08:59", "déjà passée"),
        ("2026-11-03", "09:00", "déjà passée"),
    ],
)
def test_a_bad_closing_day_stays_a_draft_that_cannot_be_sent(buyer, cast, day, time, part):
    changes = {
        "closes_at_date": day,
        "closes_at_time": time,
        "assignment_date": "2027-01-04",
        "start_date": "2027-01-05",
    }
    none = {"questions_close_at_date": "", "questions_close_at_time": ""}
    assert create(buyer, cast, **changes, **none).status_code == 302
    made = Opportunity.objects.get()
    page = buyer.get(edit_url(made))
    assert any(part in line["message"] for line in page.context["missing"])
    assert buyer.post(reverse("opportunities:submit_for_review", args=[made.number])).status_code == 422
    made = Opportunity.objects.get()
    assert made.state == "draft"


# --- Skills and grid ---
def test_skills_are_merged_without_case_or_accents(buyer, cast):
    Skill.objects.create(name="Accessibilité", folded="accessibilite")
    create(buyer, cast, skills=" ACCESSIBILITE ,accessibilité;  C++,, C++ , Œuvres  d’art,\t")
    made = Opportunity.objects.get()
    assert [s.name for s in made.skills.all()] == ["Accessibilité", "C++", "Œuvres d’art"]
    assert Skill.objects.count() == 3


@pytest.mark.parametrize(("count", "status"), [(20, 302), (21, 422)])
def test_at_most_twenty_skills(buyer, cast, count, status):
    assert create(buyer, cast, skills=",".join(f"s{n}" for n in range(count))).status_code == status


@pytest.mark.parametrize("skill", ["\u0301", "ﬃ" * 50])
def test_a_skill_that_folds_to_nothing_or_too_much_is_refused(buyer, cast, skill):
    assert "skills" in errors(create(buyer, cast, skills=skill))


def test_one_more_row_keeps_what_was_typed_and_stores_nothing(buyer, cast):
    answer = create(buyer, cast, ajouter_critere="1", title="  ", budget_cents="90 001")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'name="grille-3-label"' in page and 'value="Équipe"' in page and "90 001" in page
    assert "obligatoire." not in page and "error-summary" not in page
    assert not Opportunity.objects.exists()


def test_rows_are_removed_by_box_or_by_emptying(buyer, cast):
    create(buyer, cast)
    made = Opportunity.objects.get()
    save(buyer, made, **{"grille-0-DELETE": "on", "grille-1-weight": "100"})
    assert [(c.label, c.weight) for c in made.criteria.all()] == [("Équipe", 100)]
    blank = {f"grille-{n}-{name}": "" for n in range(2) for name in ("label", "weight", "minimum", "description")}
    save(buyer, made, **blank)
    assert not made.criteria.exists()


@pytest.mark.parametrize(("count", "status"), [(20, 302), (21, 422)])
def test_at_most_twenty_criteria(buyer, cast, count, status):
    rows = {f"grille-{n}-{name}": value for n in range(count) for name, value in (("label", "x"), ("weight", "5"))}
    assert create(buyer, cast, **rows, **{"grille-TOTAL_FORMS": str(count)}).status_code == status


@pytest.mark.parametrize("forged", ["", "abc", "-1", "999999999999"])
def test_a_forged_row_count_never_fails(buyer, cast, forged):
    for extra in ({}, {"ajouter_critere": "1"}):
        assert create(buyer, cast, **{"grille-TOTAL_FORMS": forged}, **extra).status_code in (200, 302, 422)


# --- Who may ---
def test_who_may_open_the_form(client, cast, now):
    assert client.get(NEW).status_code == 302  # sign in first
    for user in (cast.vendor_owner, cast.officer, cast.auditor, cast.administrator, cast.outsider):
        client.force_login(user)
        assert client.get(NEW).status_code == 403
        assert create(client, cast).status_code == 403
    assert not Opportunity.objects.exists()


def test_the_body_is_one_that_the_person_buys_for(buyer, cast):
    for forged in (cast.other_body.pk, 0, "abc", "", 2**70):
        assert "body" in errors(create(buyer, cast, body=forged))
    closed = PublicBody.objects.create(name="Fermé", region="01", active=False)
    BodyMembership.objects.create(user=cast.buyer, body=closed, role="buyer")
    assert "body" in errors(create(buyer, cast, body=closed.pk))


def test_forged_fields_change_nothing(buyer, cast):
    forged = {"state": "published", "number": "X", "author": cast.outsider.pk, "published_at": "2026-01-01", "id": "7"}
    create(buyer, cast, **forged)
    made = Opportunity.objects.get()
    assert (made.state, made.author, made.published_at) == ("draft", cast.buyer, None)
    save(buyer, made, **forged, body=cast.other_body.pk)
    made = Opportunity.objects.get()
    assert (made.state, made.author, made.body, made.number) == ("draft", cast.buyer, cast.body, "DAN-2026-0001")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("buyer", 200), ("other_buyer", 200), ("officer", 403), ("administrator", 404),
        ("vendor_owner", 404), ("outside_buyer", 404), ("outside_officer", 404), ("auditor", 404), ("outsider", 404),
    ],
)  # fmt: skip
def test_who_may_edit_a_draft(client, cast, now, who, status):
    draft = cast.draft()
    client.force_login(getattr(cast, who))
    assert client.get(edit_url(draft)).status_code == status
    answer = save(client, draft, title="Changé")
    assert answer.status_code == (302 if status == 200 else status)
    assert (Opportunity.objects.get().title == "Changé") is (status == 200)
    assert client.post(edit_url(draft), typed(ajouter_critere="1")).status_code == status


def test_a_visitor_signs_in_first_and_keeps_what_was_typed(client, cast, now):
    client.cookies["csrftoken"] = "x" * 32  # the browser that showed the form still has its cookie
    answer = client.post(NEW, typed(body=cast.body.pk, title="Écrit avant"))
    assert answer.status_code == 302 and "/compte/" in answer.url
    # The sign-in page would rotate the session's key and keep its content.
    kept = client.session["typed"]
    assert "Écrit" not in str(kept)
    client.force_login(cast.buyer)
    session = client.session
    session["typed"] = kept
    session.save()
    page = client.get(NEW).content.decode()
    assert 'value="Écrit avant"' in page and 'value="Équipe"' in page and "error-summary" not in page
    assert 'value="Écrit avant"' not in client.get(NEW).content.decode()


@pytest.mark.parametrize("stage", ["in_review", "published"])
def test_only_a_draft_is_edited(client, cast, now, stage):
    opportunity = getattr(cast, stage)()
    client.force_login(cast.buyer)
    assert client.get(edit_url(opportunity)).status_code == 409
    assert save(client, opportunity, title="Changé").status_code == 409
    assert Opportunity.objects.get().title != "Changé"
    client.force_login(cast.vendor_owner)
    assert client.get(edit_url(opportunity)).status_code == 404


# --- Two at once ---
def test_the_second_to_save_is_told_and_keeps_both_texts(client, cast, now):
    draft = cast.draft()
    seen = occasion_draft_actions.version(draft)
    client.force_login(cast.other_buyer)
    assert client.post(edit_url(draft), typed(updated_at=seen, title="De Boris")).status_code == 302
    client.force_login(cast.buyer)
    answer = client.post(edit_url(draft), typed(updated_at=seen, title="De Béatrice"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="De Béatrice"' in page and "a changé pendant que vous écriviez" in page
    assert f'href="{edit_url(draft)}" target="_blank"' in page
    assert Opportunity.objects.get().title == "De Boris"
    for forged in ("", "x", "2026-11-03"):
        assert client.post(edit_url(draft), typed(updated_at=forged)).status_code == 422
    # Knowingly, the second text may replace the first.
    again = client.post(edit_url(draft), typed(updated_at=answer.context["seen"], title="De Béatrice"))
    assert again.status_code == 302 and Opportunity.objects.get().title == "De Béatrice"


def test_saving_is_in_the_ledger_and_looking_is_not(buyer, cast):
    draft = cast.draft()
    before = LedgerEntry.objects.count()
    buyer.get(edit_url(draft))
    buyer.post(edit_url(draft), typed(ajouter_critere="1"))
    create(buyer, cast, title="")
    assert LedgerEntry.objects.count() == before
    save(buyer, draft)
    assert LedgerEntry.objects.last().action == "opportunity.edit"


@pytest.mark.parametrize(
    ("changes", "kept", "words"),
    [
        ({}, [], "aucun"),
        ({"grille-0-weight": "61", "grille-1-weight": "39"}, ["criteria"], "Grille"),
        ({"grille-1-description": "Très bon"}, ["criteria"], "Grille"),
        ({"grille-1-minimum": ""}, ["criteria"], "Grille"),
        ({"grille-0-label": "Équipe", "grille-1-label": "Approche"}, ["criteria"], "Grille"),
        ({"grille-1-DELETE": "on"}, ["criteria"], "Grille"),
        ({"skills": "Python"}, ["skills"], "Compétences"),
        ({"skills": "accessibilité, python"}, [], "aucun"),
        ({"title": "Carte", "skills": "Go"}, ["skills", "title"], "Compétences, Titre"),
    ],
)
def test_the_ledger_names_every_part_that_changed(buyer, cast, changes, kept, words):
    create(buyer, cast)
    made = Opportunity.objects.get()
    assert save(buyer, made, **changes).status_code == 302
    entry = LedgerEntry.objects.get(action="opportunity.edit")
    assert entry.payload.body["changed"] == kept
    told = dict(described("opportunity.edit", entry.payload.body, {}, {}))
    assert told["Champs modifiés"] == words


def test_a_weight_of_39_that_becomes_40_is_told(buyer, cast):
    create(buyer, cast, **{"grille-0-weight": "61", "grille-1-weight": "39"})
    save(buyer, Opportunity.objects.get(), **{"grille-0-weight": "60", "grille-1-weight": "40"})
    assert LedgerEntry.objects.get(action="opportunity.edit").payload.body["changed"] == ["criteria"]


def test_a_joined_file_is_told(buyer, cast):
    create(buyer, cast)
    save(buyer, Opportunity.objects.get(), files=[upload()])
    assert LedgerEntry.objects.get(action="opportunity.edit").payload.body["changed"] == ["attachments"]


# --- Files ---
def upload(name="plan.pdf", content=PDF):
    return SimpleUploadedFile(name, content)


def test_files_are_added_downloaded_and_removed(buyer, cast, django_capture_on_commit_callbacks):
    create(buyer, cast, files=[upload("Plan d’accès.pdf"), upload("notes.txt", b"bonjour")])
    made = Opportunity.objects.get()
    first, second = made.attachments.all()
    assert (first.size, first.content_type, second.name) == (len(PDF), "application/pdf", "notes.txt")
    url = reverse("opportunities:attachment", args=[made.number, first.public_id])
    answer = buyer.get(url)
    assert b"".join(answer.streaming_content) == PDF
    assert answer["Content-Disposition"].startswith("attachment;") and answer["X-Content-Type-Options"] == "nosniff"
    stored = first.file.path
    remove = reverse("opportunities:remove_attachment", args=[made.number, first.public_id])
    assert "sera retirée" in buyer.get(remove).content.decode()
    assert made.attachments.count() == 2
    with django_capture_on_commit_callbacks(execute=True):
        assert buyer.post(remove).status_code == 302
    assert [a.name for a in made.attachments.all()] == ["notes.txt"]
    assert not Path(stored).exists()
    assert buyer.get(url).status_code == 404 and buyer.post(remove).status_code == 404


@pytest.mark.parametrize(
    ("name", "content"), [("vide.pdf", b" "), ("faux.pdf", b"MZ"), ("page.html", b"<p>"), ("sans-extension", PDF)]
)
def test_a_bad_file_is_refused_at_its_field(buyer, cast, name, content):
    assert "files" in errors(create(buyer, cast, files=[upload(), upload(name, content)]))
    assert not Opportunity.objects.exists()


def test_the_largest_file_is_accepted_and_one_byte_more_refused(buyer, cast, settings):
    settings.FILE_MAX_BYTES = 1_000
    assert "10 Mo" in errors(create(buyer, cast, files=[upload(content=PDF.ljust(1_001))]))["files"][0]
    assert create(buyer, cast, files=[upload(content=PDF.ljust(1_000))]).status_code == 302


def test_at_most_twenty_files(buyer, cast, monkeypatch):
    monkeypatch.setattr(occasion_draft_actions, "ATTACHMENTS_MAX", 2)
    assert "files" in errors(create(buyer, cast, files=[upload(), upload(), upload()]))
    assert not Opportunity.objects.exists()
    assert create(buyer, cast, files=[upload(), upload()]).status_code == 302


def attached(cast, opportunity):
    facts = {"name": "a.pdf", "size": len(PDF), "content_type": "application/pdf", "scanned": False}
    facts["sha256"] = hashlib.sha256(PDF).hexdigest()  # it is served only as its row knows it
    made = Opportunity.objects.get(pk=opportunity.pk)
    values = {"title": made.title}
    occasion_draft_actions.save(
        made, by=cast.buyer, seen=occasion_draft_actions.version(made), values=values, skills=[("python", "Python")],
        criteria=[{"label": "x", "weight": 100, "description": "", "minimum": None}], files=[(PDF, facts)],
    )  # fmt: skip
    return made.attachments.get()


def test_a_draft_s_file_is_private_and_a_published_one_is_public(client, cast, now):
    draft = cast.draft()
    file = attached(cast, draft)
    url = reverse("opportunities:attachment", args=[draft.number, file.public_id])
    for who, status in ((None, 404), (cast.vendor_owner, 404), (cast.outside_officer, 404), (cast.officer, 200)):
        client.logout()
        if who:
            client.force_login(who)
        answer = client.get(url)
        assert answer.status_code == status
        if status == 200:
            assert b"".join(answer.streaming_content) == PDF  # reading to the end closes the file
    draft = Opportunity.objects.get()
    notice_review_actions.submit_for_review(draft, by=cast.buyer)
    notice_review_actions.publish(draft, by=cast.officer)
    client.logout()
    answer = client.get(url)
    assert b"".join(answer.streaming_content) == PDF


def test_a_file_is_reached_through_its_own_occasion_only(client, cast, now):
    mine, other = cast.draft(), cast.published()
    file = attached(cast, mine)
    assert client.get(reverse("opportunities:attachment", args=[other.number, file.public_id])).status_code == 404
    client.force_login(cast.buyer)
    wrong = reverse("opportunities:remove_attachment", args=[other.number, file.public_id])
    assert client.post(wrong).status_code == 404
    right = reverse("opportunities:remove_attachment", args=[mine.number, file.public_id])
    for who, status in ((cast.officer, 403), (cast.outside_buyer, 404), (cast.vendor_owner, 404)):
        client.force_login(who)
        assert client.post(right).status_code == status
    notice_review_actions.submit_for_review(Opportunity.objects.get(pk=mine.pk), by=cast.buyer)
    client.force_login(cast.buyer)
    assert client.get(right).status_code == 409 and client.post(right).status_code == 409
    assert mine.attachments.count() == 1


def test_a_draft_can_be_edited_after_its_dates_have_passed(client, cast):
    draft = cast.draft()
    client.force_login(cast.buyer)
    with clock.set_to(closing(date(2027, 2, 1)) + timedelta(hours=1)):
        assert save(client, draft, title="Repris").status_code == 302
        assert buyer_misses(client, draft, "id_closes_at")


def buyer_misses(client, draft, anchor) -> bool:
    lines = client.get(edit_url(draft)).context["missing"]
    return any(line["url"].endswith(f"#{anchor}") for line in lines)


# --- Slips of the finger ---
@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("assignment_date", "1999-12-31", 422), ("start_date", "2101-01-01", 422),
        ("completion_date", "0026-11-24", 422), ("closes_at_date", "2101-01-01", 422),
        ("questions_close_at_date", "1999-12-31", 422),
        ("completion_date", "2100-12-31", 302), ("closes_at_date", "9999-12-31", 422),
    ],
)  # fmt: skip
def test_dates_are_of_this_century(buyer, cast, field, value, status):
    answer = create(buyer, cast, **{field: value})
    assert answer.status_code == status
    if status == 422:
        assert "entre 2000 et 2100" in " ".join(
            errors(answer)[field.removesuffix("_date") if "_at_" in field else field]
        )


def test_an_error_says_which_criterion(buyer, cast):
    answer = create(buyer, cast, **{"grille-1-label": " ", "grille-0-weight": "101"})
    page = answer.content.decode().replace("\u00a0", " ")
    assert answer.status_code == 422
    assert 'href="#id_grille-1-label">Critère 2 : Ce champ est obligatoire.' in page
    assert 'href="#id_grille-0-weight">Critère 1, Poids (%) : ' in page


@pytest.mark.parametrize("day", ["2026-10-30", "2026-11-22"])  # past, then a Sunday
def test_a_doubtful_closing_is_saved_and_said_beside_it(buyer, cast, day):
    draft = cast.draft()
    answer = save(buyer, draft, closes_at_date=day, questions_close_at_date="2026-10-28")
    assert answer.status_code == 302
    assert local(Opportunity.objects.get().closes_at).date().isoformat() == day
    page = buyer.get(edit_url(draft))
    (warning,) = page.context["warnings"]["closes_at"]
    told = page.content.decode().partition('name="closes_at_time"')[2]
    assert 0 < told.index(warning) < told.index('name="questions_close_at_date"')


def test_what_is_merely_missing_is_no_warning(buyer, cast):
    draft = cast.draft()
    Opportunity.objects.filter(pk=draft.pk).update(closes_at=None, questions_close_at=None)
    assert buyer.get(edit_url(draft)).context["warnings"] == {}


def test_a_return_reason_keeps_its_lines(buyer, cast):
    review = cast.in_review()
    notice_review_actions.return_to_author(review, by=cast.officer, reason="Un point.\nUn autre <b>.")
    assert "Un point.<br>Un autre &lt;b&gt;." in buyer.get(edit_url(review)).content.decode()


def test_the_default_minimum_is_shown(buyer, cast):
    draft = cast.draft(mode="quality_min_price")
    page = buyer.get(reverse("opportunities:submit_for_review", args=[draft.number])).content.decode()
    assert 'data-l="Note minimale">70</td>' in page
    other = cast.draft(mode="quality_fixed")
    page = buyer.get(reverse("opportunities:submit_for_review", args=[other.number])).content.decode()
    assert 'data-l="Note minimale">–</td>' in page


def test_a_title_is_plain(buyer, cast):
    assert create(buyer, cast, title="\u200b\u202e").status_code == 422
    assert (
        create(buyer, cast, title="Carte\u202e des\u200b ponts", **{"grille-0-label": "Appro\u2060che"}).status_code
        == 302
    )
    made = Opportunity.objects.get()
    assert made.title == "Carte des ponts" and made.criteria.first().label == "Approche"


def test_too_long_is_said_with_both_numbers(buyer, cast):
    answer = create(buyer, cast, description="x" * 20_001)
    said = "Ce texte compte 20 001 caractères; le maximum est de 10 000."
    assert errors(answer)["description"] == [said.replace("0 0", "0\u00a00")]
