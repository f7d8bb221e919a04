from django.db import migrations

from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]
    operations = [append_only("marketplace_ledgerentry", "marketplace_checkpoint", "marketplace_ledgerblock")]
