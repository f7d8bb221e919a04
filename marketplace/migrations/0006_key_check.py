from django.db import migrations, models

from marketplace.ledger.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0005_outbox")]
    operations = [
        migrations.CreateModel(
            name="KeyCheck",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("verifier", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="key_check_single")],
            },
        ),
        append_only("marketplace_keycheck"),
    ]
