"""The heartbeat of what runs by itself (marketplace/service/heartbeat.py)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0006_key_check")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="nom"),
                ),
                ("at", models.DateTimeField(verbose_name="dernier signe de vie")),
            ],
            options={"verbose_name": "signe de vie", "verbose_name_plural": "signes de vie"},
        ),
    ]
