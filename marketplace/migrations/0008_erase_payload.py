from django.db import migrations

# The one way to take a detail away from the ledger for a role that may not delete it: it runs as the tables' owner,
# and refuses when the ledger does not already say, after the entry, that its detail is erased.
DOOR = """
CREATE FUNCTION erase_payload(number bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM marketplace_ledgerentry entry JOIN marketplace_ledgerentry trace
        ON trace.subject = 'entry:' || left(entry.hash, 32) AND trace.action = 'ledger.erase' AND trace.seq > entry.seq
        WHERE entry.seq = number
    ) THEN
        RAISE EXCEPTION 'ledger entry %: nothing says that its detail is erased', number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    DELETE FROM marketplace_ledgerpayload WHERE entry_id = number AND action <> 'ledger.erase';
    RETURN FOUND;
END $$
"""


def make(apps, editor):
    connection = editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = connection.ops.quote_name(cursor.fetchone()[0])
        cursor.execute(DOOR.format(schema=schema))
        cursor.execute("REVOKE ALL ON FUNCTION erase_payload(bigint) FROM PUBLIC")


def unmake(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION erase_payload(bigint)")


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0007_heartbeat")]
    operations = [migrations.RunPython(make, unmake)]
