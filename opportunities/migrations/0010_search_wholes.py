from importlib import import_module

from django.db import migrations

index_again = import_module("opportunities.migrations.0007_search_starts").index_again


class Migration(migrations.Migration):
    """What was published before: « Wi-Fi » as « wifi », « covid19 », « 24 h », « e-mail », « .NET » as « dotnet »."""

    dependencies = [("opportunities", "0009_search_words")]
    operations = [migrations.RunPython(index_again, migrations.RunPython.noop)]
