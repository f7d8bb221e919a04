from django.db import migrations

from contracts import triggers
from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("contracts", "0001_initial")]
    operations = [
        append_only("contracts_document", "contracts_criterioncheck"),
        migrations.RunPython(
            lambda _apps, editor: triggers.install(editor.connection),
            lambda _apps, editor: triggers.remove(editor.connection),
        ),
    ]
