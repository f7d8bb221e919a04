from django.db import migrations

from marketplace import ledger_triggers

TABLE = "marketplace_ledgerentry"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]
    operations = [
        migrations.RunPython(
            lambda apps, editor: ledger_triggers.install(editor.connection, TABLE),
            lambda apps, editor: ledger_triggers.remove(editor.connection, TABLE),
        )
    ]
