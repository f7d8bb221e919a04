"""Nobody reads a proposal before its opening, wherever they look; and an altered one is noticed, alone."""

import base64
import logging
import random
import zlib
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from marketplace.dates import clock
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from proposals.award import actions as award_actions
from proposals.deposit import actions as deposit_actions
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal, Proposal, SealedEnvelope
from proposals.opening import actions as opening_actions
from tests import leaks
from tests.cast import CLOSES_AT, PUBLISHED_AT, person, vendor

NEARLY = CLOSES_AT - timedelta(seconds=1)


class Secrets:
    """Ten marks a version: three in the text, two in the comments, two file names, two file contents, one price."""

    def __init__(self):
        chance = random.SystemRandom()
        self.texts = [f"zq{chance.randrange(16**12):012x}" for _ in range(9)]
        self.price = chance.randrange(40_000_00, 50_000_00) // 100 * 100 + chance.randrange(11, 99)

    @property
    def content(self) -> dict:
        text, comments = " puis ".join(self.texts[:3]), " et ".join(self.texts[3:5])
        return {"text": f"Démarche : {text}.", "comments": f"Références : {comments}.", "price_cents": self.price}

    def attach(self, proposal):
        for name, inside in (self.texts[5:7], self.texts[7:9]):
            upload = SimpleUploadedFile(f"{name}.txt", f"Contenu confidentiel {inside}".encode())
            draft_actions.add_file(proposal, upload, at=PUBLISHED_AT)

    def detach(self, proposal):
        for item in draft_actions.read(proposal)["files"]:
            draft_actions.remove_file(proposal, item["id"], at=PUBLISHED_AT)


LOGGERS = ("", "django", "django.db.backends", "celery")


@pytest.fixture
def logged(db, caplog):
    """Logs of everything at the lowest level, every query and its values included; nothing printed."""
    before = [(logging.getLogger(name), logging.getLogger(name).handlers[:]) for name in LOGGERS]
    for logger, _handlers in before:
        logger.handlers = [caplog.handler] if logger.name in ("root", "django") else []
        caplog.set_level(logging.DEBUG, logger=None if logger.name == "root" else logger.name)
    connection.force_debug_cursor = True
    yield caplog
    connection.force_debug_cursor = False
    for logger, handlers in before:
        logger.handlers = handlers


@pytest.fixture
def marked(cast, django_capture_on_commit_callbacks):
    """One occasion, four proposals (draft, deposited, replaced, withdrawn), 50 marks."""
    occasion = cast.published(mode="price")
    made, secrets = {}, {}
    with django_capture_on_commit_callbacks(execute=True):
        for stage in ("draft", "deposited", "replaced", "withdrawn"):
            owner = person(f"Personne {stage}")
            secrets[stage] = Secrets()
            made[stage] = cast.proposal(occasion, vendor=vendor(f"Firme {stage}", owner), **secrets[stage].content)
            secrets[stage].attach(made[stage])
            if stage != "draft":
                cast.deposit(made[stage])
        secrets["replacing"] = Secrets()
        secrets["replaced"].detach(made["replaced"])
        draft_actions.write(made["replaced"], at=PUBLISHED_AT, **secrets["replacing"].content)
        secrets["replacing"].attach(made["replaced"])
        cast.deposit(made["replaced"])
        with clock.set_to(PUBLISHED_AT):
            deposit_actions.withdraw(made["withdrawn"], by=made["withdrawn"].created_by)
    return occasion, made, secrets


def marks_of(secrets, *stages) -> leaks.Marks:
    chosen = [secrets[stage] for stage in stages or secrets]
    return leaks.Marks([text for s in chosen for text in s.texts], [s.price for s in chosen])


def everything_kept(logged, settings) -> list[bytes]:
    kept = leaks.database() + leaks.files(settings.MEDIA_ROOT) + leaks.memory() + leaks.mails()
    return [*kept, logged.text.encode()]


def test_nothing_kept_shows_a_mark_before_the_opening(logged, marked, settings):
    occasion, made, secrets = marked
    marks = marks_of(secrets)
    assert len(marks.patterns) == 50
    with clock.set_to(NEARLY):
        assert opening_actions.open_due() == 0
        client = Client(raise_request_exception=False)
        client.get(occasion.get_absolute_url())
        kept = everything_kept(logged, settings)
    assert len(logged.text) > 10_000 and sum(map(len, kept)) > 50_000
    assert len(leaks.files(settings.MEDIA_ROOT)) > 10 and leaks.mails()
    assert not marks.found_in(*kept)


def test_the_search_would_find_a_mark(logged, marked, settings):
    """Each place is planted in turn: a check that cannot fail proves nothing."""
    occasion, made, secrets = marked
    mark, price = secrets["draft"].texts[0], secrets["draft"].price
    marks = marks_of(secrets)
    shapes = [mark.encode(), mark.encode("utf-16-le"), mark.encode().hex().encode(), zlib.compress(mark.encode())]
    shapes += [base64.b64encode(b"x" * shift + mark.encode() + b"yy") for shift in range(3)]
    for blob in shapes:
        Proposal.objects.filter(pk=made["draft"].pk).update(draft=blob)
        assert marks.found_in(*leaks.database()) == {mark}, blob
    Proposal.objects.filter(pk=made["draft"].pk).update(draft=b"")
    made["draft"].vendor.__class__.objects.filter(pk=made["draft"].vendor_id).update(city=f"{price / 100:.2f}")
    assert marks.found_in(*leaks.database()) == {price}
    (settings.MEDIA_ROOT / "planted").write_bytes(mark.encode())
    assert marks.found_in(*leaks.files(settings.MEDIA_ROOT)) == {mark}
    cache.set("planted", mark)
    assert marks.found_in(*leaks.memory()) == {mark}
    logged.clear()
    logging.getLogger("django.request").debug("planted %s", mark)
    assert marks.found_in(logged.text.encode()) == {mark}
    assert marks.found_in(f"{price // 100000} {price // 100 % 1000:03d},{price % 100:02d} $".encode()) == {price}


def test_only_what_counts_is_read_at_the_opening(marked, settings):
    """Drafts, withdrawn proposals and replaced versions stay unread for ever."""
    occasion, made, secrets = marked
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
    read = {o.proposal_id: o for o in OpenedProposal.objects.all()}
    assert set(read) == {made["deposited"].pk, made["replaced"].pk}
    for stage, secret in (("deposited", secrets["deposited"]), ("replaced", secrets["replacing"])):
        opened = read[made[stage].pk]
        assert opened.readable and opened.price_cents == secret.price
        assert opened.content["text"] == secret.content["text"]
        names = [item["name"] for item in opened.content["files"]]
        assert names == [f"{secret.texts[5]}.txt", f"{secret.texts[7]}.txt"]
        for item, inside in zip(opened.content["files"], (secret.texts[6], secret.texts[8]), strict=True):
            described, blob = opening_actions.read_file(opened, item["id"])
            assert described == item and blob == f"Contenu confidentiel {inside}".encode()
    kept = leaks.database() + leaks.files(settings.MEDIA_ROOT) + leaks.memory() + leaks.mails()
    assert not marks_of(secrets, "draft", "replaced", "withdrawn").found_in(*kept)
    # Files stay encrypted on the disk, opened or not.
    assert not marks_of(secrets).found_in(*leaks.files(settings.MEDIA_ROOT))


WATCHERS = ["buyer", "officer", "auditor", "administrator", "rival_owner", "outside_officer"]


def doors(occasion, proposal, submission=None) -> list[str]:
    """Addresses that somebody could type, links or not."""
    number, pid = occasion.number, proposal.public_id
    found = [reverse("proposals:" + name, args=[number]) for name in ("minutes", "award", "evaluation", "recommend")]
    found += [reverse("proposals:" + name, args=[pid]) for name in ("detail", "edit", "submit", "withdraw")]
    found += [reverse("proposals:examine", args=[number, pid]), reverse("ledger"), reverse("dashboard")]
    for item in draft_actions.read(proposal).get("files", []):
        found.append(reverse("proposals:file", args=[pid, item["id"]]))
    if submission:
        found += [reverse("proposals:" + n, args=[submission.receipt_number]) for n in ("receipt", "receipt_json")]
        found.append(reverse("proposals:envelope", args=[submission.receipt_number]))
    return found


def addresses(occasion, made):
    found = ["/", "/occasions/", occasion.get_absolute_url(), "/api/workflow", "/propositions/", "/prestataires/"]
    for proposal in made.values():
        found += doors(occasion, proposal, proposal.submissions.last())
    return found


@pytest.mark.parametrize("who", [None, *WATCHERS])
def test_no_page_shows_a_mark_before_the_opening(cast, marked, who):
    occasion, made, secrets = marked
    client = Client(raise_request_exception=False)
    if who:
        client.force_login(getattr(cast, who))
    with clock.set_to(NEARLY):
        pages = leaks.walk(client, addresses(occasion, made))
    assert len(pages) > 20
    assert not marks_of(secrets).found_in(*pages.values())
    # Not even that a proposal exists: its addresses answer as if there were none, and nobody is told its firm's name.
    for proposal in made.values():
        assert f"Firme {proposal.vendor}".encode() not in b"".join(pages.values())
        if who:
            assert client.get(proposal.get_absolute_url()).status_code == 404


@pytest.mark.any_database
def test_the_administration_shows_no_mark(cast, marked):
    """Every list and every form of the Django administration, before the opening and after it."""
    occasion, made, secrets = marked
    client = Client(raise_request_exception=False)
    client.force_login(cast.administrator)
    for instant in (NEARLY, CLOSES_AT):
        with clock.set_to(instant):
            opening_actions.open_due()
            pages = leaks.walk(client, ["/pilotage/"], within="/pilotage/")
        assert not marks_of(secrets).found_in(*pages.values())
        assert any("/change/" in address for address in pages)
        firms = b"".join(pages.values()) if instant == NEARLY else b""
        for proposal in made.values():
            assert str(proposal.public_id).encode() not in firms


def test_other_vendors_do_not_see_each_other(marked):
    """Before and after the opening, a vendor's pages hold its own marks and nobody else's."""
    occasion, made, secrets = marked
    client = Client(raise_request_exception=False)
    client.force_login(made["deposited"].created_by)
    others = marks_of(secrets, "draft", "replaced", "replacing", "withdrawn")
    for instant in (NEARLY, CLOSES_AT):
        with clock.set_to(instant):
            pages = leaks.walk(client, addresses(occasion, made))
        texts = leaks.Marks(
            [text for s in ("draft", "replaced", "withdrawn", "replacing") for text in secrets[s].texts]
        )
        assert not (others if instant == NEARLY else texts).found_in(*pages.values())
    own = [pages[address] for address in pages if str(made["deposited"].public_id) in address]
    assert set(secrets["deposited"].texts[:3]) <= leaks.Marks(secrets["deposited"].texts).found_in(*own)


def test_the_buyer_reads_it_after_the_opening(cast, marked):
    occasion, made, secrets = marked
    client = Client(raise_request_exception=False)
    client.force_login(cast.buyer)
    with clock.set_to(CLOSES_AT):
        page = client.get(reverse("proposals:examine", args=[occasion.number, made["deposited"].public_id]))
    assert page.status_code == 200
    assert set(secrets["deposited"].texts[:3]) <= leaks.Marks(secrets["deposited"].texts).found_in(page.content)


def test_the_ledger_hides_who_and_what_before_the_opening(cast, marked):
    """Acts on unopened proposals: no actor, no subject, no action; their author reads them beside the chain."""
    occasion, made, _secrets = marked
    hidden = LedgerPayload.objects.filter(action__startswith="proposal.")
    assert set(hidden.values_list("entry__action", "entry__actor", "entry__subject")) == {("sealed",) * 3}
    assert hidden.count() == 5  # four dépôts and a withdrawal
    about = {f"proposal:{proposal.public_id}" for proposal in made.values()}
    assert not LedgerEntry.objects.filter(subject__in=about).exists()


def test_messages_before_the_opening_are_for_the_vendor_alone(cast, marked):
    told = OutgoingEmail.objects.filter(template__contains="proposal_")
    firms = {proposal.created_by_id for proposal in marked[1].values()}
    assert set(told.values_list("to", flat=True)) <= firms
    assert set(told.values_list("confidential", flat=True)) == {True}


def test_a_cancelled_occasion_stays_sealed(logged, cast, marked, settings):
    occasion, made, secrets = marked
    with clock.set_to(PUBLISHED_AT):
        award_actions.cancel(occasion, by=cast.officer, reason="Besoin retiré")
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_due() == 0
        for who in (cast.buyer, cast.officer, cast.auditor, cast.administrator):
            assert not Proposal.objects.visible_to(who, at=CLOSES_AT).exists()
    assert not marks_of(secrets).found_in(*everything_kept(logged, settings))


def test_a_withdrawal_destroys_the_sealed_content(cast, settings, django_capture_on_commit_callbacks):
    secret = Secrets()
    made = cast.proposal(cast.published(mode="price"), **secret.content)
    secret.attach(made)
    first, second = cast.deposit(made), cast.deposit(made)
    assert len(list((settings.MEDIA_ROOT / "sealed").iterdir())) == 4
    with django_capture_on_commit_callbacks(execute=True), clock.set_to(PUBLISHED_AT):
        deposit_actions.withdraw(made, by=cast.vendor_owner)
    assert not SealedEnvelope.objects.exists()
    assert not list((settings.MEDIA_ROOT / "sealed").iterdir())
    assert [s.envelope_sha256 for s in made.submissions.order_by("version")] == [
        first.envelope_sha256, second.envelope_sha256,
    ]  # fmt: skip
    assert draft_actions.read(made)["text"] == secret.content["text"]  # its author keeps the draft
