"""A file chosen beside a wrong field is not lost (kind J), said file by file (kind N), and nobody else's."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver, reverse

from audit.models import MonitoringFile
from contracts.models import DeliveryFile
from marketplace.dates import clock
from marketplace.files import shelf, store
from marketplace.files import tasks as file_tasks
from marketplace.models import KeptFile
from opportunities.models import Attachment, Opportunity
from tests import audit_moves, contract_cast, leaks
from tests.cast import PASSWORD, PUBLISHED_AT
from tests.contract_cast import DELIVERED_AT
from tests.desk import draft_of, save, text_of, url
from tests.files import PDF, sent, zipped
from tests.reading import signed_in
from tests.test_occasion_forms import typed as occasion_typed
from vendors.models import TaxAttestation

SECRET = b"%PDF-1.7 mot-tres-secret"
KEPT = "annexe.pdf : conservé, il sera joint"


@dataclass
class Story:
    """One form with files: how it is posted wrong, then right, and where its file is then found."""

    who: str
    path: str
    field: str
    wrong: dict
    right: dict
    count: object
    at: object = PUBLISHED_AT
    name: str = "annexe.pdf"
    blob: bytes = SECRET

    def upload(self, name=None) -> SimpleUploadedFile:
        return sent(name or self.name, self.blob)


def proposal_story(cast) -> Story:
    proposal = cast.proposal(cast.published(mode="adjusted_price"))
    stamp = {"stamp": proposal.updated_at.isoformat(), "text": "Le texte.", "comments": ""}
    return Story(
        "vendor_owner", url("edit", proposal), "files", stamp | {"price": "abc"}, stamp | {"price": "50 000"},
        lambda: len(draft_of(proposal).get("files", [])),
    )  # fmt: skip


def attestation_story(cast) -> Story:
    path = reverse("vendors:papers", args=[cast.vendor.public_id])
    good = {"number": "RQ2026ABC", "issued_on": "2026-11-02"}
    before = TaxAttestation.objects.exclude(file="").count()
    return Story(
        "vendor_owner", path, "file", good | {"number": "x"}, good,
        lambda: TaxAttestation.objects.exclude(file="").count() - before,
    )  # fmt: skip


def new_occasion_story(cast) -> Story:
    good = occasion_typed(body=cast.body.pk)
    return Story(
        "buyer", "/occasions/nouvelle/", "files", good | {"budget_cents": "abc"}, good, Attachment.objects.count
    )


def occasion_story(cast) -> Story:
    draft = Opportunity.objects.get(pk=cast.draft().pk)
    good = occasion_typed(updated_at=draft.updated_at.isoformat())
    wrong = good | {"grille-0-weight": "beaucoup"}  # in the grid, which is another form
    return Story(
        "buyer", reverse("opportunities:edit", args=[draft.number]), "files", wrong, good, draft.attachments.count
    )


def delivery_files_story(cast) -> Story:
    contract = contract_cast.active(cast)
    path = reverse("contracts:deliver", args=[contract.number, 1])
    return Story(
        "vendor_owner", path, "files", {"notes": ""}, {"notes": "Livré."}, DeliveryFile.objects.count, DELIVERED_AT
    )


def delivery_archive_story(cast) -> Story:
    story = delivery_files_story(cast)
    story.field, story.name, story.blob = "archive", "code.zip", zipped(LICENSE="MIT", main_py="print(1)")
    return story


def case_story(build, act, who, wrong=None, right=None):
    def story(cast) -> Story:
        case = build(cast)
        path = reverse(f"audit:{act}", args=[case.number])
        good = {"key": "7c3ab7a1-0f0f-4c7e-8c10-0123456789ab", "text": "Le texte."} | (right or {})
        count = MonitoringFile.objects.filter(is_letter=False).count
        return Story(who, path, "files", good | (wrong or {"text": ""}), good, count, audit_moves.OPENED_AT)

    return story


def open_case_story(cast) -> Story:
    path = reverse("audit:open_monitoring", args=[cast.awarded()[0].number])
    good = {"key": "7c3ab7a1-0f0f-4c7e-8c10-0123456789ac", "text": "Motif.", "title": "Objet"}
    count = MonitoringFile.objects.filter(is_letter=False).count
    return Story("auditor", path, "files", good | {"title": ""}, good, count, audit_moves.OPENED_AT)


STORIES = {
    "proposals:edit": proposal_story,
    "vendors:papers": attestation_story,
    "opportunities:create": new_occasion_story,
    "opportunities:edit": occasion_story,
    "contracts:deliver": delivery_files_story,
    "contracts:deliver, archive": delivery_archive_story,
    "audit:open_monitoring": open_case_story,
    "audit:ask": case_story(audit_moves.opened, "ask", "auditor", {"due_on": "hier"}, {"due_on": "2026-12-11"}),
    "audit:answer": case_story(audit_moves.asked, "answer", "officer"),
    "audit:conclude": case_story(audit_moves.answered, "conclude", "auditor", {"finding": ""}, {"finding": "no"}),
    "audit:announce_remedy": case_story(audit_moves.concluded, "announce_remedy", "officer"),
    "audit:accept_remedy": case_story(audit_moves.announced, "accept_remedy", "auditor"),
    "audit:close": case_story(audit_moves.remedied, "close", "auditor"),
}


def views_with_uploads() -> set[str]:
    """The routes whose page has a form with files, told by the templates that ask for multipart."""
    names = set()

    def walk(patterns, space):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, pattern.namespace or space)
            elif getattr(pattern.callback, "keeps_typed", False):
                names.add(f"{space}:{pattern.name}")

    walk(get_resolver().url_patterns, "")
    return names


@pytest.fixture
def told(cast, request):
    return STORIES[request.param](cast)


@pytest.mark.parametrize("told", STORIES, indirect=True)
def test_a_file_beside_a_wrong_field_is_joined_at_the_next_try(
    cast, told, settings, django_capture_on_commit_callbacks
):
    """The mending of the kind, in every form that has files."""
    client, before = signed_in(getattr(cast, told.who)), told.count()
    with clock.set_to(told.at), django_capture_on_commit_callbacks(execute=True):
        answer = client.post(told.path, told.wrong | {told.field: told.upload()})
        assert answer.status_code == 422 and told.count() == before
        assert f"{told.name} : conservé, il sera joint" in text_of(answer)
        assert 'name="oublier"' in text_of(answer)
        assert f"{told.name} : conservé, il sera joint" in text_of(client.get(told.path))  # and if one comes back
        row = KeptFile.objects.get()
        assert told.blob not in store.read(row.file.name) and b"annexe" not in bytes(row.about)
        assert told.path not in row.place
        answer = client.post(told.path, told.right)
        assert answer.status_code == 302, text_of(answer)
    assert told.count() == before + 1
    assert not KeptFile.objects.exists() and not list((settings.MEDIA_ROOT / "kept").iterdir())


def test_the_stories_are_every_form_with_files():
    assert {name.partition(",")[0] for name in STORIES} <= views_with_uploads()
    assert len(STORIES) == 13


# --- Taking it off, choosing another ---------------------------------------------------------------------------------
@pytest.fixture
def story(cast):
    return proposal_story(cast)


@pytest.fixture
def client(cast, now):
    return signed_in(cast.vendor_owner)


def refuse(client, story, *uploads):
    return client.post(story.path, story.wrong | {story.field: list(uploads or [story.upload()])})


def test_it_can_be_taken_off_and_what_was_typed_comes_back(client, story, settings, django_capture_on_commit_callbacks):
    refuse(client, story)
    row = KeptFile.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            story.path, story.wrong | {"text": "Mon texte à moi", "oublier": str(row.public_id), "files": sent("b.pdf")}
        )
    assert answer.status_code == 302
    page = text_of(client.get(answer.url))
    assert "Le fichier est retiré." in page and "Mon texte à moi" in page and KEPT not in page
    assert "b.pdf : conservé, il sera joint" in page  # chosen meanwhile
    assert len(list((settings.MEDIA_ROOT / "kept").iterdir())) == 1 and story.count() == 0
    assert client.post(story.path, story.wrong | {"oublier": "x"}).status_code == 302


def test_the_same_file_again_is_one_and_another_of_its_name_is_another(client, story):
    refuse(client, story)
    refuse(client, story)  # chosen again, since a browser shows nothing
    assert KeptFile.objects.count() == 1
    refuse(client, story, sent("annexe.pdf", PDF))
    assert KeptFile.objects.count() == 2
    client.post(story.path, story.right)
    assert story.count() == 2


def test_one_file_replaces_the_one_that_was_kept(cast, now):
    """Where a form takes one file only."""
    story, client = attestation_story(cast), signed_in(cast.vendor_owner)
    refuse(client, story)
    answer = client.post(story.path, story.wrong | {"file": sent("autre.pdf")})
    assert "autre.pdf : conservé" in text_of(answer) and "annexe.pdf" not in text_of(answer)
    assert KeptFile.objects.count() == 1


def test_a_refused_file_is_not_kept_and_the_good_one_is(client, story):
    answer = text_of(refuse(client, story, story.upload(), sent("outil.exe", b"MZ")))
    assert KEPT in answer and "outil.exe : conservé" not in answer
    assert "Fichiers non gardés, à choisir de nouveau ou à remplacer : outil.exe" in answer
    assert KeptFile.objects.count() == 1


def test_adding_a_row_to_the_grid_keeps_the_file(cast, now):
    story, client = occasion_story(cast), signed_in(cast.buyer)
    answer = client.post(story.path, story.right | {"ajouter_critere": "1", "files": story.upload()})
    assert KEPT in text_of(answer)
    new = new_occasion_story(cast)
    answer = client.post(new.path, new.right | {"ajouter_critere": "1", "files": new.upload("b.pdf")})
    assert "b.pdf : conservé" in text_of(answer) and KEPT not in text_of(answer)  # each form has its own


def test_somebody_else_s_draft_saved_meanwhile_keeps_the_file(cast, now):
    story, client = occasion_story(cast), signed_in(cast.buyer)
    answer = client.post(story.path, story.right | {"updated_at": "2020", "files": story.upload()})
    assert answer.status_code == 422 and KEPT in text_of(answer)


# --- Whose -----------------------------------------------------------------------------------------------------------
def test_nobody_else_sees_it_nor_takes_it_off(cast, client, story):
    refuse(client, story)
    colleague = signed_in(cast.vendor_member)
    page = text_of(colleague.get(story.path))
    assert "annexe.pdf" not in page
    assert (
        colleague.post(story.path, story.wrong | {"oublier": str(KeptFile.objects.get().public_id)}).status_code == 302
    )
    assert KeptFile.objects.count() == 1
    colleague.post(story.path, story.right)
    assert story.count() == 0


def test_nothing_of_it_stands_in_the_clear(client, story, caplog, settings):
    refuse(client, story)
    held = [*leaks.database(), *leaks.memory(), *leaks.mails(), caplog.text.encode()]
    held += leaks.files(settings.MEDIA_ROOT)
    assert len(held) > 5
    for word in (b"mot-tres-secret", b"annexe"):
        assert not [blob for blob in held if word in blob], word


def test_through_a_sign_in(cast, story):
    """The session ended while the form was open: text and file come back to whoever signs in there."""
    client = Client()
    client.cookies["csrftoken"] = "x" * 32
    with clock.set_to(PUBLISHED_AT):
        answer = client.post(story.path, story.right | {"files": [story.upload(), sent("outil.exe", b"MZ")]})
        assert answer.status_code == 302 and KeptFile.objects.get().owner is None
        door = text_of(client.get(answer.url))
        assert "Votre texte et vos fichiers sont gardés" in door and "annexe" not in door
        assert "Un fichier n’a pas pu être gardé" in door
        stranger = signed_in(cast.vendor_owner)
        assert KEPT not in text_of(stranger.get(story.path))  # the same person, elsewhere: not yet theirs
        client.post(answer.url, {"login": cast.vendor_owner.email, "password": PASSWORD})
        client.force_login(cast.vendor_owner)
        assert KEPT in text_of(client.get(story.path))
        assert KeptFile.objects.get().owner == cast.vendor_owner
        assert client.post(story.path, story.right).status_code == 302
    assert story.count() == 1


def test_a_new_session_finds_what_an_earlier_one_kept(cast, client, story):
    refuse(client, story)
    other = Client()
    other.post("/compte/login/", {"login": cast.vendor_owner.email, "password": PASSWORD})
    if "_auth_user_id" in other.session:  # no second question stood in between
        assert KEPT in text_of(other.get(story.path))


# --- Bounds ----------------------------------------------------------------------------------------------------------
def test_a_person_keeps_so_many_and_no_more(client, story, monkeypatch):
    monkeypatch.setattr(shelf, "MOST", 2)
    answer = text_of(refuse(client, story, *(sent(f"{n}.pdf", PDF + str(n).encode()) for n in range(3))))
    assert KeptFile.objects.count() == 2
    assert "à choisir de nouveau ou à remplacer : 2.pdf" in answer
    monkeypatch.setattr(shelf, "MOST_BYTES", 10)
    assert "à choisir de nouveau ou à remplacer : 9.pdf" in text_of(refuse(client, story, sent("9.pdf")))


def test_visitors_keep_so_many_all_together(cast, story, monkeypatch):
    monkeypatch.setattr(shelf, "MOST_OF_VISITORS", 1)
    for _visitor in range(2):
        client = Client()
        client.cookies["csrftoken"] = "x" * 32
        client.post(story.path, story.right | {"files": story.upload()})
    assert KeptFile.objects.count() == 1


def test_a_storage_in_trouble_loses_no_text(client, story, monkeypatch):
    def full(*args):
        raise OSError(28, "full")

    monkeypatch.setattr(store.storage, "write", full)
    answer = refuse(client, story)
    assert answer.status_code == 422 and "à choisir de nouveau ou à remplacer : annexe.pdf" in text_of(answer)
    assert "Le texte." in text_of(answer) and not KeptFile.objects.exists()


def test_it_goes_after_a_day(client, story, settings, django_capture_on_commit_callbacks):
    refuse(client, story)
    row = KeptFile.objects.get()
    with clock.set_to(row.at + shelf.KEPT_FOR - timedelta(minutes=1)):
        file_tasks.sweep_files()
        assert KeptFile.objects.exists()
    with clock.set_to(row.at + shelf.KEPT_FOR), django_capture_on_commit_callbacks(execute=True):
        assert KEPT not in text_of(client.get(story.path))
        file_tasks.sweep_files()
    assert not KeptFile.objects.exists() and not list((settings.MEDIA_ROOT / "kept").iterdir())


def test_bytes_that_are_gone_are_not_joined(client, story):
    refuse(client, story)
    store.destroy(KeptFile.objects.get().file.name)
    assert client.post(story.path, story.right).status_code == 302
    assert story.count() == 0 and not KeptFile.objects.exists()


# --- Said file by file (kind N), in a proposal -----------------------------------------------------------------------
@pytest.fixture
def proposal(cast):
    return cast.proposal(cast.published(mode="adjusted_price"))


def names(proposal) -> list[str]:
    return [item["name"] for item in draft_of(proposal).get("files", [])]


def test_a_valid_file_and_a_refused_one_together(client, proposal):
    answer = save(client, proposal, files=[sent("plan.pdf"), sent("outil.exe", b"MZ")])
    assert answer.status_code == 422 and names(proposal) == ["plan.pdf"]
    page = text_of(answer)
    assert "« plan.pdf » est joint au brouillon." in page and "« outil.exe » : type non accepté." in page
    # Sent again, as one did when nothing was said: no second copy.
    assert save(client, proposal, files=[sent("plan.pdf")]).status_code == 302
    assert "déjà jointe" in text_of(client.get(url("edit", proposal))) and names(proposal) == ["plan.pdf"]


def test_two_names_that_clean_alike_stay_apart(client, proposal):
    save(client, proposal, files=[sent("annexe?.pdf")])
    save(client, proposal, files=[sent("annexe!.pdf")])
    assert names(proposal) == ["annexe_.pdf", "annexe_ (2).pdf"]
    save(client, proposal, files=[sent("annexe?.pdf"), sent("ANNEXE_.pdf"), sent("annexe*.pdf", PDF + b" ")])
    assert names(proposal) == ["annexe_.pdf", "annexe_ (2).pdf", "ANNEXE_ (3).pdf", "annexe_ (4).pdf"]


@pytest.mark.parametrize(("first", "then"), [(0, 6), (0, 9), (4, 2), (5, 3)])
def test_too_many_at_once_is_said_once_and_none_is_kept(client, proposal, first, then):
    if first:
        save(client, proposal, files=[sent(f"{n}.txt", str(n).encode()) for n in range(first)])
    answer = save(client, proposal, files=[sent(f"n{n}.txt", b"n%d" % n) for n in range(then)])
    assert answer.status_code == 422 and len(names(proposal)) == first
    (sentence,) = answer.context["form"].errors["files"]
    assert "Pas plus de 5 fichiers" in sentence and f"vous en avez choisi {then}" in sentence
    assert not KeptFile.objects.exists()


def test_five_that_are_there_already_are_no_sixth(client, proposal):
    five = lambda: [sent(f"{n}.txt", str(n).encode()) for n in range(5)]  # noqa: E731
    save(client, proposal, files=five())
    assert save(client, proposal, files=five()).status_code == 302
    assert len(names(proposal)) == 5


def test_a_notice_keeps_names_apart_and_says_already_joined(cast, now):
    story, client = occasion_story(cast), signed_in(cast.buyer)

    def add(*uploads):
        seen = Opportunity.objects.get(number=story.path.split("/")[2]).updated_at.isoformat()
        return client.post(story.path, story.right | {"updated_at": seen, "files": list(uploads)}, follow=True)

    add(sent("annexe?.pdf"), sent("annexe!.pdf", PDF + b"1"))
    assert "déjà jointe" in text_of(add(sent("annexe_.pdf")))
    add(sent("annexe*.pdf", PDF + b"2"))
    found = Attachment.objects.values_list("name", flat=True)
    assert list(found) == ["annexe_.pdf", "annexe_ (2).pdf", "annexe_ (3).pdf"]


def test_too_large_for_a_session_that_ended_says_how_to_send_it_again(story, settings):
    """A megabyte is kept through a sign-in; more is not read from whoever has none, and the answer is no dead end."""
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    big = sent("plan.pdf", PDF.ljust(settings.VISITOR_REQUEST_MAX_BYTES + 1))
    answer = client.post(story.path, story.right | {"files": big})
    assert answer.status_code == 413 and "Connectez-vous dans un autre onglet" in text_of(answer)


def test_what_was_kept_is_not_lost_to_too_many(client, proposal):
    """Two wait for the next try; it brings four more: none is added, and the two still wait."""
    save(client, proposal, price="abc", files=[sent("a.pdf"), sent("b.pdf", PDF + b"b")])
    answer = save(client, proposal, files=[sent(f"{n}.txt", b"%d" % n) for n in range(4)])
    assert answer.status_code == 422 and names(proposal) == [] and KeptFile.objects.count() == 2
    assert "vous en avez choisi 6" in text_of(answer) and "a.pdf : conservé, il sera joint" in text_of(answer)
    assert save(client, proposal).status_code == 302 and names(proposal) == ["a.pdf", "b.pdf"]
