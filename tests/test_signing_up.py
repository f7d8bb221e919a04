"""What signing up, and failing to sign in, tell a stranger; and the sessions that ended."""

from datetime import timedelta
from importlib import import_module

import pytest
from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.utils import timezone

from marketplace import celery
from marketplace.accounts import tasks as account_tasks
from marketplace.models import User

SIGN_UP = {
    "name": "Camille Essai", "email": "camille@exemple.invalid", "password1": "Érable-rouge-4821",
    "password2": "Érable-rouge-4821", "language": "fr-ca", "terms": "on",
}  # fmt: skip
SIGN_IN = {"login": "camille@exemple.invalid", "password": "Érable-rouge-4821"}


@pytest.fixture
def hashed(monkeypatch) -> list:
    """One item for each password that was hashed: the slow part, whose time a stranger can measure."""
    calls, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda self, password, salt: calls.append(1) or encode(self, password, salt)
    )
    return calls


def test_an_address_with_an_account_costs_what_a_new_one_costs(db, client, settings, hashed):
    settings.ACCOUNT_RATE_LIMITS = {"confirm_email": "1/3m/key"}  # as in production: a second message is not sent
    answers = []
    for _attempt in range(3):
        hashed.clear()
        client.cookies.clear()
        answer = client.post("/compte/signup/", SIGN_UP)
        answers.append((answer.status_code, answer["Location"], len(hashed)))
    assert answers == [(302, "/compte/confirm-email/", 1)] * 3
    assert User.objects.filter(email=SIGN_UP["email"]).count() == 1


def test_a_refused_form_hashes_nothing_either_way(db, client, hashed):
    client.post("/compte/signup/", SIGN_UP)
    hashed.clear()
    for email in (SIGN_UP["email"], "autre@exemple.invalid"):
        client.post("/compte/signup/", SIGN_UP | {"email": email, "password2": "autre"})
    assert not hashed


def test_failing_on_purpose_keeps_nobody_out_for_long(db, client, settings, rf):
    """Ten failures close an account's door for five minutes, and a new password opens it at once."""
    from marketplace import settings as written

    settings.ACCOUNT_RATE_LIMITS = written.ACCOUNT_RATE_LIMITS
    assert written.ACCOUNT_RATE_LIMITS["login_failed"] == "30/m/ip,10/5m/key"
    client.post("/compte/signup/", SIGN_UP)
    User.objects.get().emailaddress_set.update(verified=True)
    for _attempt in range(9):
        client.post("/compte/login/", SIGN_IN | {"password": "faux"})
    assert client.post("/compte/login/", SIGN_IN).status_code == 302
    client.cookies.clear()
    client.post("/compte/login/", SIGN_IN | {"password": "faux"})
    assert client.post("/compte/login/", SIGN_IN).status_code != 302
    request = rf.get("/")
    get_adapter(request)._delete_login_attempts_cached_email(request, email=SIGN_IN["login"])  # what a reset does
    assert client.post("/compte/login/", SIGN_IN).status_code == 302


def test_sessions_that_ended_are_deleted(db, settings):
    store = import_module(settings.SESSION_ENGINE).SessionStore
    kept = []
    for days in (-1, 1):
        row = store()
        row.create()
        Session.objects.filter(pk=row.session_key).update(expire_date=timezone.now() + timedelta(days=days))
        kept.append(row.session_key)
    account_tasks.clear_sessions()
    assert list(Session.objects.values_list("pk", flat=True)) == kept[1:]


def test_every_periodic_task_exists():
    celery.app.loader.import_default_modules()
    assert {entry["task"] for entry in celery.app.conf.beat_schedule.values()} <= set(celery.app.tasks)
    assert "marketplace.tasks.clear_sessions" in {entry["task"] for entry in celery.app.conf.beat_schedule.values()}
