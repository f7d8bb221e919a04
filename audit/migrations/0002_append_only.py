from django.db import migrations

from marketplace import ledger_triggers

TABLES = (
    "audit_monitoringnote",
    "audit_monitoringfile",
    "audit_samplingplan",
    "audit_plancheck",
    "audit_awardreview",
)


def install(apps, editor):
    for table in TABLES:
        ledger_triggers.install(editor.connection, table)


def remove(apps, editor):
    for table in TABLES:
        ledger_triggers.remove(editor.connection, table)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
