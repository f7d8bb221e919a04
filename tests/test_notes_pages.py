"""Notes on their pages: nobody's overwrite another's unseen; the unveiling, re-examinations by two people, results."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.flags import compute
from audit.flags.actions import if_awarded
from audit.flags.loader import load
from audit.models import RedFlag
from audit.reviews import actions as review_actions
from audit.reviews import facts
from marketplace.dates import clock
from marketplace.models import LedgerPayload, OutgoingEmail
from opportunities.models import Opportunity
from proposals import triggers
from proposals.award import actions as award_actions
from proposals.evaluation import actions as evaluation_actions
from proposals.evaluation import price_actions, reexamination_actions
from proposals.models import Proposal, Score
from tests.cast import CLOSES_AT
from tests.test_evaluation_pages import again, main_of, opened_with, page, score_data, text_of

NBSP = "\u00a0"
WHY = "L’annexe C <n’avait> pas été lue."
AFTER = CLOSES_AT + timedelta(days=1)


@pytest.fixture
def after():
    with clock.set_to(AFTER):
        yield AFTER


def fresh(row):
    return Proposal.objects.get(pk=row.pk)


def plain(response) -> str:
    return main_of(response).replace(NBSP, " ")


def seen_of(body: str) -> str:
    return re.search(r'name="seen" value="([^"]*)"', body)[1]


# --- Two people's notes ----------------------------------------------------------------------------------------------
def test_a_second_buyer_sees_both_versions_and_nothing_is_written(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    url, here = page("score", opportunity, first), page("examine", opportunity, first)
    client.force_login(cast.buyer)
    stale = seen_of(main_of(client.get(here)))
    assert stale == "0"
    data = score_data(opportunity, "90", "91", comment="Le premier avis, <long>.") | {"seen": stale}
    assert client.post(url, data).status_code == 302
    client.force_login(cast.other_buyer)
    mine = score_data(opportunity, "60,5", "61", comment="Le second avis.") | {"seen": stale}
    response = client.post(url, mine)
    body = plain(response)
    assert response.status_code == 409
    for word in ["Béatrice Acheteuse a enregistré d’autres notes", "Le premier avis, &lt;long&gt;.", "90,00", "60,50",
                 "Le second avis.", "La vôtre, non enregistrée", "écrivez-en une troisième", 'form="notes-form"',
                 'class="stack text"']:  # fmt: skip
        assert word in body, word
    assert body.count("Différente") == 2
    assert 'value="60,5"' in body and seen_of(body) == "1"  # typed text is kept; the next save is a choice
    assert {score.comment for score in first.scores.all()} == {"Le premier avis, <long>."}
    assert first.notes_versions.count() == 1
    assert not LedgerPayload.objects.filter(action="proposal.score", body__version=2).exists()
    assert client.post(url, mine | {"seen": "1"}).status_code == 302
    assert {score.comment for score in first.scores.all()} == {"Le second avis."}
    told = OutgoingEmail.objects.get(template="emails/notes_replaced.txt")
    assert told.to == cast.buyer and "Boris Acheteur" in told.body  # hers were replaced
    assert [row.by for row in first.notes_versions.all()] == [cast.buyer, cast.other_buyer]
    history = plain(client.get(here))
    assert not re.search(r'<dd class="num">[^<]*<small', history)  # a comment in a box that does not wrap
    assert "Historique des notes (2 versions)" in history and "Le premier avis, &lt;long&gt;." in history


def test_what_is_the_same_in_both_versions_is_said(cast, client, after):
    """« 91,5 » and « 91,50 » are one note; what differs is marked, what is not a note stays as typed."""
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    one, two = opportunity.criteria.all()
    saved = {one.pk: (Decimal("91.5"), "Vu."), two.pk: (Decimal(70), "")}
    evaluation_actions.score(first, by=cast.buyer, values=saved)
    client.force_login(cast.other_buyer)
    data = {f"score_{one.pk}": "91,5", f"comment_{one.pk}": " Vu. ", f"score_{two.pk}": "71", f"comment_{two.pk}": ""}
    answer = client.post(page("score", opportunity, first), data | {"seen": "0"})
    body = plain(answer)
    assert answer.status_code == 409 and body.count("Différente") == body.count("identique") == 1
    assert body.count("91,50") == 3  # theirs, mine, and the history


@pytest.mark.parametrize("language", ["", "/en"])
def test_in_both_languages_and_after_a_typing_mistake_the_stamp_stays(cast, client, after, language):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    cast.score(first, "90", comment="Vu.")
    client.force_login(cast.other_buyer)
    url = language + page("score", opportunity, first)
    wrong = client.post(url, score_data(opportunity, "abc", "61") | {"seen": "0"})
    assert wrong.status_code == 422 and seen_of(main_of(wrong)) == "0"  # not 1: those notes were never shown
    answer = client.post(url, score_data(opportunity, "60", "61") | {"seen": "0"})
    assert answer.status_code == 409
    assert ("Save mine instead" if language else "Enregistrer les miennes à la place") in main_of(answer)


@pytest.mark.parametrize("forged", [{}, {"seen": ""}, {"seen": "-1"}, {"seen": "x"}, {"seen": "7"}])
def test_a_stamp_that_is_missing_or_false_overwrites_nothing(cast, client, after, forged):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    cast.score(first, "90", comment="Vu.")
    client.force_login(cast.other_buyer)
    answer = client.post(page("score", opportunity, first), score_data(opportunity, "1", "2") | forged)
    assert answer.status_code in (409, 422)
    assert {score.value for score in first.scores.all()} == {Decimal(90)}


def test_a_double_click_is_not_a_conflict(cast, client, after):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    client.force_login(cast.buyer)
    for _click in range(2):
        data = score_data(opportunity, "80", "70", comment="Bien.") | {"seen": "0"}
        assert client.post(page("score", opportunity, first), data).status_code == 302
    assert first.notes_versions.count() == 1
    assert LedgerPayload.objects.filter(action="proposal.score").count() == 1


def test_comments_are_in_the_detail_of_the_ledger_and_a_note_keeps_its_author(cast, after):
    opportunity, (first, _second) = cast.opened()
    cast.admit(first)
    one, two = opportunity.criteria.all()
    first_save = {one.pk: (Decimal(80), "Clair."), two.pk: (Decimal(70), "")}
    evaluation_actions.score(first, by=cast.buyer, values=first_save)
    second_save = first_save | {two.pk: (Decimal(75), "Mieux.")}
    evaluation_actions.score(fresh(first), by=cast.other_buyer, values=second_save, seen=1)
    bodies = [row.body for row in LedgerPayload.objects.filter(action="proposal.score").order_by("pk")]
    assert [body["comments"] for body in bodies] == [{"0": "Clair."}, {"0": "Clair.", "1": "Mieux."}]
    assert [body["version"] for body in bodies] == [1, 2]
    assert [score.by for score in first.scores.order_by("criterion__position")] == [cast.buyer, cast.other_buyer]


# --- The unveiling ---------------------------------------------------------------------------------------------------
def test_the_page_names_who_scored_and_what_will_be_frozen(cast, client, after):
    opportunity, (first, second) = cast.scored(mode="adjusted_price", prices=(51_234_00, 52_345_00))
    cast.score(second, "81", by=cast.other_buyer, seen=1)
    url = page("unveil_prices", opportunity)
    client.force_login(cast.buyer)
    assert url in main_of(client.get(page("evaluation", opportunity)))
    body = plain(client.get(url))
    for word in ["Boris Acheteur, Béatrice Acheteuse", "Atelier Boréal inc.", "Coop Code du Fleuve", "90,00", "81,00",
                 "Dévoiler les prix : les notes ne changeront plus"]:  # fmt: skip
        assert word in body, word
    assert "51 234" not in body and "52 345" not in body
    assert "Les commentaires qui seront gelés" not in body
    assert client.post(url, {"seen": seen_of(body)}).status_code == 302
    table = plain(client.get(page("evaluation", opportunity)))
    assert "51 234,00 $" in table and "Notes et admissibilité gelées le" in table
    examined = plain(client.get(page("examine", opportunity, first)))
    assert (
        "Les notes et l’admissibilité sont gelées depuis" in examined
        and page("score", opportunity, first) not in examined
    )
    assert "déjà dévoilés" in plain(client.post(url))
    refused = client.post(page("score", opportunity, first), score_data(opportunity, "1", "1", "1") | {"seen": "1"})
    assert refused.status_code == 422 and "Les notes sont gelées" in plain(refused)
    assert {score.value for score in first.scores.all()} == {Decimal(90)}


@pytest.mark.parametrize("language", ["", "/en"])
def test_what_is_frozen_is_what_was_shown(cast, client, after, language):
    """Notes that another person saved since the page was shown come back with what changed; nothing is frozen."""
    opportunity, (first, second) = cast.scored(mode="adjusted_price")
    cast.score(first, "91", comment="Vu <en> entier.", seen=1)
    url = language + page("unveil_prices", opportunity)
    client.force_login(cast.buyer)
    shown = main_of(client.get(url))
    assert "Vu &lt;en&gt; entier." in shown  # comments are frozen too
    cast.score(second, "12,5".replace(",", "."), by=cast.other_buyer, comment="Autre lecture.", seen=1)
    answer = client.post(url, {"seen": seen_of(shown)})
    body = plain(answer)
    assert answer.status_code == 409 and again(opportunity).notes_frozen_at is None
    separator = "." if language else ","
    for word in (str(second.vendor), "Boris Acheteur", f"80{separator}00", f"12{separator}50", "Autre lecture.",
                 "nothing is frozen" if language else "rien n’est gelé"):  # fmt: skip
        assert word in body, word
    assert body.count('id="change-') == 1  # the other proposal's did not move
    assert client.post(url, {"seen": seen_of(body)}).status_code == 302
    assert {score.value for score in second.scores.all()} == {Decimal("12.5")}
    assert again(opportunity).notes_frozen_at is not None


@pytest.mark.parametrize("forged", [{}, {"seen": ""}, {"seen": "x"}, {"seen": "x:y 1:2"}, {"seen": ":" + "9" * 40}])
def test_an_unveiling_that_saw_nothing_freezes_nothing(cast, client, after, forged):
    opportunity, _pair = cast.scored(mode="adjusted_price")
    client.force_login(cast.buyer)
    assert client.post(page("unveil_prices", opportunity), forged).status_code == 409
    assert again(opportunity).notes_frozen_at is None


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("officer", 403), ("auditor", 403), ("outside_buyer", 404), ("administrator", 404), ("vendor_owner", 404),
        ("outsider", 404), ("other_buyer", 200),
    ],
)  # fmt: skip
def test_who_may_unveil_by_the_web(cast, client, after, who, status):
    opportunity, _pair = cast.scored(mode="adjusted_price")
    client.force_login(getattr(cast, who))
    url = page("unveil_prices", opportunity)
    answer = client.get(url)
    seen = seen_of(main_of(answer)) if status == 200 else ""
    assert answer.status_code == status
    assert client.post(url, {"seen": seen}).status_code == (302 if status == 200 else status)
    assert (again(opportunity).notes_frozen_at is None) == (status != 200)


def test_an_early_unveiling_says_what_is_left(cast, client, after):
    opportunity, _pair = cast.opened(mode="quality_min_price")
    client.force_login(cast.buyer)
    body = plain(client.get(page("unveil_prices", opportunity)))
    assert "Il reste 2 propositions à examiner ou à noter" in body and "<form" not in body
    assert client.post(page("unveil_prices", opportunity)).status_code == 422


def test_no_page_message_or_signal_shows_a_price_before_the_unveiling(cast, client, after):
    """All scored: the rule of before showed prices from here on."""
    prices = (51_234_00, 51_234_00)  # identical, which a signal would tell
    opportunity, pair = cast.scored(mode="adjusted_price", prices=prices)
    read = 0
    for who in ("buyer", "officer", "auditor", "administrator"):
        client.force_login(getattr(cast, who))
        addresses = [*(page(name, opportunity) for name in ("evaluation", "recommend", "unveil_prices")),
                     opportunity.get_absolute_url(), reverse("proposals:minutes", args=[opportunity.number]),
                     reverse("proposals:minutes_json", args=[opportunity.number]), reverse("dashboard"),
                     *(page("examine", opportunity, one) for one in pair)]  # fmt: skip
        if who == "auditor":
            addresses += [reverse("audit:timeline", args=[opportunity.number])]
        for url in addresses:
            answer = client.get(url)
            if answer.status_code == 200:
                read += 1
                said = text_of(answer).replace(NBSP, " ")
                assert "51 234" not in said and "51234" not in said and "5123400" not in said, (who, url)
    assert read >= 20
    row = next(row for row in load(AFTER).procurements if row.number == opportunity.number)
    assert [one.price_cents for one in row.opened] == [None, None]
    assert not [flag for flag in compute.found(load(AFTER), AFTER) if flag.code == "R028"]
    assert (
        not OutgoingEmail.objects.filter(confidential=False, body__contains="51")
        .exclude(to__in=[])
        .filter(body__regex=r"51.234")
    )
    price_actions.unveil(again(opportunity), by=cast.buyer)
    assert [flag.number for flag in compute.found(load(AFTER), AFTER) if flag.code == "R028"] == [opportunity.number]


# --- A re-examination ------------------------------------------------------------------------------------------------
def reexamined(cast, *, value="100", **fields):
    """Unveiled; the second proposal's notes re-examined by two people."""
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price", **fields)
    with clock.set_to(AFTER):
        request = cast.ask_reexamination(second, value, reason=WHY, comment="Nouveau commentaire.")
        reexamination_actions.accept(request, by=cast.other_buyer)
    return again(opportunity), first, second, request


def test_asked_by_one_accepted_by_another_through_the_pages(cast, client, after):
    opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    ask = page("ask_note_reexamination", opportunity, first)
    client.force_login(cast.buyer)
    assert ask in main_of(client.get(page("examine", opportunity, first)))
    seen = seen_of(main_of(client.get(ask)))
    typed = score_data(opportunity, "95", "90", "90", comment="Relu.") | {"seen": seen}
    empty = client.post(ask, typed | {"reason": " "})
    assert empty.status_code == 422 and 'value="95"' in main_of(empty) and "Relu." in main_of(empty)
    assert client.post(ask, typed | {"reason": WHY}).status_code == 302
    request = first.note_reexaminations.get()
    decide = reverse("proposals:decide_note_reexamination", args=[opportunity.number, first.public_id, request.pk])
    assert client.get(ask).status_code == 409
    assert "Vous l’avez demandé" in main_of(client.get(decide)) and client.post(decide).status_code == 403  # one's own
    assert "Retirer ma demande" in main_of(client.get(page("examine", opportunity, first)))
    client.force_login(cast.officer)
    assert decide in main_of(client.get(page("evaluation", opportunity)))
    assert "Réexamen demandé par une autre personne" in main_of(client.get(reverse("dashboard")))
    body = plain(client.get(decide))
    for word in ["90,00", "95,00", "Relu.", "L’annexe C &lt;n’avait&gt; pas été lue.", "92,00", "Béatrice Acheteuse"]:
        assert word in body, word
    assert client.post(decide).status_code == 302 and client.post(decide).status_code == 409
    table = plain(client.get(page("evaluation", opportunity)))
    assert "92,00" in table and "L’annexe C &lt;n’avait&gt; pas été lue." in table
    assert "Version 2, enregistrée par Odile Responsable" in plain(client.get(page("examine", opportunity, first)))


def test_a_refusal_needs_a_reason_and_a_withdrawal_is_ones_own(cast, client, after):
    opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    request = cast.ask_reexamination(first, "95")
    args = [opportunity.number, first.public_id, request.pk]
    refuse, withdraw = (reverse(f"proposals:{name}_note_reexamination", args=args) for name in ("refuse", "withdraw"))
    client.force_login(cast.officer)
    assert client.post(withdraw).status_code == 403
    assert client.post(refuse, {"reason": ""}).status_code == 422
    assert client.post(refuse, {"reason": "L’annexe était hors délai."}).status_code == 302
    client.force_login(cast.buyer)
    assert client.post(withdraw).status_code == 409
    assert "L’annexe était hors délai." in main_of(client.get(page("examine", opportunity, first)))


@pytest.mark.usefixtures("bare_refusals")
@pytest.mark.parametrize("who", ["outside_buyer", "outside_officer", "administrator", "vendor_owner", "outsider"])
def test_strangers_find_no_reexamination(cast, client, after, who):
    opportunity, (first, _second) = cast.unveiled(mode="adjusted_price")
    request = cast.ask_reexamination(first, "95", reason=WHY)
    client.force_login(getattr(cast, who))
    args = [opportunity.number, first.public_id]
    urls = [reverse("proposals:ask_note_reexamination", args=args)]
    urls += [
        reverse(f"proposals:{n}_note_reexamination", args=[*args, request.pk]) for n in ("decide", "refuse", "withdraw")
    ]
    for url in urls:
        assert client.get(url).status_code == client.post(url, {"reason": "x"}).status_code == 404, url


def test_a_reexamination_of_another_proposal_or_occasion_is_not_found(cast, client, after):
    opportunity, (first, second) = cast.unveiled(mode="adjusted_price")
    request = cast.ask_reexamination(first, "95")
    client.force_login(cast.officer)
    args = [opportunity.number, second.public_id, request.pk]
    assert client.post(reverse("proposals:decide_note_reexamination", args=args)).status_code == 404


def checked(opportunity, *, at) -> dict:
    """The line of the checklist about the notes."""
    award = facts.awards().get(opportunity=opportunity)
    return next(row for row in review_actions.computed(award, at=at) if row["code"] == "notes")


def test_the_officer_the_auditor_and_the_signals_read_it(cast, client):
    opportunity, _first, second, _request = reexamined(cast)
    with clock.set_to(AFTER + timedelta(days=1)):
        at = clock.now()
        lines = award_actions.lines(opportunity)
        award_actions.recommend(opportunity, lines[0].proposal, by=cast.buyer)
        recommendation = award_actions.pending(opportunity)
        assert "RENOTED" in {flag.code for flag in if_awarded(opportunity, recommendation, at=at)}
        client.force_login(cast.officer)
        body = plain(client.get(page("confirm", opportunity)))
        for word in ["Réexamens depuis que les notes sont gelées", "L’annexe C &lt;n’avait&gt; pas été lue.",
                     "80,00 → 100,00", "Notes ou admissibilité changées après avoir été gelées", "Boris Acheteur",
                     "Rang : 1 → 1"]:  # fmt: skip
            assert word in body, word
        assert client.post(page("confirm", opportunity), {"recommendation": recommendation.pk}).status_code == 302
        flag = RedFlag.objects.get(code="RENOTED", opportunity=opportunity)
        assert (flag.details["count"], flag.details["vendors"]) == (1, [str(second.vendor)])
        assert [one["label"] for one in flag.details["changes"][0]["criteria"]] == [f"Critère {n}" for n in (1, 2, 3)]
        row = checked(opportunity, at=at)
        assert row["done"] and row["details"]["count"] == 2
        client.force_login(cast.auditor)
        told = "Notes de Coop Code du Fleuve : 80,00 → 100,00 (Critère 1 : 80,00 → 100,00;"
        for url in (f"/verification/attributions/{opportunity.number}/", flag.get_absolute_url()):
            assert told in plain(client.get(url)), url


def test_the_checklist_finds_a_note_that_is_not_its_digests(cast):
    opportunity, (first, _second) = cast.awarded(mode="adjusted_price")
    at = AFTER + timedelta(days=3)
    with clock.set_to(at):
        assert checked(opportunity, at=at)["done"]
        triggers.remove(connection)  # as the tables' owner could
        try:
            Score.objects.filter(proposal=first).update(value=12)
        finally:
            triggers.install(connection)
        line = checked(opportunity, at=at)
    assert line["done"] is False and line["details"]["missing"] == [str(first.vendor)]


# --- Results ---------------------------------------------------------------------------------------------------------
def test_the_public_reads_the_reason_and_totals_never_a_losers_notes(cast, client):
    opportunity, first, second, _request = reexamined(cast, prices=(50_000_00, 63_000_00), value="85.5")
    public = reverse("proposals:award", args=[opportunity.number])
    with clock.set_to(AFTER + timedelta(days=1)):
        assert "réexamin" not in plain(client.get(public))  # nothing before the award
        assert (
            opportunity.number
            not in re.search("Accepter le réexamen.*?</tr>", client.get("/registre/").content.decode(), re.DOTALL)[0]
        )
        assert "Réexamen accepté" not in plain(client.get(opportunity.get_absolute_url()))
        best = award_actions.lines(opportunity)[0].proposal
        assert best == first
        award_actions.recommend(opportunity, best, by=cast.buyer)
        award_actions.confirm(again(opportunity), by=cast.officer)
        notice = opportunity.get_absolute_url()
        assert client.get("/registre/?x").content.decode().count(f"Une proposition, occasion {opportunity.number}") == 1
        history = plain(client.get(f"{notice}?x"))
        assert f"{public}#reexamens" in history and "Réexamen accepté" in history
        body = plain(client.get(f"{public}?"))
        english = plain(client.get(f"/en{public}?"))
    for word in ["Note finale : de 80,00 à 85,50", "Rang avant", "L’annexe C &lt;n’avait&gt; pas été lue.",
                 "Notes de la proposition retenue", "90,00"]:  # fmt: skip
        assert word in body, word
    assert "Final score: from 80.00 to 85.50" in english
    for person in ("Béatrice", "Boris", "Nouveau commentaire."):
        assert person not in body and person not in english


@pytest.mark.parametrize(
    ("mode", "values", "prices", "said"),
    [
        ("price", ("90", "80"), (60_000_00, 55_000_00),
         ["seul le prix compte", "60 000,00 $", "rang 2", "55 000,00 $"]),
        ("quality_min_price", ("95", "80"), (60_000_00, 55_000_00),
         ["une note plus haute ne change pas le rang", "60 000,00 $", "rang 2", "55 000,00 $"]),
        ("quality_min_price", ("69.5", "80"), (50_000_00, 55_000_00),
         ["Au critère « Critère 1 »", "69,50", "minimum annoncé était de 70", "quel que soit son prix"]),
        ("adjusted_price", ("88", "84"), (63_500_00, 55_000_00),
         ["K = 20 %", "63 500,00 $", "88,00", "56 696,43 $", "rang 2", "55 000,00 $", "84,00", "50 304,88 $"]),
        ("adjusted_price", ("60", "84"), (50_000_00, 61_900_00), ["Votre note finale est de 60,00", "au moins 70"]),
        ("quality_fixed", ("70", "84"), (50_000_00, 61_900_00),
         ["seule la note finale compte", "70,00", "84,00", "rang 2"]),
    ],
)  # fmt: skip
def test_a_losing_vendor_reads_why_with_its_comments(cast, client, mode, values, prices, said):
    opportunity, (mine, theirs) = cast.opened(mode=mode, prices=prices)
    with clock.set_to(AFTER):
        for proposal, value in zip((mine, theirs), values, strict=True):
            cast.admit(proposal)
            cast.score(fresh(proposal), value, comment=f"Commentaire <{value}>.")
        cast.unveil(again(opportunity), at=AFTER)
        award_actions.recommend(again(opportunity), theirs, by=cast.buyer)
        award_actions.confirm(again(opportunity), by=cast.officer)
        client.force_login(cast.vendor_owner)
        url = reverse("proposals:detail", args=[mine.public_id])
        body, english = plain(client.get(url)), plain(client.get(f"/en{url}"))
        told = OutgoingEmail.objects.get(template="emails/proposal_not_awarded.txt", to=cast.vendor_owner)
    for word in said:
        assert word in body and word in told.body.replace(NBSP, " "), word
    assert "Why this result" in english and "Dans ce mode" not in english and "Au critère" not in english
    if mode != "price":
        assert body.count(f"Commentaire &lt;{values[0]}&gt;.") == opportunity.criteria.count()
    assert f"&lt;{values[1]}&gt;" not in body and f"<{values[1]}>" not in told.body


def test_the_explanation_is_in_the_readers_language(cast):
    cast.vendor_owner.language = "en"
    cast.vendor_owner.save()
    cast.awarded(mode="adjusted_price")
    told = OutgoingEmail.objects.get(template="emails/proposal_not_awarded.txt")
    assert "With this method, the adjusted price ranks" in told.body and "Dans ce mode" not in told.body


@pytest.mark.parametrize("stage", ["scored", "recommended"])
def test_before_the_award_a_vendor_reads_neither_notes_nor_comments(cast, client, after, stage):
    _opportunity, (first, _second) = getattr(cast, stage)(mode="adjusted_price")
    client.force_login(cast.vendor_owner)
    body = plain(client.get(reverse("proposals:detail", args=[first.public_id])))
    assert "Vos notes" not in body and "90,00" not in body
    assert client.get(reverse("proposals:own_notes_json", args=[first.public_id])).status_code == 404
    number = first.opportunity.number
    assert client.get(reverse("proposals:notes_json", args=[number])).status_code == 404


def test_pages_cost_the_same_for_one_and_three(cast, client, after):
    client.force_login(cast.buyer)
    costs = []
    for count in (1, 3):
        opportunity, proposals = opened_with(cast, count, "adjusted_price")
        for proposal in proposals:
            cast.admit(proposal)
            cast.score(proposal, "85")
        urls = [page("unveil_prices", opportunity)]
        for url in urls:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            costs.append((count, url.rpartition("/")[0].rpartition("/")[2], len(queries)))
        price_actions.unveil(again(opportunity), by=cast.buyer)
        for proposal in proposals:
            reexamination_actions.accept(cast.ask_reexamination(fresh(proposal), "95"), by=cast.officer)
        for url in [page("evaluation", opportunity), page("examine", opportunity, proposals[0])]:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            costs.append((count, "x", len(queries)))
    sizes = [size for _count, _url, size in costs]
    assert sizes[:3] == sizes[3:], costs
    assert max(sizes) <= 34
    assert Opportunity.objects.exclude(notes_frozen_at=None).count() == 2
