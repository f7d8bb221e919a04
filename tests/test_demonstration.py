"""The demonstration says what it is on every page, and refuses what is real; `compose.demo.yml` shows it.

The whole of it, started by the compose file's own command on a read-only system, is tools/drills/demonstration.py.
"""

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import translation

from marketplace import production
from tests.installed import ROOT, compose, image
from tools import run

BAND = {"fr-ca": "tout est inventé, rien n’est conservé", "en": "everything is invented, nothing is kept"}


def demo() -> dict:
    return compose("compose.demo.yml")["services"]["demo"]


# --- The band --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("language", ["fr-ca", "en"])
def test_the_band_is_on_every_page_of_a_demonstration_and_on_no_other(cast, settings, shown, language):
    settings.DEMONSTRATION, settings.SECOND_FACTOR_REQUIRED = shown, True
    Authenticator.objects.create(user=cast.administrator, type="totp", data={"secret": "x"})
    occasion = cast.published()
    with translation.override(language):
        addresses = [reverse(name) for name in ("home", "opportunities:list", "account_login", "pages:help", "ledger")]
        addresses += [occasion.get_absolute_url(), reverse("home") + "absente/"]
        signed_in = [reverse("admin:index"), reverse("dashboard")]
    visitor, pilot = Client(raise_request_exception=False), Client()
    pilot.force_login(cast.administrator)
    seen = 0
    for client, path in [(visitor, each) for each in addresses] + [(pilot, each) for each in signed_in]:
        answer = client.get(path, headers={"accept-language": language})
        assert answer.status_code in {200, 404}, path
        seen += 1
        page = answer.content.decode()
        assert ('class="demonstration"' in page) == shown, path
        assert (BAND[language] in page) == shown or "/pilotage/" in path, path
    assert seen == 9


@pytest.mark.parametrize("shown", [True, False])
def test_the_page_of_an_error_of_ours_has_it_too(rf, settings, shown):
    from marketplace.views import server_error

    settings.DEMONSTRATION, settings.SECOND_FACTOR_REQUIRED = shown, True
    assert (BAND["fr-ca"] in server_error(rf.get("/")).content.decode()) == shown


# --- What it refuses -------------------------------------------------------------------------------------------------
STANDIN = {
    "PRODUCTION": False,
    "STRIPE_SECRET_KEY": "sk_test_simulateur",
    "STRIPE_API_BASE": "http://127.0.0.1:12111",
    "EMAIL_HOST_PASSWORD": "",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PRODUCTION": True}, "DEMONSTRATION"),
        ({"STRIPE_API_BASE": ""}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_SECRET_KEY": "rk_live_x"}, "STRIPE_SECRET_KEY"),
        ({"EMAIL_HOST_PASSWORD": "secret"}, "EMAIL_URL"),
    ],
)
def test_a_demonstration_refuses_what_is_real(change, named):
    production.refuse_the_real(STANDIN)
    production.refuse_the_real(STANDIN | {"STRIPE_SECRET_KEY": "", "STRIPE_API_BASE": ""})
    with pytest.raises(ImproperlyConfigured, match=rf"^{named}\b") as caught:
        production.refuse_the_real(STANDIN | change)
    assert "secret" not in str(caught.value).replace("STRIPE_SECRET_KEY", "")


# --- The compose file ------------------------------------------------------------------------------------------------
def test_the_demonstration_keeps_nothing_and_is_seen_from_this_machine_alone():
    services = compose("compose.demo.yml")["services"]
    assert set(services) == {"demo", "mail"} and "volumes" not in compose("compose.demo.yml")
    for service in services.values():
        assert service["read_only"] and service["tmpfs"] == ["/tmp"] and "volumes" not in service
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    given = image()[0] | demo()["environment"]
    assert given["DEMONSTRATION"] == "true" and given["PRODUCTION"] == "false"
    assert given["VAR_DIR"].startswith("/tmp/") and given["MEDIA_ROOT"].startswith("/tmp/")
    assert given["BASE_URL"].endswith(":8000") and given["PORT"] == "8000"


def test_its_command_serves_and_simulates_where_it_is_told(monkeypatch, tmp_path):
    """`tools/run.py` with that environment: no process is started here."""
    assert demo()["command"] == ["python", "tools/run.py"] and (ROOT / "tools/run.py").exists()
    standins, started = [], []

    class Noted(run.Standin):
        def start(self):
            standins.append(self)

        def stop(self):
            pass

        def state(self):
            return {}

    class Ended:
        def __init__(self, command, **_options):
            started.append(command)

        def wait(self, **_options):
            return 0

        poll = wait

        def terminate(self):
            pass

    monkeypatch.setattr(run.signal, "signal", lambda *_arguments: None)
    monkeypatch.setattr(run, "Standin", Noted)
    monkeypatch.setattr(run, "manage", lambda *_arguments: None)
    monkeypatch.setattr(run.subprocess, "Popen", Ended)
    for name, value in (image()[0] | demo()["environment"] | {"VAR_DIR": str(tmp_path), "PATH": "/usr/bin"}).items():
        monkeypatch.setenv(name, value)
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert not ended.value.code
    (standin,) = standins
    assert standin.port == 12111 and standin.webhook == "http://127.0.0.1:8000/stripe/evenements"
    assert standin.options == {"host": "0.0.0.0", "public": "http://127.0.0.1:12111"}
    assert any("0.0.0.0:8000" in command for command in started)
