"""Signals on the screen: who sees them, their states, what is said before a notice or an award, the public totals."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.cases import actions as case_actions
from audit.flags import actions as flag_actions
from audit.flags import public_views as public_flag_views
from audit.flags import views as flag_views
from audit.flags.catalogue import CATALOGUE, sentence, with_unit
from audit.models import FlagPeers, Monitoring, RedFlag
from marketplace.dates import clock
from marketplace.models import LedgerEntry, LedgerPayload
from proposals.award import actions as award_actions
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import words
from vendors.models import VendorMembership

AFTER = CLOSES_AT + timedelta(days=3)


@pytest.fixture
def world(cast):
    cast.opportunity, cast.proposals = cast.awarded(mode="price", prices=(60_000_00, 55_000_00))
    with clock.set_to(AFTER):
        cast.flag = flag(cast.opportunity)
        cast.url = f"/verification/signaux/{cast.flag.pk}/"
        yield cast


def flag(opportunity, code="R018", **fields) -> RedFlag:
    values = {"value": 1, "threshold": 1, "first_at": AFTER, "last_at": AFTER} | fields
    return RedFlag.objects.create(code=code, opportunity=opportunity, **values)


def without_tokens(page: str) -> str:
    """A page without what each rendering of a form draws anew: its token and its number."""
    return re.sub(r'name="(csrfmiddlewaretoken|key)" value="[\w-]+"', "", page)


# --- Rights ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "all_", "mine", "page", "explain", "dismiss", "join"),
    [
        ("auditor", 200, 404, 200, 403, 200, 200),
        ("officer", 404, 200, 200, 200, 403, 403),
        ("outside_officer", 404, 200, 404, 404, 404, 404),
        ("buyer", 404, 404, 404, 404, 404, 404),
        ("administrator", 404, 404, 404, 404, 404, 404),
        ("vendor_owner", 404, 404, 404, 404, 404, 404),
        ("outsider", 404, 404, 404, 404, 404, 404),
    ],
)
def test_who_sees_what(world, client, who, all_, mine, page, explain, dismiss, join):
    client.force_login(getattr(world, who))
    paths = ["/verification/signaux/", "/verification/mes-signaux/", world.url]
    paths += [f"{world.url}{name}/" for name in ("expliquer", "ecarter", "joindre")]
    assert [client.get(path).status_code for path in paths] == [all_, mine, page, explain, dismiss, join]
    assert client.post("/verification/signaux/recalculer/").status_code == (302 if who == "auditor" else 404)


@pytest.mark.parametrize("who", ["officer", "auditor"])
def test_whoever_answered_sees_no_signal_of_it(world, client, who):
    tied = getattr(world, who)
    VendorMembership.objects.create(user=tied, vendor=world.rival, role="member")
    client.force_login(tied)
    assert client.get(world.url).status_code == 404
    listing = "/verification/signaux/" if who == "auditor" else "/verification/mes-signaux/"
    assert world.opportunity.number not in client.get(listing).content.decode()


# --- States ----------------------------------------------------------------------------------------------------------
def test_explained_then_dismissed_then_taken_up(world, client):
    def act(who, name, reason="Le seul de la région."):
        client.force_login(who)
        return client.post(f"{world.url}{name}/", {"reason": reason}).status_code

    def state():
        return RedFlag.objects.get(pk=world.flag.pk).state

    assert act(world.officer, "expliquer", "") == 422
    assert act(world.officer, "expliquer") == 302 and state() == "explained"
    assert act(world.officer, "expliquer", "Le seul de la région; avis joint au dossier.") == 302
    assert act(world.auditor, "ecarter") == 302 and state() == "dismissed"
    assert act(world.auditor, "ecarter") == 409
    assert act(world.officer, "reprendre") == 403
    assert act(world.auditor, "reprendre") == 302 and state() == "new"
    told = LedgerPayload.objects.about(world.flag.ledger_subject()).values_list("action", flat=True)
    assert [action for action in told if not action.endswith(".refused")] == [
        "redflag.explain", "redflag.explain", "redflag.dismiss", "redflag.take_up",
    ]  # fmt: skip
    assert not LedgerEntry.objects.public().filter(action__startswith="redflag").exists()
    page = client.get(world.url).content.decode()
    assert page.count("Le seul de la région.") >= 3


def test_joined_to_a_case(world, client):
    client.force_login(world.auditor)
    assert "Ouvrir une vérification" in client.get(f"{world.url}joindre/").content.decode()
    case = case_actions.open_(world.opportunity, by=world.auditor, title="Délais", text="À voir.")
    other = case_actions.open_(world.awarded()[0], by=world.auditor, title="Autre", text="À voir.")
    assert client.post(f"{world.url}joindre/", {"case": other.number}).status_code == 422
    assert client.post(f"{world.url}joindre/", {"case": case.number}).status_code == 302
    row = RedFlag.objects.get(pk=world.flag.pk)
    assert (row.state, row.monitoring) == ("in_monitoring", case)
    assert case.number in client.get(world.url).content.decode()


def test_the_body_learns_of_no_case_that_it_was_not_told_of(world, client):
    """Joined to a case of which nothing was said yet, the signal looks to the body as it did before."""
    client.force_login(world.officer)
    before = client.get(world.url).content.decode()
    case = case_actions.open_(world.opportunity, by=world.auditor, title="Délais", text="À voir.")
    flag_actions.join(world.flag, by=world.auditor, monitoring=case)
    assert without_tokens(client.get(world.url).content.decode()) == without_tokens(before)
    mine = "/verification/mes-signaux/"
    assert world.opportunity.number in client.get(f"{mine}?etat=new").content.decode()
    assert world.opportunity.number not in client.get(f"{mine}?etat=in_monitoring").content.decode()
    checklist = f"/verification/attributions/{world.opportunity.number}/"
    assert "En vérification" not in client.get(checklist).content.decode()
    assert client.post(f"{world.url}expliquer/", {"reason": "Le seul de la région."}).status_code == 302
    assert RedFlag.objects.get(pk=world.flag.pk).state == "explained"

    client.force_login(world.auditor)
    flag_actions.join(RedFlag.objects.get(pk=world.flag.pk), by=world.auditor, monitoring=case)
    assert case.number in client.get(world.url).content.decode()
    client.force_login(world.officer)
    page = client.get(world.url).content.decode()
    assert case.number not in page and "Expliqué par l’organisme" in page
    case_actions.ask(case, by=world.auditor, due_on=date(2026, 12, 15), text="Pourquoi?")
    page = client.get(world.url).content.decode()
    assert case.number in page and "En vérification" in page


def test_a_concluded_case_takes_no_signal(world):
    case = case_actions.open_(world.opportunity, by=world.auditor, title="Délais", text="À voir.")
    case_actions.conclude(case, by=world.auditor, finding=False, text="Rien.")
    assert not flag_actions.cases_for(world.flag, world.auditor)
    from marketplace.lifecycle import IllegalMove

    with pytest.raises(IllegalMove):
        flag_actions.join(world.flag, by=world.auditor, monitoring=Monitoring.objects.get())


# --- One signal ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["", "/en"])
def test_each_code_has_its_page(world, client, language):
    client.force_login(world.auditor)
    FlagPeers.objects.create(code="R018", count=3, first=1, median=2, third=4, at=AFTER)
    for code in CATALOGUE:
        assert str(CATALOGUE[code].formula) and str(CATALOGUE[code].normal)
    page = client.get(f"{language}{world.url}").content.decode()
    assert 'role="img"' in page and 'id="quartiles"' in page
    assert page.count("<desc") == 1


@pytest.mark.parametrize("language", ["", "/en"])
def test_too_few_values_are_neither_drawn_nor_divided_in_four(world, client, language):
    client.force_login(world.auditor)
    FlagPeers.objects.create(code="R018", count=1, first=1, median=1, third=1, at=AFTER)
    page = client.get(f"{language}{world.url}").content.decode()
    assert 'role="img"' not in page and 'id="quartiles"' not in page
    assert ("too few for a median" if language else "trop peu pour en tirer") in page


def test_the_drawing_puts_each_value_in_its_place():
    quartiles = tuple(map(Decimal, ("2", "3", "6")))
    places = flag_views.drawing(Decimal("12"), Decimal("2"), quartiles)
    assert places["q1"] == places["threshold"] == flag_views.EDGE
    assert places["value"] == flag_views.WIDTH - flag_views.EDGE
    assert places["q1"] < places["median"] < places["q3"] < places["value"]
    flat = flag_views.drawing(Decimal(1), Decimal(1), (Decimal(1),) * 3)
    assert flat["value"] == flat["median"] == flag_views.EDGE and flat["box"] == 2
    assert (places["low"], places["high"], places["ticks"]) == (2, 12, [flag_views.EDGE, places["value"]])
    assert flat["low"] == flat["high"] == 1 and flat["ticks"] == [flag_views.EDGE]


@pytest.mark.parametrize(
    ("code", "value", "french"),
    [
        ("R018", "1", "1 proposition"), ("R018", "2", "2 propositions"), ("R018", "0", "0 proposition"),
        ("R028", "1.0833", "1,08 prestataire"), ("R003", "2", "2 jours"), ("WINDOW", "1.5", "1,5 jour"),
        ("R036", "1", "rang 1"), ("R035", "3", "3 prestataires rejetés"), ("AFFIL", "0.5", "0,5 indice"),
        ("R024", "0.125", "12,5 % du prix retenu"), ("SPLIT", "95000", "95 000 $"),
    ],
)  # fmt: skip
def test_a_value_bears_its_unit(code, value, french):
    assert with_unit(code, Decimal(value)).replace("\u00a0", " ") == french


def test_a_first_setting_is_not_dated(world, client):
    client.force_login(world.auditor)
    FlagPeers.objects.create(code="R018", count=3, first=1, median=2, third=4, at=AFTER)
    page = words(client.get(world.url))
    assert "réglage d’origine" in page and "janvier 2000" not in page
    assert "L’échelle va de 1 proposition à 4 propositions." in page
    assert "1 proposition 4 propositions moitié du milieu" in page
    assert "réglage d’origine" in client.get("/signaux/").content.decode()


def test_all_the_others_rejected_in_words():
    told = [sentence("R035", {"vendor": "Alpha", "rejected": n}) for n in (1, 3)]
    assert told == [
        "La proposition de Alpha est retenue; la seule autre a été rejetée.",
        "La proposition de Alpha est retenue; les 3 autres ont été rejetées.",
    ]


def test_computing_again_is_for_auditors_and_is_kept(world, client):
    client.force_login(world.auditor)
    answer = client.post("/verification/signaux/recalculer/", follow=True)
    assert "Calcul demandé" in answer.content.decode()
    assert LedgerPayload.objects.get(action="flags.compute").actor == world.auditor
    assert RedFlag.objects.get(pk=world.flag.pk).ceased_at is not None  # two proposals: it was not one
    assert client.get("/verification/signaux/recalculer/").status_code == 405


# --- The lists -------------------------------------------------------------------------------------------------------
def test_the_filters_and_the_counts(world, client):
    second = world.awarded(mode="price")[0]
    flag(second, "R028", first_at=AFTER + timedelta(days=5), details={"vendors": ["A", "B"], "cents": 1_00})
    gone = flag(second, "LATE_ADD", ceased_at=AFTER, details={"hours": "3"})
    client.force_login(world.auditor)

    def listed(query="") -> list[str]:
        return [row.code for row, _tone in client.get(f"/verification/signaux/?{query}").context["rows"]]

    assert listed() == ["R028", "R018"]
    assert listed("code=R018") == ["R018"]
    assert sorted(listed("anciens=1")) == ["LATE_ADD", "R018", "R028"]
    assert listed("du=2026-12-01") == ["R028"]
    assert listed("au=2026-11-30") == ["R018"]
    assert listed("etat=explained") == []
    assert listed(f"organisme={world.body.pk}") == ["R028", "R018"]
    assert listed("code=zzz&etat=%00&du=hier&apres=9999999999999999999999") == ["R028", "R018"]
    counts = {code: n for code, _title, n in client.get("/verification/signaux/?code=R018").context["codes"]}
    assert (counts["R018"], counts["R028"], counts["LATE_ADD"]) == (1, 1, 0)
    assert gone.get_absolute_url()


def test_pages_of_the_list_have_no_hole(world, client, monkeypatch):
    for code in ("R003", "WINDOW"):
        flag(world.opportunity, code, details={"days": 3, "why": "reason"})
    monkeypatch.setattr(flag_views, "PAGE", 2)
    client.force_login(world.officer)
    first = client.get("/verification/mes-signaux/")
    second = client.get(f"/verification/mes-signaux/{first.context['older']}")
    shown = [row.code for page in (first, second) for row, _tone in page.context["rows"]]
    assert sorted(shown) == ["R003", "R018", "WINDOW"]


@pytest.mark.parametrize(
    ("who", "path"), [("auditor", "/verification/signaux/"), ("officer", "/verification/mes-signaux/")]
)
def test_the_list_costs_the_same_for_one_and_three(world, client, who, path):
    client.force_login(getattr(world, who))

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/verification/{path}/")
        return len(queries)

    cost()
    one = cost()
    for code in ("R035", "REVERSED"):
        flag(world.opportunity, code, vendor=world.vendor, details={"vendor": "A", "rejected": 2, "vendors": ["A"]})
    assert cost() == one <= 8


# --- Before a notice, before an award --------------------------------------------------------------------------------
SPLIT = {"budget_cents": 64_000_00, "title": "Tableau de bord des ponts et routes"}


def test_a_split_is_asked_about_before_publication(cast, client):
    cast.published(**SPLIT)
    reviewed = cast.in_review(**SPLIT)
    url = f"/occasions/{reviewed.number}/publier/"
    client.force_login(cast.officer)
    with clock.set_to(PUBLISHED_AT):
        page = client.get(url).content.decode()
        assert "dépassent ensemble le plafond" in page and 'name="justification"' in page
        refused = client.post(url, {"justification": "  "})
        assert refused.status_code == 422
        assert type(reviewed).objects.get(pk=reviewed.pk).state == "in_review"
        assert client.post(url, {"justification": "Un autre réseau routier."}).status_code == 302
    told = LedgerPayload.objects.get(subject=reviewed.ledger_subject(), action="redflag.publish")
    assert told.body["justification"] == "Un autre réseau routier."


def test_nothing_is_asked_of_an_ordinary_notice(cast, client):
    reviewed = cast.in_review()
    client.force_login(cast.officer)
    with clock.set_to(PUBLISHED_AT):
        page = client.get(f"/occasions/{reviewed.number}/publier/").content.decode()
        assert 'name="justification"' not in page
        assert client.post(f"/occasions/{reviewed.number}/publier/").status_code == 302
    assert LedgerPayload.objects.filter(subject=reviewed.ledger_subject(), action="opportunity.publish").exists()
    assert not LedgerPayload.objects.filter(action="redflag.publish").exists()


def test_the_officer_reads_the_signals_before_confirming(cast, client):
    alone, _proposals = cast.recommended(proposals=1, values=("90",))
    client.force_login(cast.officer)
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        page = client.get(f"/occasions/{alone.number}/confirmer/")
        found = page.content.decode()
    assert page.status_code == 200
    assert "Une seule proposition" in found and "Pourquoi ce peut être normal" in found
    assert not RedFlag.objects.exists()


@pytest.mark.parametrize("explanation", ["", "La seule équipe qui connaît ce système."])
def test_confirming_keeps_the_signals_and_what_is_said_of_them(cast, client, explanation):
    alone, _proposals = cast.recommended(proposals=1, values=("90",))
    client.force_login(cast.officer)
    url, said = f"/occasions/{alone.number}/confirmer/", "explanation_R018_0"
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        page = client.get(url)
        asked = page.context["recommended"]
        assert page.content.decode().count(f'name="{said}"') == 1
        wrong = client.post(url, {"recommendation": asked, said: "x" * 2_001})
        assert wrong.status_code == 422 and "x" * 2_001 in wrong.content.decode()
        assert client.post(url, {"recommendation": asked, said: explanation}).status_code == 302
    row = RedFlag.objects.get(code="R018")
    assert (row.state, row.reason) == ("explained" if explanation else "new", explanation)
    told = LedgerPayload.objects.get(action="redflag.award")
    assert "R018" in told.body["signals"] and told.actor == cast.officer
    assert not LedgerEntry.objects.public().filter(action__startswith="redflag").exists()


def test_what_is_said_at_the_award_reaches_a_signal_in_a_case(cast):
    alone, _proposals = cast.recommended(proposals=1)
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        row = flag(alone)
        case = case_actions.open_(alone, by=cast.auditor, title="Délais", text="À voir.", flags=[row])
        award_actions.confirm(alone, by=cast.officer)
        flag_actions.keep(alone, by=cast.officer, at=clock.now(), explanations={("R018", None): "La seule équipe."})
    row = RedFlag.objects.get(code="R018")
    assert (row.state, row.reason, row.monitoring) == ("explained", "La seule équipe.", case)


def test_an_open_case_is_told_before_confirming(cast, client):
    waiting, _proposals = cast.recommended()
    client.force_login(cast.officer)
    with clock.set_to(CLOSES_AT + timedelta(days=2)):
        case = case_actions.open_(waiting, by=cast.auditor, title="Délais", text="À voir.")
        url = f"/occasions/{waiting.number}/confirmer/"
        assert case.number not in client.get(url).content.decode()  # nothing was asked of the body yet
        case_actions.ask(case, by=cast.auditor, due_on=date(2026, 12, 15), text="Pourquoi?")
        page = client.get(url).content.decode()
        assert case.number in page and "Une vérification est en cours" in page


# --- The public's totals ---------------------------------------------------------------------------------------------
def test_the_public_reads_totals_and_never_which(cast, client):
    made = [cast.awarded(mode="price")[0] for _one in range(public_flag_views.LEAST)]
    with clock.set_to(AFTER):
        for opportunity in made[:2]:
            flag(opportunity)
        flag(made[2], ceased_at=AFTER)
        flag(made[3], vendor=cast.vendor)
        waiting = cast.opened(proposals=1)[0]
        flag(waiting)
        found = public_flag_views.totals()
        page = client.get("/signaux/").content.decode()
    assert found["years"] == [(2026, 5)]
    assert found["codes"]["R018"] == [3]
    assert found["bodies"] == [{"name": cast.body.name, "awards": 5, "flags": 3, "flagged": 3}]
    for opportunity in [*made, waiting]:
        assert opportunity.number not in page
    assert cast.vendor.legal_name not in page
    assert all(str(entry.formula)[:40].split("«")[0] in page for entry in CATALOGUE.values())


def test_few_awards_give_no_total(cast, client):
    made = cast.awarded()[0]
    with clock.set_to(AFTER):
        flag(made)
        found = public_flag_views.totals()
        page = client.get("/en/signaux/").content.decode()
    assert (found["years"], found["bodies"]) == ([], [])
    assert cast.body.name not in page


def test_a_sealed_proposal_changes_nothing_on_any_page(cast, client):
    """An occasion that is not opened: same pages with no deposit and with two."""
    opportunity = cast.published()

    def pages() -> list:
        client.force_login(cast.auditor)
        with clock.set_to(PUBLISHED_AT):
            client.post("/verification/signaux/recalculer/")
            client.get("/verification/signaux/")
            return [
                [(row.code, row.value) for row, _tone in client.get("/verification/signaux/").context["rows"]],
                public_flag_views.totals(),
            ]

    before = pages()
    cast.submitted(opportunity)
    cast.submitted(opportunity, vendor=cast.rival)
    assert pages() == before
