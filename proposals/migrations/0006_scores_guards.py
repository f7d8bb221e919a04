from django.db import migrations

from marketplace.ledger.triggers import append_only
from proposals import triggers


class Migration(migrations.Migration):
    dependencies = [("proposals", "0005_scores_of_before")]
    operations = [
        append_only("proposals_notesversion", "proposals_notesseal", "proposals_notereexaminationline"),
        migrations.RunPython(
            lambda _apps, editor: triggers.install(editor.connection),
            lambda _apps, editor: triggers.remove(editor.connection),
        ),
    ]
