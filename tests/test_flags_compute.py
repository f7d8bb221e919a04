"""From the database to the table of signals: what is read, in how many queries, and what a night changes."""

import hashlib
import io
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.flags import compute, documents, loader
from audit.flags import tasks as flag_tasks
from audit.models import FlagPeers, RedFlag
from contracts.models import PayoutAccount
from contracts.payments import actions as payment_actions
from marketplace.dates import clock
from marketplace.files import store
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.models import Attachment, Opportunity
from proposals.drafts import actions as draft_actions
from proposals.opening import actions as opening_actions
from tests import contract_cast
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.unguarded import unguarded

AT = CLOSES_AT + timedelta(days=60)
pytestmark = pytest.mark.django_db


def world(at=AT, **more):
    return loader.load(at, **more)


def only(made):
    (row,) = made.procurements
    return row


def docx(author="Jeanne Tremblay", name="offre.docx", by="user") -> SimpleUploadedFile:
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "docProps/core.xml",
            f"<cp:coreProperties><dc:creator>{author}</dc:creator><cp:lastModifiedBy>{by}</cp:lastModifiedBy>"
            "</cp:coreProperties>",
        )
    return SimpleUploadedFile(name, blob.getvalue())


# --- Loading ---------------------------------------------------------------------------------------------------------
def test_an_awarded_occasion(cast, settings):
    occasion, proposals = cast.awarded(mode="price", prices=(60_000_00, 55_000_00))
    made = world()
    row = only(made)
    assert (row.number, row.body, row.mode) == (occasion.number, cast.body.pk, "price")
    assert (row.budget_cents, row.ceiling_cents, row.amount_cents) == (64_000_00, 90_000_00, 55_000_00)
    assert (row.published_at, row.closes_at, row.skills) == (PUBLISHED_AT, CLOSES_AT, {"python"})
    assert [(p.vendor, p.price_cents, p.admitted) for p in row.proposals] == [
        (cast.vendor.pk, 60_000_00, True), (cast.rival.pk, 55_000_00, True)
    ]  # fmt: skip
    assert row.proposals[0].text == "Nous ferons le travail." and row.award.vendor == cast.rival.pk
    assert made.vendors[cast.vendor.pk].people == {cast.vendor_owner.pk, cast.vendor_member.pk}
    assert made.name(cast.rival.pk) == cast.rival.legal_name


def test_a_price_that_the_body_set_is_no_price(cast):
    cast.awarded(mode="quality_fixed")
    assert {p.price_cents for p in only(world()).proposals} == {None}


def test_a_contract_with_its_invoice(cast):
    contract = contract_cast.active(cast)
    invoice = contract_cast.invoiced(cast, contract)
    made = only(world()).contract
    assert made.amount_cents == contract.amount_cents and made.amendments == ()
    (bill,) = made.invoices
    assert bill.owed_from == max(invoice.accepted_on, contract_cast.INVOICED_AT.date()) and bill.paid_on is None
    flags = {f.code for f in compute.found(world(), contract_cast.INVOICED_AT + timedelta(days=40))}
    assert "SLOWPAY" in flags


def test_a_payment_outside_counts_from_the_day_it_was_made(cast):
    """Not from the day on which the vendor confirmed it."""
    invoice = contract_cast.invoiced(cast, contract_cast.active(cast))
    day = (contract_cast.INVOICED_AT + timedelta(days=5)).date()
    with clock.set_to(contract_cast.INVOICED_AT + timedelta(days=6)):
        payment = payment_actions.declare_outside(invoice, by=cast.officer, reference="VIR-1", paid_on=day)
    assert only(world()).contract.invoices[0].paid_on is None
    with clock.set_to(contract_cast.INVOICED_AT + timedelta(days=45)):
        payment_actions.confirm(payment, by=cast.vendor_owner)
    assert only(world()).contract.invoices[0].paid_on == day


def test_vendors_are_compared_by_what_they_are(cast):
    rows = {cast.vendor: ("418 555-0142", "a@atelier.quebec"), cast.rival: ("+1 (418) 555-0142 poste 3", "b@gmail.com")}
    for number, (vendor, (phone, email)) in enumerate(rows.items()):
        vendor.phone, vendor.email = phone, email
        vendor.save()
        PayoutAccount.objects.create(vendor=vendor, account_id=f"acct_{number}", created_at=AT, refreshed_at=AT)
    cast.opened()
    one, other = world().vendors.values()
    assert one.phone == other.phone == "4185550142" and one.address == other.address
    assert (one.domain, other.domain) == ("atelier.quebec", "")
    assert one.account != other.account and "acct" not in one.account


def test_a_bounded_number_of_queries(cast):
    cast.awarded()
    contract_cast.active(cast)
    world()
    with CaptureQueriesContext(
        connection,
    ) as first:
        world()
    for _ in range(2):
        cast.awarded()
        contract_cast.active(cast)
    with CaptureQueriesContext(connection) as second:
        made = world()
    assert len(made.procurements) == 6
    assert len(second) == len(first) <= 15


# --- Nothing of what is sealed ---------------------------------------------------------------------------------------
def test_an_unopened_proposal_changes_nothing(cast):
    cast.awarded()
    occasion = cast.published()
    before, at = world(), CLOSES_AT - timedelta(hours=1)
    flags = compute.found(before, at)
    for vendor in (cast.vendor, cast.rival):
        cast.submitted(occasion, vendor=vendor, price_cents=1_00)
    after = world()
    assert after == before and compute.found(after, at) == flags
    assert next(row for row in after.procurements if row.number == occasion.number).proposals is None


def test_a_closed_occasion_that_nobody_opened_yet_says_nothing(cast):
    cast.submitted(cast.published())
    assert only(world()).proposals is None
    assert not [f for f in compute.found(world(), AT) if f.code == "R018"]


def test_a_draft_is_nobody_elses(cast):
    cast.draft()
    cast.in_review()
    assert world().procurements == ()


def test_before_the_publication_its_own_body_is_told(cast):
    cast.awarded(prices=(60_000_00, 60_000_00))
    draft = cast.in_review(at=CLOSES_AT, closes_at=CLOSES_AT + timedelta(days=21))
    told = {row.code: row for row in compute.before_publication(draft, CLOSES_AT)}
    assert set(told) == {"SPLIT"} and told["SPLIT"].details["total_cents"] == 64_000_00 * 2
    assert not RedFlag.objects.exists()


# --- Documents -------------------------------------------------------------------------------------------------------
def pdf(*parts: bytes) -> bytes:
    return b"%PDF-1.7\n" + b"\n".join(parts) + b"\n%%EOF"


SAME = [
    docx().read(),
    docx(author="Maison", by="Jeanne Tremblay").read(),
    pdf(b"<< /Author (Jeanne Tremblay) /Producer (LibreOffice) >>"),
    pdf(b"<< /Author <FEFF" + "Jeanne Tremblay".encode("utf-16-be").hex().encode() + b"> >>"),
    pdf(b"<< /Author (\\112eanne Tremblay) >>"),
    pdf(b"<dc:creator><rdf:Seq><rdf:li>JEANNE TREMBLAY</rdf:li></rdf:Seq></dc:creator>"),
]


@pytest.mark.parametrize("blob", SAME)
def test_an_author_is_known_wherever_it_is_written(blob):
    assert documents.marks(SAME[0]) & documents.marks(blob)
    assert "tremblay" not in str(documents.marks(blob)).lower()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"PK\x03\x04 not a zip",
        b"%PDF",
        pdf(b"<< /Author (User) /Producer (Microsoft Word) >>"),
        pdf(b"/Author (unfinished"),
        pdf(b"/Author <ZZ>"),
        pdf(b"/Author <FEF>"),
        docx(author="Microsoft Office User").read(),
        docx(author="").read(),
        b"\x89PNG\r\n\x1a\n /Author (Jeanne Tremblay)",
    ],
)
def test_what_says_nothing(blob):
    assert documents.marks(blob) == frozenset()


def test_a_part_that_expands_without_end_is_cut(monkeypatch):
    blob = io.BytesIO()
    with zipfile.ZipFile(blob, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("docProps/core.xml", b" " * 50_000_000 + b"<dc:creator>Jeanne Tremblay</dc:creator>")
    assert documents.marks(blob.getvalue()) == frozenset()


def bids_with(cast, *files):
    """An opened occasion where each of two vendors joined a file."""
    occasion = cast.published()
    for vendor, file in zip((cast.vendor, cast.rival), files, strict=True):
        proposal = cast.proposal(occasion, vendor=vendor)
        draft_actions.add_file(proposal, file, at=PUBLISHED_AT)
        cast.deposit(proposal)
    return occasion


def open_(occasion):
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)


def clues(at=AT) -> set[str]:
    flags = [flag for flag in compute.found(world(), at) if flag.code == "AFFIL"]
    return {clue for flag in flags for told in flag.details["pairs"] for clue in told["clues"]}


def test_two_answers_written_on_one_computer(cast):
    open_(bids_with(cast, docx(), docx(by="Autre Personne")))
    assert "documents" in clues()
    with CaptureQueriesContext(connection) as again:
        world()
    assert not [q for q in again if "sealedenvelope" in q["sql"]]  # read once, then remembered


def test_the_bodys_own_form_is_no_clue(cast):
    occasion = bids_with(cast, docx(), docx())
    form = docx()
    content = form.read()
    with unguarded():
        Attachment.objects.create(
            opportunity=occasion, name=form.name, content_type="x", size=form.size,
            sha256=hashlib.sha256(content).hexdigest(), file=store.keep("occasions", content), added_by=cast.buyer,
            at=PUBLISHED_AT,
        )  # fmt: skip
    open_(occasion)
    assert "documents" not in clues()


def test_a_file_that_is_lost_stops_nothing(cast, settings, monkeypatch):
    open_(bids_with(cast, docx(), docx()))

    def lost(*args):
        raise FileNotFoundError

    monkeypatch.setattr(opening_actions, "read_file", lost)
    assert "documents" not in clues() and "address" in clues()


# --- The table -------------------------------------------------------------------------------------------------------
def refreshed(at=AT) -> dict:
    return compute.refresh(at)


def test_a_night(cast):
    occasion, _proposals = cast.opened(proposals=1)
    counts = refreshed()
    flag = RedFlag.objects.get(code="R018")
    assert counts["new"] == RedFlag.objects.count() == counts["found"] and counts["ceased"] == counts["back"] == 0
    assert (flag.opportunity_id, flag.vendor, flag.state, flag.first_at) == (occasion.pk, None, "new", AT)
    entry = LedgerEntry.objects.get(action="flags.compute")
    body = LedgerPayload.objects.get(entry=entry).body
    assert set(body) == {"action", "actor", "subject", "found", "new", "back", "ceased"}


@pytest.mark.parametrize("mode", ["price", "quality_min_price", "adjusted_price"])
def test_no_signal_tells_a_price_that_waits_for_scores(cast, mode):
    """Equal prices show once the evaluators may read prices, not before."""
    occasion, proposals = cast.opened(mode=mode, prices=(55_000_00, 55_000_00))
    refreshed()
    assert RedFlag.objects.filter(code="R028").exists() == (mode == "price")
    for proposal in proposals:
        cast.admit(proposal)
        cast.score(proposal)
    refreshed()
    assert RedFlag.objects.filter(code="R028").exists() == (mode == "price")
    cast.unveil(Opportunity.objects.get(pk=occasion.pk))
    refreshed()
    assert RedFlag.objects.filter(code="R028").exists()


def test_the_next_night_changes_only_the_instant(cast):
    cast.opened(proposals=1)
    refreshed()
    before = list(RedFlag.objects.order_by("pk").values())
    counts = refreshed(AT + timedelta(days=1))
    assert counts["new"] == counts["back"] == counts["ceased"] == 0
    after = list(RedFlag.objects.order_by("pk").values())
    for one, other in zip(before, after, strict=True):
        assert other.pop("last_at") == AT + timedelta(days=1) and one.pop("last_at") == AT
        assert one == other


def test_a_flag_ceases_and_comes_back_as_it_was(cast, monkeypatch):
    occasion, _proposals = cast.opened(proposals=1)
    refreshed()
    flag = RedFlag.objects.get(code="R018")
    flag.explain(by=cast.officer, reason="Le seul spécialiste de la région.")
    with monkeypatch.context() as patch:
        patch.setattr(compute, "flagged", lambda measured: [])
        assert refreshed(AT + timedelta(days=1))["ceased"] == RedFlag.objects.count()
    flag = RedFlag.objects.get(pk=flag.pk)
    assert flag.ceased_at == AT + timedelta(days=1) and flag.state == "explained"
    assert not RedFlag.objects.standing().exists()
    assert refreshed(AT + timedelta(days=2))["back"] == RedFlag.objects.count()
    flag = RedFlag.objects.get(pk=flag.pk)
    assert flag.ceased_at is None and flag.state == "explained" and flag.reason.startswith("Le seul")


def test_writing_down_takes_a_bounded_number_of_queries(cast):
    for _ in range(2):
        cast.opened(proposals=1)
        refreshed()
    with CaptureQueriesContext(connection) as first:
        refreshed()
    for _ in range(2):
        cast.opened(proposals=1)
    refreshed()
    with CaptureQueriesContext(connection) as second:
        refreshed()
    assert len(first) == len(second)


def test_peers(cast):
    cast.opened(proposals=1)
    cast.opened(proposals=2)
    refreshed()
    row = FlagPeers.objects.get(code="R018")
    assert (row.count, row.quartiles, row.at) == (2, (1, Decimal("1.5"), 2), AT)
    assert not FlagPeers.objects.filter(code="AMEND").exists()
    cast.opened(proposals=2)
    refreshed()
    assert FlagPeers.objects.get(code="R018").count == 3


def test_the_task_and_the_command(cast, capsys):
    cast.opened(proposals=1)
    with clock.set_to(AT):
        call_command("compute_flags", "--report")
        assert not RedFlag.objects.exists()
        flag_tasks.compute_flags()
        count = RedFlag.objects.count()
        call_command("compute_flags")
    said = capsys.readouterr().out
    assert "| R018 | Une seule proposition | 1 | 1 |" in said
    assert count and f"{count} signaux : 0 nouveaux, 0 revenus, 0 qui ont cessé." in said.replace("\u00a0", " ")
