from django.db import migrations

from marketplace import ledger_triggers

TABLE = "proposals_submission"


class Migration(migrations.Migration):
    dependencies = [("proposals", "0001_initial"), ("marketplace", "0002_append_only_ledger")]
    operations = [
        migrations.RunPython(
            lambda apps, editor: ledger_triggers.install(editor.connection, TABLE),
            lambda apps, editor: ledger_triggers.remove(editor.connection, TABLE),
        )
    ]
