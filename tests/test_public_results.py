"""The public's pages about results: minutes of openings, awards, the ledger."""

import hashlib
import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils.html import escape

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.ledger import labels as ledger_labels
from marketplace.ledger import verifier
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import draw
from proposals.models import OpenedProposal, SealedEnvelope
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import address, signed_in, text_of, words

AFTER = CLOSES_AT + timedelta(days=5)


# --- The minutes -----------------------------------------------------------------------------------------------------
def test_before_the_opening_the_page_says_when(cast, now):
    shown = words(Client().get(address(cast.published(), "ouverture/")))
    assert "L’ouverture aura lieu le mardi 24 novembre 2026, 14 h 00 (HNE)" in shown


@pytest.mark.parametrize("mode", ["price", "quality_fixed", "adjusted_price"])
def test_minutes_list_what_was_opened(cast, mode):
    opportunity, proposals = cast.opened(mode=mode, prices=(48_173_29, 51_234_56))
    with clock.set_to(AFTER):
        response = Client().get(address(opportunity, "ouverture/"))
    shown, html = words(response), text_of(response)
    assert "24 novembre 2026, 14 h 00 min 00,000 s (HNE)" in shown
    for proposal in proposals:
        submission = proposal.submissions.get()
        digest = submission.envelope_sha256
        grouped = " ".join(digest[i : i + 8] for i in range(0, 64, 8))
        for part in (proposal.vendor.legal_name, submission.receipt_number, grouped):
            assert part in html
    assert ("48 173,29 $" in shown) == (mode == "price")
    assert "Nous ferons le travail" not in html
    entry = LedgerPayload.objects.get(action="opening.minutes").entry
    assert "inscrite au registre" in shown and entry.hash[:8] in html
    assert opportunity.draw_commitment[:8] in html


def test_minutes_of_nothing_and_of_an_altered_envelope(cast):
    empty, _none = cast.opened(proposals=0)
    with clock.set_to(PUBLISHED_AT):
        altered = cast.published()
        cast.submitted(altered)
        cast.submitted(altered, vendor=cast.rival)
    envelope = SealedEnvelope.objects.get(submission__proposal__vendor=cast.vendor)
    SealedEnvelope.objects.filter(pk=envelope.pk).update(content=bytes(envelope.content)[:-1] + b"\0")
    with clock.set_to(AFTER):
        assert "Aucune proposition n’a été reçue" in words(Client().get(address(empty, "ouverture/")))
        shown = words(Client().get(address(altered, "ouverture/")))  # the page itself opens what is due
    assert OpenedProposal.objects.filter(readable=False).count() == 1
    assert shown.count("Intégrité non constatée") == 1 and "Constatée" in shown


def test_the_name_is_the_receipts(cast):
    """A vendor renamed after the opening does not change the minutes nor the award."""
    opportunity, _proposals = cast.awarded()
    type(cast.vendor).objects.filter(pk=cast.vendor.pk).update(legal_name="Tout autre nom")
    with clock.set_to(AFTER):
        for path in (address(opportunity, "ouverture/"), address(opportunity, "attribution/"), "/attributions/"):
            assert "Atelier Boréal inc." in text_of(Client().get(path))
            assert "Tout autre nom" not in text_of(Client().get(path))


# --- Awards ----------------------------------------------------------------------------------------------------------
def test_an_award_tells_the_winner_and_the_totals_of_the_others(cast):
    opportunity, (_first, second) = cast.awarded(values=("91.25", "83.75"))
    with clock.set_to(AFTER):
        shown = words(Client().get(address(opportunity, "attribution/")))
    for part in ("Atelier Boréal inc.", "64 000 $", "3 200,00 $", "6 384,00 $", "73 584,00 $"):
        assert part in shown
    name = second.vendor.legal_name
    assert f"Rang Proposant Note finale sur 100 1 Atelier Boréal inc. Retenue 91,25 2 {name} 83,75" in shown
    assert shown.count("83,75") == 1  # its total, not its notes by criterion
    assert "25 novembre 2026, 14 h 00 (HNE)" in shown and "26 novembre 2026, 14 h 00 (HNE)" in shown
    assert "personne acheteuse" in shown and "responsable des règles contractuelles" in shown
    assert cast.buyer.name not in shown and cast.officer.name not in shown


def ranked_of(response) -> str:
    """The public table of the ranking."""
    return re.search(r"<table[^>]*><caption[^>]*>Propositions classées.*?</table>", text_of(response), re.DOTALL)[0]


@pytest.mark.parametrize("mode", ["price", "quality_fixed", "quality_min_price", "adjusted_price"])
def test_the_public_ranking_of_each_mode(cast, mode):
    """Ranks; final notes where there is a grid; prices where the mode asks them; adjusted prices where it adjusts."""
    opportunity, proposals = cast.awarded(mode=mode, values=("90", "80"), prices=(48_173_29, 51_234_56))
    with clock.set_to(AFTER):
        table = ranked_of(Client().get(address(opportunity, "attribution/")))
    expected = ["Rang", "Proposant"]
    expected += ["Note finale sur 100"] if mode != "price" else []
    expected += ["Prix, avant taxes"] if mode != "quality_fixed" else []
    expected += ["Prix ajusté"] if mode == "adjusted_price" else []
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', table) == expected
    assert re.findall(r'<td data-l="Rang">(\d)</td>', table) == ["1", "2"] and table.count("Retenue") == 1
    for proposal, price in zip(proposals, ("48\xa0173,29\xa0$", "51\xa0234,56\xa0$"), strict=True):
        assert proposal.vendor.legal_name in table and (price in table) == (mode != "quality_fixed")
    assert (">90,00<" in table and ">80,00<" in table) == (mode != "price")


def test_neither_price_nor_notes_of_a_proposal_below_the_minimum_are_told(cast):
    """It is not ranked: not on the page, not in the notice; its price, not to the body either."""
    fields = {"mode": "quality_min_price", "values": ("90", "61.25"), "prices": (48_173_29, 31_234_56)}
    opportunity, (_first, second) = cast.awarded(**fields)
    with clock.set_to(AFTER):
        page = Client().get(address(opportunity, "attribution/"))
        notice = text_of(Client().get(address(opportunity, "avis.json")))
    assert "1 proposition admissible n’atteignait pas le minimum" in words(page)
    assert second.vendor.legal_name not in ranked_of(page)
    for mark in ("31 234,56", "3123456", "61,25", "61.25"):
        assert mark not in words(page) + notice, mark
    told = json.dumps(opportunity.awards.get().recommendation.shown)
    assert "3123456" not in told and "4817329" in told and "4817329" in notice


def test_an_award_is_among_the_awards_in_the_navigation(cast):
    opportunity, _proposals = cast.awarded()
    with clock.set_to(AFTER):
        for page, current in [("attribution/", "Attributions"), ("", "Occasions"), ("ouverture/", "Occasions")]:
            html = text_of(Client().get(address(opportunity, page)))
            nav = re.search(r'<ul id="nav-list">.*?</ul>', html, re.DOTALL)[0]
            assert re.findall(r'aria-current="page">([^<]+)<', nav) == [current]


def test_rejected_proposals_are_counted(cast):
    opportunity, (first, second) = cast.opened()
    cast.admit(first)
    cast.score(first)
    with clock.set_to(CLOSES_AT):
        evaluation_actions.reject(second, by=cast.buyer, code="CONF-9", text="Déclaration manquante.")
        award_actions.recommend(opportunity, first, by=cast.buyer)
        award_actions.confirm(opportunity, by=cast.officer)
    with clock.set_to(AFTER):
        shown = words(Client().get(address(opportunity, "attribution/")))
    assert "Propositions reçues 2 Admissibles 1 Rejetées à l’examen 1" in shown
    assert "Déclaration manquante" not in shown


def test_a_draw_can_be_computed_again_from_the_page(cast):
    opportunity, proposals = cast.awarded(mode="price", prices=(50_000_00, 50_000_00))
    with clock.set_to(AFTER):
        html = text_of(Client().get(address(opportunity, "attribution/"))).replace(verifier.sha256(), "")
    digests = [match.replace(" ", "") for match in re.findall(r"<code>((?:[0-9a-f]{8} ?){8})</code>", html)]
    secret = re.search(r'id="draw-secret">([0-9a-f ]+)<', html)[1].replace(" ", "")
    commitment = re.search(r'id="draw-commitment">([0-9a-f ]+)<', html)[1].replace(" ", "")
    assert hashlib.sha256(bytes.fromhex(secret)).hexdigest() == commitment == opportunity.draw_commitment
    tied, everyone = digests[:2], digests[2:]
    assert draw.order(bytes.fromhex(secret), everyone, everyone) == tied
    winner = next(p for p in proposals if p.state == "awarded")
    assert winner.submissions.get().envelope_sha256 == tied[0]


def test_a_reversed_award_stays_with_its_reason(cast):
    opportunity, _proposals = cast.awarded()
    with clock.set_to(AFTER):
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur <i>de calcul")
        award_actions.reverse(opportunity, by=cast.second_officer)
        html = text_of(Client().get(address(opportunity, "attribution/")))
        assert "n’est pas encore décidée" in html and "Attribution à Atelier Boréal inc., annulée le" in html
        assert escape("Erreur <i>de calcul") in html
        assert cast.officer.name not in html and cast.second_officer.name not in html
        assert "Aucune attribution" in text_of(Client().get("/attributions/"))


def test_who_sees_the_reversal_button(cast):
    opportunity, _proposals = cast.awarded()
    button = f'href="{address(opportunity)}annuler-attribution/"'

    def seen(person):
        return button in text_of(signed_in(person).get(address(opportunity, "attribution/")))

    with clock.set_to(AFTER):
        assert seen(cast.officer) and not seen(cast.buyer) and not seen(cast.auditor) and not seen(cast.vendor_owner)
        award_actions.request_reversal(opportunity, by=cast.officer, reason="Erreur")
        assert not seen(cast.officer) and seen(cast.second_officer) and seen(cast.auditor)


def awards_made(cast, count: int) -> list[Opportunity]:
    return [cast.awarded(title=f"Occasion {n}")[0] for n in range(count)]


def test_awards_go_on_by_key(cast, monkeypatch):
    monkeypatch.setattr("proposals.public.views.AWARDS_PAGE", 2)
    made = {opportunity.number for opportunity in awards_made(cast, 5)}
    seen, url = [], "/attributions/"
    while url:
        html = text_of(Client().get(url))
        seen += re.findall(r'href="/occasions/([^/]+)/attribution/"', html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        url = f"/attributions/{older[1]}" if older else None
    assert sorted(seen) == sorted(made) and seen == sorted(seen, reverse=True)
    first = text_of(Client().get("/attributions/"))
    for forged in ["x", "1-", "-1", "9" * 40 + "-1", "1-" + "9" * 40, "٣-٣", "1-1-1", "1.5-2"]:
        page = Client().get("/attributions/", {"apres": forged})
        assert page.status_code == 200
        assert re.findall(r"/attribution/", text_of(page)) == re.findall(r"/attribution/", first)


# --- The ledger ------------------------------------------------------------------------------------------------------
def test_a_deposit_changes_nothing_of_what_the_public_sees(cast, now):
    """Not even a number that moves: pages before and after a deposit are the same, byte for byte."""
    opportunity = cast.published()
    pages = ["/", "/registre/", "/occasions/", f"/occasions/{opportunity.number}/", "/attributions/"]
    before = [Client().get(page).content for page in pages]
    cast.submitted(opportunity)
    cache.clear()
    assert [Client().get(page).content for page in pages] == before
    assert b"opportunity.publish" in before[1]
    assert LedgerEntry.objects.filter(action="sealed").count() == 1


def test_acts_are_told_in_words_beside_their_code(cast, now):
    cast.published()
    with transaction.atomic():
        ledger.record("brand.new", "occasion:x", by=None, at=PUBLISHED_AT)
    french, english = (text_of(Client().get(page)) for page in ("/registre/", "/en/registre/"))
    assert "Publier<br>" in french and "Publish<br>" in english
    assert ">opportunity.publish</code>" in french and "<code>brand.new</code></td>" in french


def test_every_act_of_the_code_has_words(settings):
    """Whoever adds `ledger.record("thing.done", …)` adds its words, too."""
    found = set()
    for app in ("marketplace", "vendors", "opportunities", "proposals"):
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            found |= set(re.findall(r'(?:ledger\.|_)record\(\s*"([a-z_.]+)"', path.read_text(encoding="utf-8")))
    assert len(found) >= 12 and not [action for action in found if not ledger_labels.label(action)]


def test_the_ledger_goes_on(cast, now):
    with transaction.atomic():
        for number in range(60):
            ledger.record("body.changed", f"organisme:{number}", by=None, at=PUBLISHED_AT)
    first = text_of(Client().get("/registre/"))
    older = re.search(r'href="\?avant=([0-9a-f]{64})"', first)[1]
    second = text_of(Client().get("/registre/", {"avant": older}))
    shown = [digest for page in (first, second) for digest in re.findall(r'<code title="([0-9a-f]{64})"', page)]
    assert shown == list(LedgerEntry.objects.order_by("-seq").values_list("hash", flat=True))


@pytest.mark.parametrize(
    "cursor", ["1-" + "9" * 5_000, "9" * 5_000 + "-1", "1-" + "9" * 19, "1-" + "9" * 18, "9" * 18 + "-1"]
)
def test_an_enormous_cursor_is_the_first_page(db, client, cursor):
    for path in ("/attributions/", "/occasions/"):
        assert client.get(path, {"apres": cursor}).status_code == 200
