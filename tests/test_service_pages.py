"""The state of the service: what administrators read, with what to do; what anybody may know; what nobody is told."""

from datetime import timedelta

import pytest
from django.urls import reverse

from marketplace.dates import clock
from marketplace.ledger import checkpoints
from marketplace.models import OutgoingEmail
from marketplace.service import heartbeat, probes, views
from marketplace.urls import GAUGES
from opportunities.models import Opportunity
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.reading import signed_in, words
from tests.test_every_page import assert_whole
from tests.unguarded import unguarded

PUBLIC, PILOT = "/etat-du-service/", "/pilotage/service/"
WELL = "Tout fonctionne"


@pytest.fixture(autouse=True)
def _fresh():
    views.forget()
    yield
    views.forget()


@pytest.fixture
def well(cast, settings, monkeypatch):
    """An installation where everything runs, at PUBLISHED_AT; the disk too, whatever this machine's."""
    monkeypatch.setattr(probes.shutil, "disk_usage", lambda folder: (100, 0, 60))
    OutgoingEmail.objects.all().delete()
    for name in ("scheduler", "mail", "payments"):
        heartbeat.beat(at=PUBLISHED_AT, name=name)
    with clock.set_to(PUBLISHED_AT):
        checkpoints.make(at=PUBLISHED_AT)
        yield cast


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert_whole(path, answer)
    return words(answer)


# --- The public's ----------------------------------------------------------------------------------------------------
def test_anybody_reads_that_all_is_well(well, client):
    text = read(client, PUBLIC)
    assert WELL in text and "À surveiller" not in text
    assert "Mesuré le 3 novembre 2026, 9 h 00 (HNE)" in text
    for sentence in (
        "Aucune occasion n’attend son ouverture depuis plus d’une minute.",
        "Elles s’exécutent : le dernier signe de vie date de cinq minutes au plus.",
        "L’envoi des courriels fonctionne. Le serveur d’un destinataire peut encore en faire attendre un.",
        "Le dernier a été signé il y a 26 heures au plus.",
        "Aucun antivirus n’est en service",
    ):
        assert sentence in text


def stopped(cast, settings, monkeypatch):
    heartbeat.Heartbeat.objects.filter(name="scheduler").update(at=PUBLISHED_AT - timedelta(minutes=6))


def late_mail(cast, settings, monkeypatch):
    OutgoingEmail.objects.create(
        to=cast.buyer, address=cast.buyer.email, template="t", language="fr-ca", subject="s", body="b",
        created_at=PUBLISHED_AT - timedelta(minutes=11), waits_since=PUBLISHED_AT - timedelta(minutes=11),
    )  # fmt: skip


def silent_scanner(cast, settings, monkeypatch):
    monkeypatch.setattr(probes, "scanner", lambda: False)


def late_opening(cast, settings, monkeypatch):
    cast.published()
    late = PUBLISHED_AT - timedelta(minutes=3)
    with unguarded():
        Opportunity.objects.update(closes_at=late, questions_close_at=late - timedelta(days=5))


WRONG = [
    (stopped, "Elles n’ont pas donné signe de vie depuis plus de cinq minutes.", "À régler maintenant", "beat"),
    (late_mail, "des messages attendent depuis plus de dix minutes.", "À régler maintenant", "manage.py doctor"),
    (silent_scanner, "L’antivirus ne répond pas", "À surveiller", "Relancez clamd"),
    (late_opening, "Au moins une occasion attend encore son ouverture.", "À régler maintenant", "KeyUnavailable"),
]


@pytest.mark.parametrize(
    ("breaks", "public", "badge", "remedy"), WRONG, ids=lambda value: getattr(value, "__name__", "")
)
def test_what_is_wrong_is_told_to_each_in_its_way(well, client, settings, monkeypatch, breaks, public, badge, remedy):
    """One thing is wrong: the public reads what it means, the pilot what to do, and only there."""
    breaks(well, settings, monkeypatch)
    text = read(client, PUBLIC)
    said = {"À surveiller": "Le site répond; à surveiller : "}.get(badge, f"{badge} : ")
    assert said in text.replace("\u00a0", " ") and badge in text and WELL not in text and public in text
    assert remedy not in text
    pilot = read(signed_in(well.administrator), PILOT)
    assert said in pilot.replace("\u00a0", " ") and remedy in pilot
    assert pilot.count("Quoi faire.") == 1 and badge in pilot
    assert pilot.index("Quoi faire.") < pilot.index("Ce qui ne peut pas attendre")


def test_what_cannot_be_read_is_said_so(well, client, monkeypatch):
    def broken():
        raise OSError("hote-secret.exemple.invalid")

    monkeypatch.setattr(probes, "scanner", broken)
    text = read(client, PUBLIC)
    assert "Nous ne pouvons pas le savoir en ce moment." in text and WELL not in text and "hote-secret" not in text
    assert "Illisible" in read(signed_in(well.administrator), PILOT)


def test_it_is_read_now_and_not_for_each_visitor(well, client, monkeypatch):
    """Kept a few seconds in the process: a crowd costs one reading. Not in the page cache: its instant would be old."""
    asked = []
    monkeypatch.setattr(probes, "scanner", lambda: asked.append(1) or True)
    for _visit in range(3):
        answer = client.get(PUBLIC)
        assert "no-store" in answer["Cache-Control"]
    assert len(asked) == 1
    views.forget()
    client.get(PUBLIC)
    assert len(asked) == 2


def test_every_public_page_leads_there(well, client):
    assert f'href="{PUBLIC}"' in client.get("/").content.decode()
    assert f'href="{PUBLIC}"' in client.get("/plan-du-site/").content.decode()
    assert PILOT not in client.get(PUBLIC).content.decode()
    admin = signed_in(well.administrator)
    assert f'href="{PILOT}"' in admin.get(PUBLIC).content.decode()
    assert f'href="{PILOT}"' in admin.get(reverse("admin:index")).content.decode()


def test_in_english(well, client):
    text = read(client, "/en" + PUBLIC)
    assert "Everything works" in text and "Service status" in text and "Aucun" not in text
    text = read(signed_in(well.administrator), "/en" + PILOT)
    assert "Nothing to report" in text and "What cannot wait" in text
    for french in ("Aucun", "depuis", "Tâches", "Disque", "Mesuré", "jamais", "Exécuteur", "Serveur", "Messages remis"):
        assert french not in text


def test_one_message_put_off_is_no_outage(well, client):
    """A recipient's server that asks to come back later, for ten hours: the pilot reads it, the public does not."""
    long_ago = PUBLISHED_AT - timedelta(hours=10)
    OutgoingEmail.objects.create(
        to=well.buyer, address=well.buyer.email, template="t", language="fr-ca", subject="s", body="b",
        created_at=long_ago, waits_since=long_ago, claimed_at=PUBLISHED_AT - timedelta(hours=2), attempts=9,
        reason="put_off", last_error="SMTPRecipientsRefused 451 4.7.1", next_at=PUBLISHED_AT + timedelta(hours=2),
    )  # fmt: skip
    text = read(client, PUBLIC)
    assert WELL in text and "L’envoi des courriels fonctionne." in text
    pilot = read(signed_in(well.administrator), PILOT)
    assert "Messages remis à plus tard" in pilot and "10 heures" in pilot and "À régler maintenant" not in pilot
    assert pilot.count("Quoi faire.") == 1


# --- The pilot's -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["buyer", "officer", "vendor_owner", "auditor", "outsider"])
def test_only_administrators_read_the_measures(well, who):
    assert signed_in(getattr(well, who)).get(PILOT).status_code == 404


def test_a_visitor_signs_in_first(well, client):
    assert client.get(PILOT)["Location"].startswith("/compte/login/")


def test_the_pilot_reads_every_gauge(well):
    text = read(signed_in(well.administrator), PILOT)
    assert "Rien à signaler" in text and "Quoi faire." not in text
    plain = text.replace("\u00a0", " ")
    for gauge in GAUGES:
        assert str(gauge.label) in plain and str(gauge.about).replace("\u00a0", " ") in plain
    assert "alerte au-delà de 10 minutes" in text and "40 %" in text and "Sans objet" in text
    assert "Aucune occasion n’est ouverte aux dépôts en ce moment." in text and "METRICS_TOKEN" in text


def test_the_next_closing_instant(well, settings):
    settings.METRICS_TOKEN = "m" * 32
    well.published()
    well.published()
    text = read(signed_in(well.administrator), PILOT)
    assert "Prochaine heure limite : mardi 24 novembre 2026, 14 h 00 (HNE), 2 occasions." in text
    assert "METRICS_TOKEN" not in text and "/metrics" in text
    with clock.set_to(CLOSES_AT):
        assert "Prochaine heure limite" not in words(signed_in(well.administrator).get(PILOT))


def test_neither_page_changes_when_somebody_deposits(well, client):
    """Nor does what administrators read tell how many proposals an occasion has."""
    occasion = well.published()
    OutgoingEmail.objects.all().delete()
    pilot = signed_in(well.administrator)

    def pages():
        views.forget()
        return read(client, PUBLIC), read(pilot, PILOT)

    before = pages()
    well.submitted(occasion)
    well.submitted(occasion, vendor=well.rival)
    assert OutgoingEmail.objects.filter(confidential=True).exists()
    assert pages() == before
