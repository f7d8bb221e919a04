from django.db import migrations

from opportunities import triggers


class Migration(migrations.Migration):
    """After what rebuilds the occasions' table on SQLite, which would drop it."""

    dependencies = [("opportunities", "0005_notices_triggers")]
    operations = [
        migrations.RunPython(
            lambda _apps, editor: triggers.install(editor.connection),
            lambda _apps, editor: triggers.remove(editor.connection),
        ),
    ]
