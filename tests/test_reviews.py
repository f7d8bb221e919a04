"""An officer's audit of awards: who may read and conclude, what is kept and signed, the PDF, the list, « À faire »."""

import io
import json
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from audit.models import AwardReview, RedFlag
from audit.reviews import actions as review_actions
from audit.reviews import facts as review_facts
from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.lifecycle import IllegalMove
from marketplace.models import LedgerEntry, LedgerPayload
from proposals.award import actions as award_actions
from proposals.models import Award
from tests.cast import CLOSES_AT, PASSWORD, person
from tests.test_ledger import verify
from tests.test_verify import run, signed_again
from vendors.models import VendorMembership

AFTER = CLOSES_AT + timedelta(days=3)


@pytest.fixture
def world(cast):
    """The cast, with a standing award that cast.officer confirmed: cast.second_officer may conclude."""
    cast.opportunity, cast.proposals = cast.awarded()
    cast.url = f"/verification/attributions/{cast.opportunity.number}/"
    with clock.set_to(AFTER):
        yield cast


def row_of(opportunity) -> Award:
    return review_facts.awards().get(opportunity=opportunity)


def seen(opportunity) -> str:
    return review_actions.fingerprint(review_actions.computed(row_of(opportunity), at=AFTER))


def conclude(world, *, by=None, opinion="compliant", comment="", look=None) -> AwardReview:
    return review_actions.conclude(
        row_of(world.opportunity), by=by or world.second_officer, opinion=opinion, comment=comment, method="password",
        seen=look or seen(world.opportunity),
    )  # fmt: skip


def flag(opportunity, code="R018", **fields) -> RedFlag:
    values = {"value": 1, "threshold": 1, "first_at": AFTER, "last_at": AFTER} | fields
    return RedFlag.objects.create(code=code, opportunity=opportunity, **values)


# --- Rights ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize(
    ("who", "list_", "page", "act"),
    [
        ("second_officer", 200, 200, 200),
        ("officer", 200, 200, 403),  # confirmed it
        ("auditor", 200, 200, 403),
        ("buyer", 404, 404, 404),
        ("outside_officer", 200, 404, 404),
        ("outside_buyer", 404, 404, 404),
        ("administrator", 404, 404, 404),
        ("vendor_owner", 404, 404, 404),
        ("outsider", 404, 404, 404),
    ],
)
def test_who_reads_and_who_concludes(world, client, who, list_, page, act):
    client.force_login(getattr(world, who))
    conclude(world)
    answers = [client.get(path).status_code for path in ("/verification/attributions/", world.url)]
    assert answers == [list_, page]
    assert client.get(f"{world.url}conclure/").status_code == act
    assert client.post(f"{world.url}conclure/", {"opinion": "compliant"}).status_code == (422 if act == 200 else act)
    for name in ("1.pdf", "1.json"):
        assert client.get(f"{world.url}conclusions/{name}").status_code == page
    assert client.get(f"{world.url}conclusions/2.pdf").status_code == 404


@pytest.mark.parametrize("who", ["second_officer", "auditor"])
def test_whoever_answered_reads_nothing(world, client, who):
    tied = getattr(world, who)
    VendorMembership.objects.create(user=tied, vendor=world.rival, role="member")
    client.force_login(tied)
    assert client.get(world.url).status_code == 403
    assert client.get(f"{world.url}conclure/").status_code == 403
    assert world.opportunity.number not in client.get("/verification/attributions/").content.decode()


def test_only_awards_that_stand(world, client):
    client.force_login(world.second_officer)
    waiting = world.recommended()[0]
    assert client.get(f"/verification/attributions/{waiting.number}/").status_code == 404
    award_actions.request_reversal(world.opportunity, by=world.officer, reason="Erreur de calcul")
    award_actions.reverse(world.opportunity, by=world.second_officer)
    assert client.get(world.url).status_code == 404


# --- The verb --------------------------------------------------------------------------------------------------------
def test_a_conclusion_keeps_the_checklist_and_is_signed(world):
    made = conclude(world, opinion="reserved", comment="  L’attestation n’a pas été vérifiée.  ")
    assert made.comment == "L’attestation n’a pas été vérifiée."
    assert [line["code"] for line in made.checklist] == [line["code"] for line in made.signed["checklist"]]
    assert verify.verify_review(ledger.canonical(made.signed), keys.key_id())
    payload = LedgerPayload.objects.get(action="award.review")
    assert payload.subject == f"award:{world.opportunity.number}"
    assert payload.body["opinion"] == "reserved"
    assert not LedgerEntry.objects.public().filter(action="award.review").exists()
    before = made.checklist
    RedFlag.objects.all().delete()
    assert AwardReview.objects.get().checklist == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"opinion": "reserved"}, "comment"),
        ({"opinion": "not_compliant", "comment": "   "}, "comment"),
        ({"opinion": "parfait"}, "opinion"),
        ({"comment": "x" * 5_001}, "comment"),
        ({"look": "0" * 64}, "__all__"),
    ],
)
def test_what_a_conclusion_must_say(world, fields, field):
    with pytest.raises(ValidationError) as caught:
        conclude(world, **fields)
    found = caught.value.error_dict if hasattr(caught.value, "error_dict") else {"__all__": caught.value}
    assert set(found) == {field}
    assert not AwardReview.objects.exists()


@pytest.mark.parametrize("who", ["officer", "buyer", "auditor", "outside_officer", "administrator"])
def test_who_may_not_conclude(world, who):
    with pytest.raises(PermissionDenied):
        conclude(world, by=getattr(world, who))


def test_an_award_reversed_meanwhile(world):
    row, look = row_of(world.opportunity), seen(world.opportunity)
    award_actions.request_reversal(world.opportunity, by=world.officer, reason="Erreur")
    award_actions.reverse(world.opportunity, by=world.second_officer)
    with pytest.raises(IllegalMove):
        review_actions.conclude(
            row, by=world.second_officer, opinion="compliant", comment="", method="password", seen=look
        )  # fmt: skip


def test_the_same_form_sent_twice_signs_once(world):
    first = conclude(world, opinion="reserved", comment="Réserve.")
    assert conclude(world, opinion="reserved", comment="Réserve.") == first
    assert conclude(world, opinion="not_compliant", comment="Réserve.") != first
    assert AwardReview.objects.count() == LedgerPayload.objects.filter(action="award.review").count() == 2


def test_a_conclusion_is_never_changed(world):
    made = conclude(world)
    with pytest.raises(Exception, match="append-only|immuable|never|append"):
        models.QuerySet(AwardReview).filter(pk=made.pk).update(comment="autre")


# --- The pages -------------------------------------------------------------------------------------------------------
def test_the_journey(world, client):
    client.force_login(world.second_officer)
    page = client.get(f"{world.url}conclure/").content.decode()
    look = seen(world.opportunity)
    assert f'name="seen" value="{look}"' in page
    typed = {"opinion": "not_compliant", "comment": "", "seen": look, "password": PASSWORD}
    refused = client.post(f"{world.url}conclure/", typed)
    assert refused.status_code == 422
    assert "Dites pourquoi" in refused.content.decode()
    wrong = client.post(f"{world.url}conclure/", typed | {"comment": "Trop vite.", "password": "autre"})
    assert wrong.status_code == 422 and "Trop vite." in wrong.content.decode()
    assert not AwardReview.objects.exists()
    done = client.post(f"{world.url}conclure/", typed | {"comment": "Trop vite."}, follow=True)
    assert done.redirect_chain[-1][0] == world.url
    assert "Non conforme" in done.content.decode()
    assert AwardReview.objects.get().signed["method"] == "password"


def test_the_page_shows_what_is_missing_and_the_flags(world, client):
    flag(world.opportunity)
    client.force_login(world.auditor)
    shown = client.get(world.url).content.decode()
    assert "Attestation vérifiée auprès de Revenu Québec" in shown
    assert "Une seule proposition" in shown
    assert 'href="/verification/attributions/' in shown
    english = client.get(f"/en{world.url}")
    assert english.status_code == 200 and b"%(" not in english.content


def test_a_read_changes_nothing(world, client):
    client.force_login(world.second_officer)
    before = LedgerEntry.objects.count()
    client.get(world.url)
    client.get(f"{world.url}conclure/")
    assert LedgerEntry.objects.count() == before


def test_the_pdf_says_the_same_each_time(world, client):
    conclude(world, opinion="reserved", comment="À suivre :\n- l’attestation")
    client.force_login(world.auditor)
    first, second = (client.get(f"{world.url}conclusions/1.pdf") for _again in range(2))
    assert first.content == second.content
    assert first["Content-Disposition"].startswith("attachment")
    text = " ".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(first.content)).pages).split())
    assert "Conforme, avec réserves" in text
    assert "Omar Responsable" in text


def test_the_signed_file_verifies_alone(world, client, tmp_path):
    conclude(world)
    client.force_login(world.second_officer)
    content = client.get(f"{world.url}conclusions/1.json").content
    path = tmp_path / "r.json"
    path.write_bytes(content)
    done = run("review", path, "--key", keys.key_id())
    said = done.stdout.decode().replace("\u00a0", " ")
    assert done.returncode == 0, done
    assert f"attribution {world.opportunity.number}" in said and "« conforme », par Omar Responsable" in said
    assert "- Non respecté : Attestation vérifiée" in said
    assert run("review", path, "--lang", "en").returncode == 0
    path.write_bytes(content.replace(b"compliant", b"reserved"))
    assert run("review", path).returncode == 1


@pytest.mark.parametrize(
    "change",
    [
        {"type": "dan-review/2"}, {"note": "ajout"}, {"amount_cents": "1"}, {"checklist": {}}, {"checklist": [None]},
        {"checklist": [{"code": "x"}]}, {"opinion": "parfait"},
    ],
)  # fmt: skip
def test_a_signed_file_that_is_not_one(world, change):
    told = conclude(world).signed
    with pytest.raises(verify.Bad) as caught:
        verify.verify_review(signed_again(told, **change), None)
    assert caught.value.name == "review_fields"


def test_a_changed_file_names_what_is_wrong(world):
    told = conclude(world).signed
    for change, name in (({"by": "Autre"}, "review_signature"), ({"key": "A" * 43 + "="}, "review_key")):
        with pytest.raises(verify.Bad) as caught:
            verify.verify_review(json.dumps(told | change).encode(), keys.key_id())
        assert caught.value.name in (name, "review_fields")


# --- The list and « À faire » ----------------------------------------------------------------------------------------
def test_the_list_and_its_filters(world, client):
    second = world.awarded()[0]
    conclude(world)
    flag(second)
    client.force_login(world.auditor)

    def listed(query="") -> set[str]:
        page = client.get(f"/verification/attributions/?{query}").content.decode()
        return {
            one.number for one in (world.opportunity, second) if f"/verification/attributions/{one.number}/" in page
        }

    assert listed() == {world.opportunity.number, second.number}
    assert listed("etat=verifiees") == {world.opportunity.number}
    assert listed("etat=a-verifier") == {second.number}
    assert listed("signaux=1") == {second.number}
    assert listed(f"organisme={world.other_body.pk}") == {world.opportunity.number, second.number}  # unknown: left out
    assert listed("apres=%00&etat=x") == {world.opportunity.number, second.number}


def test_pages_of_the_list_have_no_hole(world, client, monkeypatch):
    from audit.reviews import views as review_views

    numbers = [world.opportunity.number, *(world.awarded()[0].number for _one in range(2))]
    monkeypatch.setattr(review_views, "PAGE", 2)
    client.force_login(world.auditor)
    first = client.get("/verification/attributions/")
    second = client.get(f"/verification/attributions/{first.context['older']}")
    shown = [row.opportunity.number for page in (first, second) for row, _badge in page.context["rows"]]
    assert shown == numbers[::-1]


def test_the_list_costs_the_same_for_one_and_three(world, client):
    client.force_login(world.auditor)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get("/verification/attributions/")
        return len(queries)

    cost()
    one = cost()
    for _more in range(2):
        flag(world.awarded()[0])
    assert cost() == one <= 8


def test_what_awaits_an_officer(world, client):
    """An award about which a signal stands and that nobody audited: for an officer who could conclude."""

    def waits(who) -> bool:
        client.force_login(who)
        return f'href="{world.url}"' in client.get("/a-faire/").content.decode()

    assert not waits(world.second_officer)
    row = flag(world.opportunity)
    assert waits(world.second_officer)
    assert not waits(world.officer)
    assert not waits(world.outside_officer)
    RedFlag.objects.filter(pk=row.pk).update(ceased_at=AFTER)
    assert not waits(world.second_officer)
    RedFlag.objects.filter(pk=row.pk).update(ceased_at=None)
    conclude(world)
    assert not waits(world.second_officer)


def test_an_auditor_who_is_also_an_officer_elsewhere(world, client):
    other = person("Olga Double", is_auditor=True)
    client.force_login(other)
    assert client.get(world.url).status_code == 200
    assert client.get(f"{world.url}conclure/").status_code == 403
