from django.db import migrations

from marketplace.ledger import payload_triggers


def install(apps, editor):
    payload_triggers.install(editor.connection)


def remove(apps, editor):
    payload_triggers.remove(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0009_storage_mark")]
    operations = [migrations.RunPython(install, remove)]
