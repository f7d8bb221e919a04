"""What is handed out again is what was built: rows, files, callbacks, objects; and in doubt, it is built."""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from marketplace.dates import clock
from marketplace.files import store
from marketplace.models import User
from opportunities.models import PublicBody, Skill
from tests import contract_cast, leaks
from tests.cast import CLOSES_AT, everybody, person
from tests.kept import kept, world


class Undo(Exception):
    pass


runs: list[str] = []


@kept
def body(name: str) -> PublicBody:
    runs.append(name)
    return PublicBody.objects.create(name=name, acronym=name[:2])


@pytest.fixture(autouse=True)
def _none_kept(db):
    world.store.clear()
    runs.clear()


def again(act):
    """What `act` returns twice, each time from the same state."""
    results = []
    for _time in range(2):
        try:
            with transaction.atomic():
                results.append(act())
                raise Undo
        except Undo:
            pass
    return results


def test_a_concluded_contract_is_the_same_to_the_last_byte(settings):
    def build():
        with CountedQueries() as counted:
            contract = contract_cast.active(everybody())
        rows = {table: sorted(map(repr, table_rows(table))) for table in connection.introspection.table_names()}
        callbacks = [
            (type(run).__name__, getattr(run, "args", None)) for _ids, run, _robust in connection.run_on_commit
        ]
        connection.check_constraints()
        return rows, callbacks, sorted(leaks.files(Path(settings.MEDIA_ROOT))), fields_of(contract), counted.total

    (rows, callbacks, files, fields, built), (rows2, callbacks2, files2, fields2, handed) = again(build)
    assert sum(map(len, rows.values())) > 400 and len(callbacks) > 20 and files
    assert {table for table in rows if rows[table] != rows2[table]} <= {"sqlite_sequence"}
    assert (callbacks, files, fields) == (callbacks2, files2, fields2)
    assert built > 400 and handed == 0


def fields_of(row) -> set[str]:
    """What the object holds; a mark of pickle's aside."""
    return vars(row).keys() - {"_django_version"}


class CountedQueries:
    """Counts what passes through Django, without the capture that makes functions run."""

    def __enter__(self):
        self.total = 0
        self._wrapper = connection.execute_wrapper(self._count)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *exception):
        self._wrapper.__exit__(*exception)

    def _count(self, execute, sql, *args):
        self.total += not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, *args)


def table_rows(table):
    with contextlib.closing(connection.connection.cursor()) as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')
        return cursor.fetchall()


def test_handed_out_objects_are_whole_and_nobody_elses():
    first, second = again(lambda: body("Ville"))
    assert runs == ["Ville"] and first == second and first is not second
    first.name = "Changée"
    assert second.name == "Ville" and again(lambda: body("Ville"))[0].name == "Ville"


def test_what_was_passed_is_changed_and_named_in_what_comes_back():
    def build():
        cast = everybody()
        occasion = cast.published()
        proposal = cast.proposal(occasion)
        before = proposal.state
        cast.deposit(proposal)
        return cast, occasion, proposal, before

    (first, occasion, built, _before), (second, occasion2, handed, before) = again(build)
    assert (before, handed.state, built.state) == ("draft", "submitted", "submitted")
    assert fields_of(handed) == fields_of(built)
    assert (handed.opportunity is occasion2) == (built.opportunity is occasion)
    assert (handed.vendor is second.vendor) == (built.vendor is first.vendor)


@pytest.mark.parametrize(
    "change",
    [
        lambda: person("Une Autre"),
        lambda: User.objects.filter(pk=0).update(name="Personne"),
        lambda: Skill.objects.filter(pk=0)._raw_delete("default"),
        lambda: connection.cursor().execute("CREATE TEMPORARY TABLE t (n integer)"),
    ],
)
def test_any_other_write_makes_the_state_unknown(change):
    again(lambda: body("Ville"))
    change()
    again(lambda: body("Ville"))
    assert runs == ["Ville"] * 3


def test_rolled_back_the_state_is_known_again():
    again(lambda: (person("Une Autre"), body("Ville")))
    assert runs == ["Ville"] * 2
    again(lambda: body("Ville"))
    assert runs == ["Ville"] * 3
    again(lambda: body("Ville"))
    assert runs == ["Ville"] * 3


def test_the_order_of_calls_is_part_of_the_state():
    first, second = again(lambda: (body("Ville").pk, body("Région").pk))
    assert first == second
    again(lambda: (body("Région").pk, body("Ville").pk))
    assert runs == ["Ville", "Région"] * 1 + ["Région", "Ville"]


def test_the_clock_and_the_settings_are_part_of_the_call(settings):
    again(lambda: body("Ville"))
    with clock.set_to(CLOSES_AT):
        again(lambda: body("Ville"))
    with clock.set_to(CLOSES_AT + timedelta(seconds=1)):
        again(lambda: body("Ville"))
    settings.OCDS_PREFIX = "ocds-another"
    again(lambda: body("Ville"))
    assert runs == ["Ville"] * 4


def test_it_is_built_for_whoever_watches_how():
    again(lambda: body("Ville"))
    with CaptureQueriesContext(connection) as captured:
        again(lambda: body("Ville"))
    assert runs == ["Ville"] * 3 and len(captured) > 2


def test_what_is_patched_is_part_of_the_call(monkeypatch):
    held = []
    for _time in range(2):
        for value, built in ((1, 1), (2, 1), (lambda: 1, 1), (lambda: held, 2)):
            runs.clear()
            monkeypatch.setattr(PublicBody, "pretended", value, raising=False)
            again(lambda: body("Ville"))
            assert len(runs) == (0 if _time and built == 1 else built), value
            monkeypatch.undo()
    monkeypatch.setenv("PRETENDED", "1")
    runs.clear()
    again(lambda: body("Ville"))
    assert runs == ["Ville"]


def test_what_cannot_be_told_again_is_built():
    @kept
    def odd(act):
        runs.append("odd")
        return act()

    @kept
    def made(name):
        runs.append(name)
        return lambda: name

    again(lambda: odd(lambda: body("Ville")))
    again(lambda: made("a function"))
    assert runs == ["odd", "Ville", "odd", "a function", "a function"]


def test_files_come_back(settings):
    @kept
    def stored(name):
        store.storage.write(name, name.encode())
        return name

    def build():
        name = stored("dossier/plan.txt")
        content = (Path(settings.MEDIA_ROOT) / name).read_bytes()
        (Path(settings.MEDIA_ROOT) / name).unlink()
        return name, content

    assert again(build) == [("dossier/plan.txt", b"dossier/plan.txt")] * 2


def test_a_function_that_fails_leaves_nothing():
    @kept
    def failing():
        runs.append("failing")
        person("Une Autre")
        raise ValueError

    def build():
        with pytest.raises(ValueError), transaction.atomic():
            failing()
        return body("Ville").pk, User.objects.count()

    assert again(build)[1][1] == 0
    assert runs == ["failing", "Ville", "failing"]
