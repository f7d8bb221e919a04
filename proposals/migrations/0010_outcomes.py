from django.db import migrations

from proposals import triggers as note_triggers
from proposals.award import triggers as award_triggers


def install(_apps, editor):
    """Those of before, and the new ones."""
    for guards in (note_triggers, award_triggers):
        guards.remove(editor.connection)
        guards.install(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("proposals", "0009_scores_admissions"), ("opportunities", "0008_two_people")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
