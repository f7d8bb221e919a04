from django.db import migrations, models

from contracts import triggers


def put_back(apps, editor):
    """SQLite makes the table anew to add a column, and its triggers go with the old one."""
    triggers.remove(editor.connection)
    triggers.install(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0004_contents_and_reminders")]
    operations = [
        migrations.AddField(
            model_name="contract",
            name="search_text",
            field=models.TextField(blank=True, default="", editable=False),
            preserve_default=False,
        ),
        migrations.RunPython(put_back, migrations.RunPython.noop),
    ]
