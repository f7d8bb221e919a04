"""What the application's database role may do: declared for every table, given by `migrate`, enough for every act."""

import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from marketplace.dates import clock
from marketplace.ledger import entries as ledger
from marketplace.ledger import grants
from marketplace.models import LedgerEntry, LedgerPayload
from opportunities.drafts import actions as occasion_draft_actions
from opportunities.models import Opportunity
from proposals.award import actions as award_actions
from proposals.drafts import actions as proposal_draft_actions
from proposals.models import Award, OpenedProposal, Proposal
from tests.cast import CLOSES_AT
from tests.conftest import APPEND_ONLY

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


# --- Declared --------------------------------------------------------------------------------------------------------
def test_every_table_has_its_rights():
    tables = grants.by_table()
    assert len(tables) > 60 and not [table for table, rights in tables.items() if not rights]
    for config in apps.get_app_configs():
        models = {model._meta.model_name for model in config.get_models(include_auto_created=True)}
        assert set(getattr(config, "rights", {})) <= models, config.label


def test_what_only_grows_can_only_grow():
    tables = grants.by_table()
    assert len(APPEND_ONLY) >= 11 and {tables[table] for table in APPEND_ONLY} == {grants.APPEND, grants.READ}
    for table in ("marketplace_ledgerpayload", "proposals_openedproposal", "proposals_opening", "proposals_sealkey"):
        assert tables[table] == grants.APPEND
    assert [table for table in APPEND_ONLY if tables[table] == grants.READ] == [
        "marketplace_keycheck",
        "marketplace_storagemark",
    ]  # of `migrate`
    assert "DELETE" not in tables["proposals_award"] and "amount_cents" not in tables["proposals_award"]


# --- Given -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def role(db, settings):
    """A role of this test alone, with the application's rights; nothing of it is committed."""
    settings.APP_DATABASE_ROLE = f"app_{uuid.uuid4().hex[:12]}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {settings.APP_DATABASE_ROLE}")
        cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {settings.APP_DATABASE_ROLE}")  # too much, before
    assert grants.give(connection) == settings.APP_DATABASE_ROLE
    return settings.APP_DATABASE_ROLE


@pytest.fixture
def as_application(role):
    """Call it: from then on the connection has the application's rights."""

    def become():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {role}")

    return become


def refused(statement: str, parameters=()) -> str:
    """What PostgreSQL says when it refuses this statement."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    return str(caught.value)


@pytest.mark.postgres
def test_each_table_gets_what_it_declares_and_no_more(role):
    with connection.cursor() as cursor:
        for table, rights in grants.by_table().items():
            whole = {verb for verb in VERBS if verb in [right.strip() for right in rights.split(",")]}
            has = set()
            for verb in VERBS:
                cursor.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, verb])
                has |= {verb} if cursor.fetchone()[0] else set()
            assert has == whole, table
        cursor.execute("SELECT has_table_privilege(%s, 'django_migrations', 'SELECT, INSERT')", [role])
        cursor.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [role])
        assert not cursor.fetchone()[0]


@pytest.mark.postgres
def test_awards_opened_proposals_and_details_stay(cast, role, as_application):
    occasion, _proposals = cast.awarded()
    as_application()
    for statement in (
        "UPDATE proposals_award SET amount_cents = 1",
        "DELETE FROM proposals_award",
        "UPDATE proposals_openedproposal SET price_cents = 1",
        "DELETE FROM proposals_openedproposal",
        "UPDATE marketplace_ledgerpayload SET body = '{}'",
        "DELETE FROM marketplace_ledgerpayload",
        "UPDATE marketplace_ledgerentry SET actor = 'x'",
        "DELETE FROM marketplace_ledgerentry",
        "TRUNCATE marketplace_ledgerentry CASCADE",
        "ALTER TABLE marketplace_ledgerentry DISABLE TRIGGER ALL",
        "DROP FUNCTION erase_payload(bigint)",
        "CREATE TABLE mine (n integer)",
    ):
        said = refused(statement)
        assert "permission denied" in said or "must be owner" in said, (statement, said)
    with clock.set_to(CLOSES_AT + timedelta(days=3)):  # by its act, it is undone
        award_actions.request_reversal(occasion, by=cast.officer, reason="Un motif.")
        award_actions.reverse(occasion, by=cast.second_officer)
    assert Award.objects.get(opportunity=occasion).reversal_reason == "Un motif."
    assert OpenedProposal.objects.exists()


@pytest.mark.postgres
def test_drafts_go_and_nothing_else(cast, role, as_application):
    published, draft = cast.published(), cast.draft(title="Un brouillon")
    begun, deposited = cast.proposal(published), cast.submitted(published, vendor=cast.rival)
    as_application()
    with clock.set_to(CLOSES_AT):
        occasion_draft_actions.delete(draft, by=cast.buyer)
        proposal_draft_actions.delete(begun, by=cast.vendor_owner)
    assert "a published notice stays" in refused("DELETE FROM opportunities_opportunity")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM proposals_proposal")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(Opportunity.objects.all()) == [published] and list(Proposal.objects.all()) == [deposited]


@pytest.mark.postgres
def test_a_detail_leaves_by_the_erasing_door_with_its_trace(cast, role, as_application):
    cast.published()
    as_application()
    entry = LedgerEntry.objects.public().filter(payload__isnull=False).first()
    assert "nothing says that its detail is erased" in refused("SELECT erase_payload(%s)", [entry.seq])
    assert LedgerPayload.objects.filter(entry=entry).exists()
    ledger.erase(entry, by=None, at=clock.now(), reason="Demande accordée.")
    assert not LedgerPayload.objects.filter(entry=entry).exists()
    trace = LedgerPayload.objects.get(action="ledger.erase")
    assert trace.body["reason"] == "Demande accordée."
    count = LedgerEntry.objects.count()
    with pytest.raises(ValueError, match="no detail"):
        ledger.erase(trace.entry, by=None, at=clock.now(), reason="Encore.")
    assert LedgerEntry.objects.count() == count and LedgerPayload.objects.filter(entry=trace.entry).exists()


@pytest.mark.drill
@pytest.mark.postgres
def test_every_act_of_the_demonstration_has_the_rights_that_it_needs(role, as_application):
    """Drafts, deposits, openings, awards, contracts, payments, monitorings: through the verbs, as the application."""
    as_application()
    with clock.set_to(CLOSES_AT):
        call_command("seed", stdout=StringIO())
    assert Award.objects.count() > 3


@pytest.mark.postgres
def test_nothing_is_given_without_a_role_or_to_oneself(db, settings):
    settings.APP_DATABASE_ROLE = "nobody_of_this_name"
    assert grants.give(connection) == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        settings.APP_DATABASE_ROLE = cursor.fetchone()[0]
    assert grants.give(connection) == ""


@pytest.mark.postgres
def test_migrate_says_whom_it_gave_rights_to(role):
    out = StringIO()
    call_command("migrate", stdout=out, verbosity=1)
    assert f"migrate: {role} a ses droits" in out.getvalue()
    out = StringIO()
    call_command("migrate", "--plan", stdout=out, verbosity=1)
    assert role not in out.getvalue()
