from django.db import migrations

# PostgreSQL only: the stemmed words as an array under GIN. SQLite, the embedded default, scans the same column.
CREATE = "CREATE INDEX opportunity_words ON opportunities_opportunity USING gin (string_to_array(search_text, ' '))"
DROP = "DROP INDEX opportunity_words"


def on_postgresql(sql):
    def run(apps, editor):
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0001_initial")]
    operations = [migrations.RunPython(on_postgresql(CREATE), on_postgresql(DROP))]
