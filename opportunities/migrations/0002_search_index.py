from django.db import migrations

from marketplace.search import word_index


class Migration(migrations.Migration):
    dependencies = [("opportunities", "0001_initial")]
    operations = [word_index("opportunity_words", "opportunities_opportunity")]
