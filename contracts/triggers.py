"""What no constraint can say: a contract is worth its award, and its milestones total its value.

A migration that rebuilds one of these tables on SQLite drops its triggers: it must call `install` again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

_VALUE = "NEW.amount_cents <> (SELECT amount_cents FROM proposals_award WHERE id = NEW.award_id)"
_SUM = (
    "NEW.state <> 'draft' AND NEW.amount_cents + NEW.amended_cents <> "
    "(SELECT COALESCE(SUM(amount_cents), 0) FROM contracts_milestone WHERE contract_id = NEW.id)"
)
_MESSAGES = {
    "contract_worth_its_award": (_VALUE, "a contract is worth its award"),
    "contract_worth_its_milestones": (_SUM, "the milestones total the contract"),
}


def install(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, (wrong, message) in _MESSAGES.items():
            if connection.vendor == "postgresql":
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF {wrong} THEN RAISE EXCEPTION '{message}' "
                    "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
                )
                cursor.execute(
                    f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON contracts_contract "
                    f"FOR EACH ROW EXECUTE FUNCTION {name}()"
                )
            else:
                for verb in ("INSERT", "UPDATE"):
                    cursor.execute(
                        f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON contracts_contract WHEN {wrong} "
                        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
                    )


def remove(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name in _MESSAGES:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON contracts_contract")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                for verb in ("insert", "update"):
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}_{verb}")
