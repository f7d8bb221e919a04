from importlib import import_module

from django.db import migrations

index_again = import_module("opportunities.migrations.0007_search_starts").index_again


class Migration(migrations.Migration):
    """What was published before: syllabics, « S.A.A.Q. », « employé·e·s », « Ste-Foy », « 25 000 »."""

    dependencies = [("opportunities", "0008_two_people")]
    operations = [migrations.RunPython(index_again, migrations.RunPython.noop)]
