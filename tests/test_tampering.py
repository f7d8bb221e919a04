"""An altered proposal is noticed, alone; what cannot be opened is never receipted; the seal itself, by properties."""

import hashlib
import json
import uuid

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace import keys
from marketplace.boxes import CannotOpen
from marketplace.dates import clock
from marketplace.ledger.entries import canonical
from marketplace.models import LedgerEntry, LedgerPayload, OutgoingEmail
from opportunities.models import Opportunity
from proposals.deposit import actions as deposit_actions
from proposals.deposit import sealing
from proposals.drafts import actions as draft_actions
from proposals.models import OpenedProposal, Opening, Proposal, SealedEnvelope, SealedFile, SealKey
from proposals.opening import actions as opening_actions
from tests import leaks
from tests.cast import CLOSES_AT
from tests.test_sealing import Secrets


def envelope_of(proposal):
    return SealedEnvelope.objects.get(submission__proposal=proposal)


def flip(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


def alter_byte(pair, media):
    box = envelope_of(pair[0])
    SealedEnvelope.objects.filter(pk=box.pk).update(content=flip(bytes(box.content), len(box.content) // 2))
    return {pair[0]}


def swap(pair, media):
    one, other = (envelope_of(proposal) for proposal in pair)
    SealedEnvelope.objects.filter(pk=one.pk).update(content=other.content)
    SealedEnvelope.objects.filter(pk=other.pk).update(content=one.content)
    return set(pair)


def copy_the_rival(pair, media):
    other = envelope_of(pair[1])
    SealedEnvelope.objects.filter(submission__proposal=pair[0]).update(content=other.content)
    return {pair[0]}


def lose_envelope(pair, media):
    envelope_of(pair[0]).delete()
    return {pair[0]}


def empty_envelope(pair, media):
    SealedEnvelope.objects.filter(submission__proposal=pair[0]).update(content=b"")
    return {pair[0]}


def _sealed_file(proposal, media):
    item = draft_actions.read(proposal)["files"][0]
    return media / SealedFile.objects.get(submission__proposal=proposal, file_id=item["id"]).file.name


def alter_file(pair, media):
    path = _sealed_file(pair[0], media)
    path.write_bytes(flip(path.read_bytes(), 20))
    return {pair[0]}


def swap_files(pair, media):
    _sealed_file(pair[0], media).write_bytes(_sealed_file(pair[1], media).read_bytes())
    return {pair[0]}


@pytest.mark.parametrize(
    "tamper",
    [alter_byte, swap, copy_the_rival, lose_envelope, empty_envelope, alter_file, swap_files],
    ids=lambda f: f.__name__,
)
def test_an_altered_proposal_is_reported_and_the_others_open(cast, settings, tamper):
    occasion = cast.published(mode="price")
    pair = []
    for firm in (cast.vendor, cast.rival):
        secret = Secrets()
        pair.append(cast.proposal(occasion, vendor=firm, **secret.content))
        secret.attach(pair[-1])
        cast.deposit(pair[-1])
    altered = tamper(pair, settings.MEDIA_ROOT)
    with clock.set_to(CLOSES_AT):
        assert opening_actions.open_if_due(occasion.number)
    for proposal in pair:
        opened = OpenedProposal.objects.get(proposal=proposal)
        assert opened.readable == (proposal not in altered)
        assert bool(opened.content) == opened.readable and bool(opened.price_cents) == opened.readable
        assert Proposal.objects.get(pk=proposal.pk).state == "opened"
        assert OutgoingEmail.objects.filter(to=proposal.created_by, template__contains="opened").count() == 1
    minutes = LedgerPayload.objects.get(action="opening.minutes").body
    assert minutes["received"] == 2
    digests = sorted(p.submissions.get().envelope_sha256 for p in altered)
    assert minutes["unreadable"] == digests
    with clock.set_to(CLOSES_AT):
        for proposal in altered:  # it can only be rejected
            with pytest.raises(ValidationError, match="intégrité"):
                Proposal.objects.get(pk=proposal.pk).admit(by=cast.buyer)


def test_an_outage_of_the_storage_holds_the_opening_back(cast, settings, client, caplog):
    """A file that is not there may come back: nothing is declared altered until an operator says that it is lost."""
    occasion = cast.published(mode="price")
    secret = Secrets()
    made = cast.proposal(occasion, **secret.content)
    secret.attach(made)
    cast.deposit(made)
    (settings.MEDIA_ROOT / "sealed").rename(settings.MEDIA_ROOT / "away")
    with clock.set_to(CLOSES_AT):
        assert client.get(occasion.get_absolute_url()).status_code == 200
        assert "FilesUnavailable" in caplog.text
        assert Opportunity.objects.get().state == "published" and not Opening.objects.exists()
        with pytest.raises(CommandError, match="fichiers-perdus"):
            call_command("open_occasion", occasion.number)
        (settings.MEDIA_ROOT / "away").rename(settings.MEDIA_ROOT / "sealed")
        cache.clear()
        client.get(occasion.get_absolute_url())
    assert OpenedProposal.objects.get().readable


def test_a_file_lost_for_good_is_declared(cast, settings):
    occasion = cast.published(mode="price")
    made = cast.proposal(occasion)
    Secrets().attach(made)
    cast.deposit(made)
    _sealed_file(made, settings.MEDIA_ROOT).unlink()
    with clock.set_to(CLOSES_AT):
        call_command("open_occasion", occasion.number, "--fichiers-perdus")
    assert not OpenedProposal.objects.get().readable


def test_a_failed_replacement_leaves_the_previous_one(cast, settings, monkeypatch):
    """What cannot be proved openable is refused, and nothing of it stays."""
    occasion = cast.published(mode="price")
    secret = Secrets()
    made = cast.proposal(occasion, **secret.content)
    secret.attach(made)
    first = cast.deposit(made)
    kept = sorted(path.name for path in (settings.MEDIA_ROOT / "sealed").iterdir())
    ledger = LedgerEntry.objects.count()
    monkeypatch.setattr(sealing, "unseal", lambda *args, **named: ({}, b"\0" * 32))
    with pytest.raises(CannotOpen):
        cast.deposit(made)
    monkeypatch.undo()
    monkeypatch.setattr(deposit_actions.proposal_emails, "submitted", lambda *args, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cast.deposit(made)
    assert made.submissions.get() == first
    assert sorted(path.name for path in (settings.MEDIA_ROOT / "sealed").iterdir()) == kept
    assert LedgerEntry.objects.count() == ledger
    with clock.set_to(CLOSES_AT):
        opening_actions.open_if_due(occasion.number)
    assert OpenedProposal.objects.get().readable


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", " \n\t ", "Écrivez votre proposition"),
        ("text", "x" * 10_001, "10 000"),
        ("text", "a\x00b", "interdit"),
        ("comments", "x" * 10_001, "10 000"),
        ("price_cents", None, "prix"),
        ("price_cents", 0, "prix"),
        ("price_cents", -1, "prix"),
        ("price_cents", 64_000_01, "dépasse"),
    ],
)
def test_an_incomplete_proposal_is_not_deposited(cast, field, value, message):
    made = cast.proposal(cast.published(mode="price"), **{field: value})
    with pytest.raises(ValidationError, match=message):
        cast.deposit(made)
    assert not made.submissions.exists()


def test_limits_themselves_are_accepted(cast):
    made = cast.proposal(
        cast.published(mode="price"), text="é" * 10_000, comments="ç" * 10_000, price_cents=64_000_00
    )  # fmt: skip
    assert cast.deposit(made).version == 1


# --- The seal itself -------------------------------------------------------------------------------------------------
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ABOUT, OCCASION = "DAN-2026-0001/7b0c/1", "DAN-2026-0001"
PUBLIC_KEY, WRAPPED = None, None


def pair():
    global PUBLIC_KEY, WRAPPED
    if PUBLIC_KEY is None:
        PUBLIC_KEY, WRAPPED = sealing.new_pair(OCCASION)
    return PUBLIC_KEY, WRAPPED


@settings(max_examples=60, deadline=None)
@given(
    content=st.dictionaries(st.text(max_size=12), json_values, max_size=5),
    blobs=st.dictionaries(st.uuids().map(str), st.binary(max_size=200), max_size=3),
)
def test_unseal_gives_back_what_was_sealed(content, blobs):
    public, wrapped = pair()
    sealed = sealing.seal(content, blobs, public_key=public, about=ABOUT)
    named = {"digest": sealed.digest, "wrapped_private": wrapped, "occasion": OCCASION, "about": ABOUT}
    read, data_key = sealing.unseal(sealed.envelope, **named)
    assert read == content
    assert sorted(json.loads(sealed.envelope)["files"]) == sorted(blobs)
    for name, box in sealed.files.items():
        opened = sealing.open_file(box, data_key=data_key, envelope=sealed.envelope, about=ABOUT, name=name)
        assert opened == blobs[name]
    again = sealing.seal(content, blobs, public_key=public, about=ABOUT)
    assert again.envelope != sealed.envelope  # nobody can tell two equal proposals


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_single_bit_makes_it_unreadable(data):
    public, wrapped = pair()
    content = {"text": "Nous ferons le travail."}
    sealed = sealing.seal(content, {"f": b"fichier"}, public_key=public, about=ABOUT)
    bit = data.draw(st.integers(0, len(sealed.envelope) * 8 - 1))
    other = bytearray(sealed.envelope)
    other[bit // 8] ^= 1 << bit % 8
    named = {"wrapped_private": wrapped, "occasion": OCCASION, "about": ABOUT}
    with pytest.raises(CannotOpen):
        sealing.unseal(bytes(other), digest=sealed.digest, **named)
    # Somebody who could also change the digest still cannot change what is read.
    try:
        read, data_key = sealing.unseal(bytes(other), digest=hashlib.sha256(other).hexdigest(), **named)
    except CannotOpen:
        return
    assert read == content


@pytest.mark.parametrize(
    "altered", [{"about": ABOUT + "0"}, {"occasion": "DAN-2026-0002"}, {"wrapped_private": b"x" * 60}]
)
def test_a_seal_is_bound_to_its_proposal_and_its_occasion(altered):
    public, wrapped = pair()
    sealed = sealing.seal({"a": 1}, {}, public_key=public, about=ABOUT)
    named = {"digest": sealed.digest, "wrapped_private": wrapped, "occasion": OCCASION, "about": ABOUT} | altered
    with pytest.raises(CannotOpen):
        sealing.unseal(sealed.envelope, **named)


@pytest.mark.parametrize("junk", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b'{"format":"dan-envelope/1"}', b'"x"'])
def test_junk_is_not_an_envelope(junk):
    _public, wrapped = pair()
    named = {"wrapped_private": wrapped, "occasion": OCCASION, "about": ABOUT}
    with pytest.raises(CannotOpen):
        sealing.unseal(junk, digest=hashlib.sha256(junk).hexdigest(), **named)


def test_a_draft_is_bound_to_its_proposal():
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    box = sealing.seal_draft({"text": "secret"}, about=one)
    assert sealing.open_draft(box, about=one) == {"text": "secret"}
    with pytest.raises(CannotOpen):
        sealing.open_draft(box, about=other)


def test_the_key_that_opens_is_not_in_the_database(cast):
    cast.submitted(cast.published())
    key = SealKey.objects.get()
    assert len(bytes(key.wrapped_private_key)) > 32
    assert not any(keys._master() in blob or keys._master().hex().encode() in blob for blob in leaks.database())


# --- What an envelope says of itself ---------------------------------------------------------------------------------
@pytest.mark.parametrize("label", [{"format": "dan-envelope/0"}, {"about": "DAN-2026-0001/autre/1"}], ids=str)
def test_an_envelope_under_another_label_does_not_open(label):
    """Its boxes are untouched, and its digest is the one of what is there: the label alone is wrong."""
    about = "DAN-2026-0001/une/1"
    public_key, wrapped = sealing.new_pair("DAN-2026-0001")
    sealed = sealing.seal({"text": "Démarche"}, {}, public_key=public_key, about=about)
    opening = {"wrapped_private": wrapped, "occasion": "DAN-2026-0001", "about": about}
    assert sealing.unseal(sealed.envelope, digest=sealed.digest, **opening)[0] == {"text": "Démarche"}
    altered = canonical(json.loads(sealed.envelope) | label)
    with pytest.raises(CannotOpen):
        sealing.unseal(altered, digest=hashlib.sha256(altered).hexdigest(), **opening)
