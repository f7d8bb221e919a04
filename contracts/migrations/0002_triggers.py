from django.db import migrations

from contracts import triggers
from marketplace import ledger_triggers

TABLES = ["contracts_document", "contracts_criterioncheck"]


def install(apps, editor):
    triggers.install(editor.connection)
    for table in TABLES:
        ledger_triggers.install(editor.connection, table)


def remove(apps, editor):
    triggers.remove(editor.connection)
    for table in TABLES:
        ledger_triggers.remove(editor.connection, table)


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0001_initial"),
        ("proposals", "0002_append_only_submissions"),
        ("marketplace", "0002_append_only_ledger"),
    ]
    operations = [migrations.RunPython(install, remove)]
