from django.db import migrations

from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [append_only(
            "audit_monitoringnote",
            "audit_monitoringfile",
            "audit_samplingplan",
            "audit_plancheck",
            "audit_awardreview",
        )]
