"""The cast and the rules of the house: warnings are errors, no network, mails after commit, emptied databases.

What makes the suite quick: worlds are kept (kept.py), the database is migrated once (migrated.py), and below.
"""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from django import shortcuts
from django.core.cache import cache
from django.db.backends.postgresql import creation as postgresql
from django.template.loader import get_template, render_to_string
from django.test import TransactionTestCase
from django.utils import translation
from whitenoise.middleware import WhiteNoiseMiddleware

from marketplace import later
from marketplace.dates import clock
from marketplace.files import bucket, clamd
from marketplace.mail import delivery
from tests import emptied, migrated
from tests.kept import WATCHING, world
from tests.stack import roomy

APPEND_ONLY = [
    "marketplace_ledgerentry",
    "marketplace_checkpoint",
    "marketplace_ledgerblock",
    "marketplace_keycheck",
    "marketplace_storagemark",
    "opportunities_noticeversion",
    "opportunities_addendum",
    "proposals_submission",
    "proposals_openedproposal",
    "proposals_opening",
    "proposals_draw",
    "proposals_sealkey",
    "proposals_notesversion",
    "proposals_notesseal",
    "proposals_notereexaminationline",
    "contracts_document",
    "contracts_criterioncheck",
    "audit_monitoringnote",
    "audit_monitoringfile",
    "audit_plancheck",
    "audit_samplingplan",
    "audit_awardreview",
]
# Whoever asks for one of these is given the database; anybody else who touches it is refused by pytest-django.
DATABASE = {"db", "transactional_db", "live_server", "django_db_setup"}
# A Tuesday in standard time, 9 h in Montréal: the instant from which most tests begin.
NOW = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)
# The longest files, longest first: they begin, so that no process works alone at the end.
LONGEST = [
    *("test_paying_survives", "test_contract_journey", "test_pages", "test_main_job", "test_catalogue"),
    *("test_floor_pages", "test_lifecycle", "test_award_audit", "test_monitoring_journey", "test_wrong_moves"),
    *("test_sealing", "test_audit_search", "test_case_pages", "test_every_page", "test_seed", "test_evaluation_pages"),
    *("test_other_ways", "test_localstripe", "test_races", "test_casefile", "test_contract_pages", "test_payments"),
]

# The same examples at each run, so that no change fails by chance; `make drills` looks for new ones, and what it finds
# becomes an @example.
CALM = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}  # a busy machine is no fault
hypothesis.settings.register_profile("same", derandomize=True, database=None, **CALM)
hypothesis.settings.register_profile("random", derandomize=False, print_blob=True, **CALM)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
# For a test that hands a fixture of the whole test to each example, and knows it.
IN_A_TEST = [hypothesis.HealthCheck.function_scoped_fixture, *CALM["suppress_health_check"]]


def pytest_report_header(config):
    from django.conf import settings

    return f"database: {settings.DATABASES['default']['ENGINE'].rsplit('.', 1)[-1]}"


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items):
    """Say what each test needs: tools/test.py runs once those that touch no database, and tells the time by kind."""
    from django.conf import settings

    skip = pytest.mark.skip(reason="needs PostgreSQL: two connections at once")
    for item in items:
        if not (item.get_closest_marker("django_db") or DATABASE & set(item.fixturenames)):
            item.add_marker("no_database")
        if item.get_closest_marker("postgres") and "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
            item.add_marker(skip)
        item.user_properties.append(("kind", _kind(item)))


def _kind(item) -> str:
    if item.get_closest_marker("browser"):
        return "browser"
    if getattr(item.obj, "is_hypothesis_test", False):
        return "property-based"
    if item.get_closest_marker("no_database"):
        return "no database"
    return "database, committed" if _commits(item) else "database"


def _commits(item) -> bool:
    marker = item.get_closest_marker("django_db")
    asked = {"transactional_db", "live_server"} & set(item.fixturenames)
    return bool(asked or (marker and marker.kwargs.get("transaction")))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    rank = {name: place for place, name in enumerate(LONGEST)}
    session.items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
    # What is imported and collected stays until the end: the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """The whole run has room on its stack of frames: a quarter of the processor's time (tests/stack.py)."""
    manager = session.config.pluginmanager
    loop = manager.subset_hook_caller("pytest_runtestloop", remove_plugins=[sys.modules[__name__]])
    return roomy(lambda: loop(session=session))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.when == "setup":
        item.user_properties.append(("setup", f"{call.duration:.3f}"))


@pytest.fixture(scope="session")
def _media(tmp_path_factory) -> Iterator[Path]:
    """A folder that does not exist yet for each test: `tmp_path` would make one, and read the names of all others."""
    base = tmp_path_factory.mktemp("media")
    return (base / str(number) for number in count())


@pytest.fixture(autouse=True)
def _settings(settings, _media):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MEDIA_ROOT = next(_media)
    settings.ACCOUNT_RATE_LIMITS = False
    # Asked where they are the subject (test_staff_factor.py, test_account_doors.py), and in the browser.
    settings.SECOND_FACTOR_REQUIRED = settings.ADMINISTRATION_ASKS_AGAIN = False
    cache.clear()
    for optional in (later.broker, delivery.server, bucket.server, clamd.breaker):
        optional.works()  # what one test made silent, the next one asks again
    yield
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    assert clock._set_to is None, f"this test leaves the clock at {clock._set_to} to the next one"
    translation.activate(settings.LANGUAGE_CODE)  # a request under /en/ leaves English active in this thread


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request, tmp_path_factory, django_db_blocker, django_db_modify_db_settings_parallel_suffix
):
    """Called by pytest-django before it creates the database: see tests/migrated.py."""
    cache = getattr(request.config, "cache", None)  # absent with `-p no:cacheprovider`
    own = tmp_path_factory.mktemp("database")
    with django_db_blocker.unblock():
        migrated.prepare(cache.mkdir("databases") if cache else own, own)


@pytest.fixture(scope="session")
def django_db_keepdb(request):
    """On SQLite, the copy that waits for Django is the database; pytest empties its folder."""
    from django.db import connection

    return connection.vendor == "sqlite" or request.config.getvalue("reuse_db")


@pytest.fixture(scope="session", autouse=True)
def _only_what_was_written_is_emptied():
    """A test that commits ends by emptying the tables that hold something: a tenth of what Django's flush costs.

    For the whole session: a patch of one test would be undone before that test's tables are emptied.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _test: emptied.empty())
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_database_goes_with_its_sessions():
    """A browser that was closed may leave a request under way, and its thread's session: it must not keep PostgreSQL
    from dropping the tests' database."""

    def drop(creation, name, verbosity):
        with creation._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {creation.connection.ops.quote_name(name)} WITH (FORCE)")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgresql.DatabaseCreation, "_destroy_test_db", drop)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_listed_once():
    """WhiteNoise walks every static file when it starts, and each test client starts it: 30 ms a client."""
    walk, listed = WhiteNoiseMiddleware.add_files_from_finders, {}

    def add(middleware):
        if middleware.static_prefix not in listed:
            walk(middleware)
            listed[middleware.static_prefix] = dict(middleware.files)
        middleware.files.update(listed[middleware.static_prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture
def bare_refusals():
    """Refusals keep their status and lose their page, for tables of statuses: 403, 404 and 409 are read elsewhere."""
    pages = {"403.html", "404.html", "error.html"}

    def render(name, *args, **kwargs):
        return render_to_string(name, *args, **kwargs) if name not in pages else get_template(name) and ""

    with pytest.MonkeyPatch.context() as patch:  # not the fixture: worlds are built as usual
        patch.setattr(shortcuts, "loader", SimpleNamespace(render_to_string=render))
        yield


@pytest.fixture
def monkeypatch(monkeypatch):
    """pytest's own; worlds are not handed out again to who changes how they are built (tests/kept.py)."""
    world.patches.append(monkeypatch)
    yield monkeypatch
    world.patches.remove(monkeypatch)


@pytest.fixture(autouse=True)
def _worlds(request, _settings):
    commits = _commits(request.node)
    world.begin(closed=commits or bool(WATCHING & set(request.fixturenames)))
    yield
    world.end(emptied=commits)


@pytest.fixture
def now():
    """The clock stands still at NOW."""
    with clock.set_to(NOW):
        yield NOW


@pytest.fixture
def cast(db):
    """Everybody of a procurement: see tests/cast.py."""
    from tests.cast import everybody

    return everybody()
