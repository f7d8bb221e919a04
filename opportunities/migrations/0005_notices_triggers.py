from django.db import migrations

from marketplace.ledger.triggers import append_only
from opportunities.versions import triggers


def install(apps, editor):
    triggers.install(editor.connection)


def remove(apps, editor):
    triggers.remove(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0004_notices_versions")]
    operations = [
        append_only("opportunities_noticeversion", "opportunities_addendum"),
        migrations.RunPython(install, remove),
    ]
