from django.db import migrations

# PostgreSQL only, as for occasions: SQLite scans the column.
CREATE = "CREATE INDEX passport_words ON contracts_passport USING gin (string_to_array(search_text, ' '))"
DROP = "DROP INDEX passport_words"


def on_postgresql(sql):
    def run(apps, editor):
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("contracts", "0005_contract_search_text")]
    operations = [migrations.RunPython(on_postgresql(CREATE), on_postgresql(DROP))]
