"""The public pages of the ledger: entries with their proofs, signed checkpoints; and the receipt's proof."""

import re

import pytest
from django.db import transaction

from marketplace import keys
from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.ledger import entries as ledger
from marketplace.ledger import views as public_ledger_views
from marketplace.models import Checkpoint, LedgerEntry
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import text_of
from tests.test_every_page import assert_whole
from tests.test_ledger import verify

PAGE = "/registre/releves/"


def fill(count: int) -> None:
    with transaction.atomic():
        for number in range(count):
            ledger.record("terms.add", f"terms:{number}", by=None, at=PUBLISHED_AT)


def signed(*counts: int) -> list[Checkpoint]:
    """A checkpoint after each of these numbers of entries."""
    made = []
    for count in counts:
        fill(count)
        made.append(checkpoints.make(at=PUBLISHED_AT))
    return made


def downloads(page: str) -> list[str]:
    return re.findall(r'href="(/donnees-ouvertes/registre/[^"]+)"', page)


# --- Checkpoints -----------------------------------------------------------------------------------------------------
def test_before_the_first_checkpoint_the_page_says_when(client, db):
    answer = client.get(PAGE)
    assert_whole(PAGE, answer)
    assert "Aucun relevé n’est encore signé" in text_of(answer) and not downloads(answer.content.decode())
    assert "au prochain relevé" not in text_of(client.get("/registre/"))  # nothing is there to be proved


def test_every_file_of_the_page_verifies(client, db):
    made = signed(2, 3, 4)
    answer = client.get(PAGE)
    assert_whole(PAGE, answer)
    page = answer.content.decode()
    found = downloads(page)
    assert len(found) == 1 + 3 + 2  # all in one, each, and two consistencies
    for path in found:
        blob = client.get(path).content
        what = "consistency" if "/coherence/" in path else "checkpoints"
        assert getattr(verify, f"verify_{what}")(blob, keys.key_id())
    shown = re.sub(r"\s", "", text_of(answer))
    for row in made:
        assert row.root in shown
    english = text_of(client.get("/en" + PAGE))
    assert keys.key_id() in english


def test_the_list_goes_on_by_size_and_costs_the_same(client, db, monkeypatch, django_assert_num_queries):
    (first,) = signed(1)
    with django_assert_num_queries(2):  # the page's rows, and the ledger's head
        client.get(f"{PAGE}?un")
    second, third = signed(1, 1)
    with django_assert_num_queries(2):
        client.get(f"{PAGE}?trois")
    monkeypatch.setattr(public_ledger_views, "CHECKPOINTS_PAGE", 2)
    page = client.get(f"{PAGE}?deux").content.decode()
    assert f"?avant={second.size}" in page and f"/releves/{first.size}.txt" not in page
    assert f"/coherence/{first.size}-{second.size}.json" in page  # even with one that the next page shows
    older = client.get(f"{PAGE}?avant={second.size}").content.decode()
    assert f"/releves/{first.size}.txt" in older and f"/releves/{third.size}.txt" not in older
    assert "Les plus récents" in older
    for strange in ("0", "x", "-1", "1" * 30, "\u0661", "1\x00"):
        assert client.get(PAGE, {"avant": strange}).status_code == 200


# --- Entries ---------------------------------------------------------------------------------------------------------
def test_each_entry_has_its_proof_once_a_checkpoint_covers_it(client, cast, django_assert_num_queries):
    cast.published()
    assert "au prochain relevé" in text_of(client.get("/registre/"))
    checkpoints.make(at=PUBLISHED_AT)
    cast.published(title="Une autre")
    with django_assert_num_queries(4):  # the head, the entries, the last checkpoint, the occasions that are public
        answer = client.get("/registre/?preuves")
    paths = [path for path in downloads(answer.content.decode()) if "/preuves/" in path]
    covered = LedgerEntry.objects.public().filter(seq__lte=Checkpoint.objects.get().size)
    assert len(paths) == covered.count() > 1 and "au prochain relevé" in text_of(answer)
    for path in paths:
        assert verify.verify_proof(client.get(path).content, keys.key_id())


def test_neither_page_tells_an_entrys_number(client, cast):
    """The size of a checkpoint is the only number that there is."""
    for _rank in range(7):
        cast.published(title=f"Occasion {_rank}")
    fill(60)
    entry = LedgerEntry.objects.get(action="opportunity.publish", seq__gt=20, seq__lt=30)
    ledger.erase(entry, by=None, at=PUBLISHED_AT, reason="Demande d’effacement")
    checkpoints.make(at=PUBLISHED_AT)
    pages = "".join(client.get(path).content.decode() for path in ("/registre/", PAGE))
    assert entry.hash[:32] in pages  # the erasure is public, by the hash of what was erased
    assert f"entry:{entry.seq}" not in pages
    sizes = {str(row.size) for row in Checkpoint.objects.all()}
    others = {str(seq) for seq in LedgerEntry.objects.filter(seq__gt=20).values_list("seq", flat=True)} - sizes
    bare = re.sub(r"<time.*?</time>|[0-9a-f]{16,}|#[\w-]+|&#\d+;|terms:\d+|\b2026\b|SHA-256", "", pages)
    cells = re.findall(r">([^<]*)<", bare)
    assert not others & {cell.strip() for cell in cells}


# --- A receipt -------------------------------------------------------------------------------------------------------
PROOF = "Télécharger la preuve d’inscription au registre (JSON)"
LATER = "le prochain relevé signé en donnera la preuve"


def test_a_receipt_gives_its_proof_to_the_vendors_people_only(client, cast):
    proposal = cast.submitted(cast.published())
    submission = proposal.submissions.get()
    path = f"/accuses/{submission.receipt_number}/"

    def seen(who, at=PUBLISHED_AT) -> tuple[bool, bool]:
        client.force_login(who)
        with clock.set_to(at):
            answer = client.get(path)
        assert_whole(path, answer)
        return PROOF in text_of(answer), LATER in text_of(answer)

    assert seen(cast.vendor_owner) == seen(cast.vendor_member) == (False, True)
    checkpoints.make(at=PUBLISHED_AT)
    assert seen(cast.vendor_owner) == (True, False)
    with clock.set_to(CLOSES_AT):
        assert seen(cast.vendor_owner, CLOSES_AT) == (True, False)
    for who in (cast.buyer, cast.officer, cast.auditor):  # they read the receipt once it is opened, not its proof
        assert seen(who, CLOSES_AT) == (False, False)


@pytest.mark.parametrize("who", ["rival_owner", "outsider", "administrator"])
def test_a_stranger_sees_neither_receipt_nor_proof(client, cast, who):
    submission = cast.submitted(cast.published()).submissions.get()
    checkpoints.make(at=PUBLISHED_AT)
    client.force_login(getattr(cast, who))
    for name in ("", "preuve.json"):
        with clock.set_to(PUBLISHED_AT):
            assert client.get(f"/accuses/{submission.receipt_number}/{name}").status_code == 404
