from importlib import import_module

from django.db import migrations

index_again = import_module("contracts.migrations.0007_search_starts").index_again


class Migration(migrations.Migration):
    """What was signed or catalogued before: « Wi-Fi » as « wifi », « covid19 », « 24 h », « e-mail », « .NET » as « dotnet »."""

    dependencies = [("contracts", "0008_search_words")]
    operations = [migrations.RunPython(index_again, migrations.RunPython.noop)]
