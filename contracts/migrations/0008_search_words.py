from importlib import import_module

from django.db import migrations

index_again = import_module("contracts.migrations.0007_search_starts").index_again


class Migration(migrations.Migration):
    """What was signed or catalogued before: syllabics, « S.A.A.Q. », « employé·e·s », « Ste-Foy », « 25 000 »."""

    dependencies = [("contracts", "0007_search_starts")]
    operations = [migrations.RunPython(index_again, migrations.RunPython.noop)]
