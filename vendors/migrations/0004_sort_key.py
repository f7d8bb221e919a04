from django.db import migrations

import marketplace.search
from marketplace.search import fill_sort_keys


class Migration(migrations.Migration):
    dependencies = [("vendors", "0003_numbers")]
    operations = [
        migrations.AddField("vendor", "sort_key", marketplace.search.SortKey(of="legal_name")),
        fill_sort_keys("vendors", "vendor", "legal_name"),
    ]
