from django.db import migrations

from opportunities import triggers


def install(_apps, editor):
    """Those of before, and the new ones."""
    triggers.remove(editor.connection)
    triggers.install(editor.connection)


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0007_search_starts")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
