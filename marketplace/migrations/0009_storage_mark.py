from django.db import migrations, models

from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0008_erase_payload")]
    operations = [
        migrations.CreateModel(
            name="StorageMark",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("value", models.CharField(max_length=36)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="storage_mark_single")],
            },
        ),
        append_only("marketplace_storagemark"),
    ]
