"""The table of tax registrations becomes the vendors' app's (vendors 0002): renamed, with its rows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("contracts", "0005_rest_stripe_events")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AlterModelTable("TaxRegistration", "vendors_taxregistration")],
            state_operations=[migrations.DeleteModel("TaxRegistration")],
        )
    ]
