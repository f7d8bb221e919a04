from django.db import migrations

from marketplace.search import word_index


class Migration(migrations.Migration):
    dependencies = [("contracts", "0003_first_clauses")]
    operations = [word_index("passport_words", "contracts_passport")]
