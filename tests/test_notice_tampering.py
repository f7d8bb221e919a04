"""Whoever changes by SQL what was published is refused, or found and named: more than two hundred ways, drawn by lot.

(a) As the application: its role on PostgreSQL, the triggers on SQLite. (b) As the owner with the triggers off: by
tools/verify.py, from an export of the ledger of before and an export of today's rows.
"""

import hashlib
import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace import keys
from marketplace.dates import clock
from marketplace.files import store
from opportunities.models import Addendum, Attachment, Criterion, NoticeVersion, Opportunity, Skill
from opportunities.versions.document import FROZEN, VERSIONED
from proposals.award import actions as award_actions
from proposals.models import Award, Recommendation
from proposals.notice import actions as notice_actions
from tests import award_changes
from tests.award_changes import FIRST, OTHER, SECOND, Change
from tests.cast import CLOSES_AT, PUBLISHED_AT
from tests.test_grants import as_application, role  # noqa: F401 - fixtures
from tests.test_ledger import verify
from tests.test_notices import held, ledger_lines, notices, problems
from tests.test_verify import run
from tests.unguarded import unguarded

CHANGES = 370


@pytest.fixture
def world(cast):
    """Occasions that were published, corrected, suspended, cancelled, awarded, awarded again."""
    drafts = [cast.draft(mode="adjusted_price", title="Corrigée"), cast.draft(mode="quality_fixed", title="Suspendue")]
    for opportunity in drafts:
        for rank, content in enumerate((FIRST, SECOND), start=1):
            Attachment.objects.create(
                opportunity=opportunity, name=f"devis-{rank}.pdf", content_type="application/pdf", size=1_000 + rank,
                sha256=hashlib.sha256(content).hexdigest(), file=store.keep("occasions", content, ".pdf"),
                added_by=cast.buyer, at=PUBLISHED_AT,
            )  # fmt: skip
        opportunity.skills.add(Skill.objects.get_or_create(folded="django", defaults={"name": "Django"})[0])
        publish(cast, opportunity)
        with clock.set_to(PUBLISHED_AT + timedelta(days=2)):
            notice_actions.add_addendum(opportunity, by=cast.buyer, text="Le format change.")
            notice_actions.add_addendum(opportunity, by=cast.buyer, text="Les dates ne changent pas.")
    with clock.set_to(PUBLISHED_AT + timedelta(days=3)):
        award_actions.suspend(drafts[1], by=cast.officer, reason="Une erreur est à l’étude.")
        cancelled = cast.published(title="Annulée")
        award_actions.cancel(cancelled, by=cast.officer, reason="Le besoin a disparu.")
    awarded, _proposals = cast.unveiled(mode="adjusted_price", title="Attribuée")
    with clock.set_to(CLOSES_AT + timedelta(days=1)):
        second = award_actions.lines(awarded)[1].proposal
        award_actions.recommend(awarded, second, by=cast.buyer, justification="La première s’est désistée.")
        award_actions.confirm(awarded, by=cast.officer)
    rows = [Opportunity.objects.get(pk=row.pk) for row in (*drafts, cancelled, awarded)]
    return rows + award_changes.ended(cast)


def publish(cast, opportunity):
    from opportunities.review import actions as notice_review_actions

    with clock.set_to(PUBLISHED_AT):
        notice_review_actions.submit_for_review(opportunity, by=cast.buyer)
        notice_review_actions.publish(opportunity, by=cast.officer)


# --- Changes ---------------------------------------------------------------------------------------------------------
_WORDS = {
    "title": "titre", "teaser": "résumé", "closes_at": "date limite de dépôt", "budget_cents": "montant",
    "award_mode": "mode", "k_percent": "K", "published_at": "publication", "draw_commitment": "empreinte du tirage",
    "questions_close_at": "date limite des questions", "assignment_date": "attribution prévue",
    "start_date": "début du travail", "completion_date": "fin du travail", "state_reason": "motif",
    "location": "lieu", "region": "région", "contact_name": "personne à joindre", "code_licence": "licence",
    "unsuccessful_reason": "motif sans attribution", "remote_ok": "travail à distance",
}  # fmt: skip


def own_column(dice, row: Opportunity) -> Change:
    """Any column of the occasion that the document holds."""
    name = dice.choice((*FROZEN, *VERSIONED))
    now = getattr(row, name)
    values = {
        "budget_cents": dice.randrange(1, 89_000_00), "award_mode": "price", "k_percent": dice.randrange(15, 19),
        "remote_ok": not now, "code_licence": "MIT", "region": "02", "unsuccessful_reason": "other",
        "draw_commitment": "0" * 64,
    }  # fmt: skip
    if name.endswith(("_at", "_date")):
        # Later by whole days, in the order that the constraints ask for.
        days = timedelta(days=dice.randrange(1, 300) if name in {"completion_date", "start_date"} else 1)
        values[name] = (now or row.completion_date or row.start_date) + (days if now else timedelta(days=200))
        if name == "questions_close_at":
            values[name] = now - timedelta(days=dice.randrange(1, 9))
        if name == "completion_date":
            values[name] = row.start_date + days + timedelta(days=400)
    value = values.get(name, f"{OTHER} {dice.random()}"[:90])
    sql = f"UPDATE opportunities_opportunity SET {name} = %s WHERE id = %s"
    return Change(f"own:{name}", sql, (value, row.pk), row.number, _WORDS.get(name, ""))


def state(dice, row: Opportunity) -> Change:
    other = dice.choice([one for one in ("published", "suspended", "cancelled", "awarded") if one != row.state])
    sql = "UPDATE opportunities_opportunity SET state = %s WHERE id = %s"
    return Change("state", sql, (other, row.pk), row.number, "état")


def criterion(dice, row: Opportunity) -> Change:
    name, word = dice.choice(
        [
            ("weight", "poids"),
            ("weight", "poids"),
            ("label", "titre"),
            ("description", "niveau"),
            ("minimum", "minimum"),
        ]
    )
    one = dice.choice(list(row.criteria.all()))
    free = [n for n in range(1, 100) if n != one.weight]
    value = dice.choice(free) if name in {"weight", "minimum"} else f"{OTHER} {dice.random()}"[:90]
    sql = f"UPDATE opportunities_criterion SET {name} = %s WHERE id = %s"
    place = [line.pk for line in row.criteria.all()].index(one.pk) + 1
    return Change(f"criterion:{name}", sql, (value, one.pk), row.number, f"critère {place}, {word}")


def criterion_added(dice, row: Opportunity) -> Change:
    sql = (
        "INSERT INTO opportunities_criterion (opportunity_id, position, label, description, weight) "
        "VALUES (%s, 9, %s, '', %s)"
    )
    return Change("criterion:insert", sql, (row.pk, OTHER, dice.randrange(1, 100)), row.number, "critère")


def criterion_gone(dice, row: Opportunity) -> Change:
    """One that no note hangs from."""
    if row.proposals.exists() or not row.criteria.exists():
        return criterion_added(dice, row)
    pk = dice.choice(list(row.criteria.values_list("pk", flat=True)))
    return Change("criterion:delete", "DELETE FROM opportunities_criterion WHERE id = %s", (pk,), row.number, "critère")


def attachment(dice, row: Opportunity) -> Change:
    name, value, word = dice.choice(
        [
            ("name", OTHER, "nom"),
            ("size", dice.randrange(1, 999), "taille"),
            ("sha256", f"{dice.random()}", "empreinte"),
        ]
    )
    pk = dice.choice(list(Attachment.objects.filter(opportunity=row).values_list("pk", flat=True)))
    sql = f"UPDATE opportunities_attachment SET {name} = %s WHERE id = %s"
    return Change(f"file:{name}", sql, (value, pk), row.number, f"{word} (")


def attachment_gone(dice, row: Opportunity) -> Change:
    pk = dice.choice(list(Attachment.objects.filter(opportunity=row).values_list("pk", flat=True)))
    sql = "DELETE FROM opportunities_attachment WHERE id = %s"
    return Change("file:delete", sql, (pk,), row.number, "pièce jointe")


def attachment_added(dice, row: Opportunity) -> Change:
    sql = (
        "INSERT INTO opportunities_attachment (public_id, opportunity_id, name, content_type, size, sha256, file, "
        "scanned, added_by_id, at, version) SELECT %s, opportunity_id, %s, content_type, size, sha256, file, scanned, "
        "added_by_id, at, %s FROM opportunities_attachment WHERE opportunity_id = %s LIMIT 1"
    )
    uid = f"{dice.getrandbits(128):032x}"
    parameters = (uid, OTHER, dice.randrange(1, row.notice_version + 2), row.pk)
    return Change("file:insert", sql, parameters, row.number, "pièce jointe")


def addendum(dice, row: Opportunity) -> Change:
    name, value, word = dice.choice(
        [("text", OTHER, "texte"), ("at", PUBLISHED_AT, "date"), ("number", dice.randrange(3, 99), "numéro")]
    )
    pk = dice.choice(list(Addendum.objects.filter(opportunity=row).values_list("pk", flat=True)))
    sql = f"UPDATE opportunities_addendum SET {name} = %s WHERE id = %s"
    return Change(f"addendum:{name}", sql, (value, pk), row.number, word)


def addendum_gone(dice, row: Opportunity) -> Change:
    pk = dice.choice(list(Addendum.objects.filter(opportunity=row).values_list("pk", flat=True)))
    return Change("addendum:delete", "DELETE FROM opportunities_addendum WHERE id = %s", (pk,), row.number, "addenda")


def addendum_added(dice, row: Opportunity) -> Change:
    sql = (
        "INSERT INTO opportunities_addendum (opportunity_id, number, text, by_id, at, version) "
        "VALUES (%s, %s, %s, %s, %s, %s)"
    )
    version = dice.randrange(1, row.notice_version + 2)
    parameters = (row.pk, 50, OTHER, row.author_id, PUBLISHED_AT, version)
    return Change("addendum:insert", sql, parameters, row.number, "addenda")


def skill(dice, row: Opportunity) -> Change:
    pk = dice.choice(list(row.skills.values_list("pk", flat=True)))
    sql, parameters = dice.choice(
        [
            ("DELETE FROM opportunities_opportunity_skills WHERE opportunity_id = %s AND skill_id = %s", (row.pk, pk)),
            ("UPDATE opportunities_skill SET name = %s WHERE id = %s", (OTHER, pk)),
        ]
    )
    return Change("skill", sql, parameters, row.number, "compétence")


def award(dice, row: Opportunity) -> Change:
    made = Award.objects.get(opportunity=row)
    loser = row.proposals.exclude(pk=made.proposal_id).get().pk
    column, value, word = dice.choice(
        [
            ("amount_cents", dice.randrange(1, 59_000_00), "attribution, montant"),
            ("proposal_id", loser, "attribution, prestataire"),
            ("at", made.at + timedelta(hours=dice.randrange(1, 99)), "attribution, date"),
            ("reversed_at", made.at + timedelta(hours=1), "attribution"),
        ]
    )
    sql = f"UPDATE proposals_award SET {column} = %s WHERE id = %s"
    return Change(f"award:{column}", sql, (value, made.pk), row.number, word)


def ranking(dice, row: Opportunity) -> Change:
    made = Recommendation.objects.get(opportunity=row)
    lines = json.loads(json.dumps(made.ranking))
    line = dice.choice(lines)
    name, value, word = dice.choice(
        [("rank", 7, "rang"), ("price_cents", dice.randrange(1, 999), "prix"), ("final", "99", "note finale"),
         ("adjusted_cents", dice.randrange(1, 999), "prix ajusté")]
    )  # fmt: skip
    line[name] = value
    sql = "UPDATE proposals_recommendation SET ranking = %s WHERE id = %s"
    return Change(f"ranking:{name}", sql, (json.dumps(lines), made.pk), row.number, word)


def reasons(dice, row: Opportunity) -> Change:
    made = Recommendation.objects.get(opportunity=row)
    sql = "UPDATE proposals_recommendation SET justification = %s WHERE id = %s"
    return Change("award:justification", sql, (OTHER, made.pk), row.number, "justification")


def version(dice, row: Opportunity) -> Change:
    one = dice.choice(list(NoticeVersion.objects.filter(opportunity=row)))
    last = one.number == row.notice_version
    forged = one.document.replace('"weight":', '"weight":1', 1)
    sql, parameters, message = dice.choice(
        [
            ("UPDATE opportunities_noticeversion SET document = %s WHERE id = %s", (forged, one.pk), "notice_version"),
            ("UPDATE opportunities_noticeversion SET sha256 = %s WHERE id = %s", ("0" * 64, one.pk), "notice_version"),
            ("DELETE FROM opportunities_noticeversion WHERE id = %s", (one.pk,), "notice_missing"),
        ]
    )
    return Change(f"version:{message}:{last}", sql, parameters, row.number, message=message)


KINDS = [
    (own_column, lambda row: True, 90),
    (state, lambda row: True, 6),
    (criterion, lambda row: row.criteria.exists(), 45),
    (criterion_added, lambda row: True, 5),
    (criterion_gone, lambda row: True, 5),
    (attachment, lambda row: row.attachments.exists(), 18),
    (attachment_gone, lambda row: row.attachments.exists(), 4),
    (attachment_added, lambda row: row.attachments.exists(), 5),
    (addendum, lambda row: row.addenda.exists(), 12),
    (addendum_gone, lambda row: row.addenda.exists(), 4),
    (addendum_added, lambda row: row.addenda.exists(), 5),
    (skill, lambda row: True, 8),
    (award, lambda row: row.title == "Attribuée", 18),
    (ranking, lambda row: row.title == "Attribuée", 10),
    (reasons, lambda row: row.title == "Attribuée", 2),
    (version, lambda row: True, 12),
    *award_changes.KINDS,
]


def drawn(rows: list[Opportunity]) -> list[Change]:
    """The same each time."""
    dice, made = random.Random("notices"), []
    assert sum(count for _make, _fits, count in KINDS) >= CHANGES
    for make, fits, count in KINDS:
        made += [make(dice, dice.choice([row for row in rows if fits(row)])) for _each in range(count)]
    return made


def apply(change: Change) -> int:
    """How many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(change.sql, change.parameters)
        return cursor.rowcount


# What the database answers, and never by accident: rights of the role, then what each trigger says.
REFUSED = (
    "permission denied", "published notice", "append-only", "an award", "a recommendation", "versions", "its award",
    "stay frozen", "notes are frozen", "is frozen with the notes",
    "recommendation", "reversal, and why", "its vendor", "re-examination",
)  # fmt: skip


def test_two_hundred_changes_are_refused_or_found(world, request):
    changes = drawn(world)
    seen = Counter(change.what for change in changes)
    assert len(changes) >= 200 and len(seen) >= 75, seen
    kinds = {word.partition(":")[0] for word in seen}
    assert kinds >= {"own", "criterion", "file", "addendum", "award", "ranking", "version", "bytes", "disk", "annulled"}
    assert kinds >= {"person", "frozen", "asked", "proposal", "note", "notes kept", "draw", "misshapen"}
    expected = held()
    assert not problems(expected)
    if connection.vendor == "postgresql":
        as_role = request.getfixturevalue("role")
    accepted = []
    for change in changes:
        if change.outside:  # no database refuses what is done on the disk
            continue
        try:
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute(f"SET LOCAL ROLE {as_role}")
                apply(change)
                accepted.append(change)
                transaction.set_rollback(True)
        except DatabaseError as error:
            told = str(error)
            assert any(word in told for word in REFUSED), (change, told)
    assert not accepted
    unnoticed, unnamed = [], []
    with unguarded():
        for change in changes:
            with transaction.atomic():
                undo = change.outside() if change.outside else None
                assert undo or apply(change) == 1, change
                found = [one for one in problems(expected, change.number) if one[1]["number"] == change.number]
                unnoticed += [] if found else [change]
                said = [award_changes.told(values) for name, values in found if name == change.message]
                unnamed += [] if any(change.field in words for words in said) else [(change, found)]
                transaction.set_rollback(True)
            if undo:
                undo()
    assert not unnoticed
    assert not unnamed
    assert not problems(expected)


def test_the_command_names_what_moved_in_both_languages(world, tmp_path):
    """As anybody runs it: both exports, the published key."""
    number = world[0].number
    (tmp_path / "avis.jsonl").write_bytes(notices())
    (tmp_path / "registre.jsonl").write_bytes(ledger_lines())
    files = ("--ledger", tmp_path / "registre.jsonl", "--key", keys.key_id())
    done = run("notices", tmp_path / "avis.jsonl", *files)
    assert done.returncode == 0 and "Avis vérifiés" in done.stdout.decode(), done
    with unguarded():
        Criterion.objects.filter(opportunity=world[0], position=1).update(weight=36)
        Award.objects.update(amount_cents=1)
    (tmp_path / "avis.jsonl").write_bytes(notices())
    done = run("notices", tmp_path / "avis.jsonl", *files)
    said = done.stdout.decode()
    assert done.returncode == 1 and "critère 2, poids (35 → 36)" in said and number in said
    assert "attribution, montant (" in said and "4 sur 7" in said.replace("\u00a0", " ")
    done = run("notices", tmp_path / "avis.jsonl", *files, "--lang", "en")
    assert done.returncode == 1 and "criterion 2, weight (35 → 36)" in done.stdout.decode()
    assert run("notices", tmp_path / "avis.jsonl").returncode == 2


def test_a_forger_who_writes_a_version_leaves_it_behind(world, request):
    """The application's role may insert a version, as its acts do: the ledger does not know it."""
    row = world[0]
    expected = held()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {request.getfixturevalue('role')}")
    last = NoticeVersion.objects.filter(opportunity=row).latest("number")
    document = last.document.replace("2026-11-24T19", "2026-11-24T20")
    NoticeVersion.objects.create(
        opportunity=row, number=last.number + 1, at=last.at, kind="correction", document=document, sha256="0" * 64
    )
    with pytest.raises(DatabaseError, match="mode, K and amount"), transaction.atomic():
        Opportunity.objects.filter(pk=row.pk).update(notice_version=last.number + 1, budget_cents=1)
    with pytest.raises(DatabaseError, match="grid"), transaction.atomic():
        Criterion.objects.filter(opportunity=row).update(weight=1)
    later = row.closes_at + timedelta(hours=1)
    assert Opportunity.objects.filter(pk=row.pk).update(notice_version=last.number + 1, closes_at=later) == 1
    with pytest.raises(DatabaseError, match="by a version"), transaction.atomic():
        Opportunity.objects.filter(pk=row.pk).update(notice_version=last.number, closes_at=row.closes_at)
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE" if connection.vendor == "postgresql" else "SELECT 1")
    found = dict(problems(expected, row.number))
    assert found["notice_extra"]["version"] == last.number + 1
    assert "date limite de dépôt" in found["notice_live"]["fields_fr"]


def test_a_published_notice_cannot_become_a_draft_again(world):
    for row in world:
        for other in ("draft", "in_review"):
            with pytest.raises(DatabaseError, match="published notice"), transaction.atomic():
                Opportunity.objects.filter(pk=row.pk).update(state=other)
        with pytest.raises(DatabaseError), transaction.atomic():
            Opportunity.objects.filter(pk=row.pk).update(notice_version=row.notice_version + 1)


def test_a_draft_is_not_published_without_its_version(cast):
    row = cast.in_review()
    with pytest.raises(DatabaseError, match="by a version"), transaction.atomic():
        Opportunity.objects.filter(pk=row.pk).update(state="published", published_at=PUBLISHED_AT)


# --- The export itself -----------------------------------------------------------------------------------------------
def paths(value, path=()):
    yield path
    for name, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(one, (*path, name))


def test_an_export_changed_anywhere_is_noticed(cast):
    """Without a traceback, whatever stands there: six hundred places and values, drawn by lot."""
    award_changes.ended(cast)
    expected, lines = held(), notices().splitlines(keepends=True)
    dice, values = random.Random("export"), [None, True, 0, -1, 10**30, 1.5, "", "x", [], {}, [[]], {"a": []}]
    seen, unnoticed = Counter(), []
    while sum(seen.values()) < 600:
        place = dice.randrange(1, len(lines) - 1)
        row = json.loads(lines[place])
        path = dice.choice([path for path in paths(row) if path])
        value, target = dice.choice(values), row
        for name in path[:-1]:
            target = target[name]
        if target[path[-1]] == value and type(target[path[-1]]) is type(value):
            continue
        target[path[-1]] = value
        seen[path[0]] += 1
        changed = [*lines[:place], json.dumps(row).encode() + b"\n", *lines[place + 1 :]]
        try:
            at, rows = verify.read_notices(b"".join(changed))
            found, _facts = verify.compare_notices(at, rows, expected)
            for message, told in found:
                assert verify.say(verify.FR, message, **told) and verify.say(verify.EN, message, **told)
            unnoticed += [] if found else [(path, value)]
        except verify.Bad as bad:
            assert bad.name == "notices_fields"
    assert not unnoticed
    assert len(seen) == 10
