from django.db import migrations

from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("proposals", "0001_initial")]
    operations = [append_only("proposals_submission")]
