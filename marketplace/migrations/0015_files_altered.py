"""How many stored files were not what their rows say, at each sweep (marketplace/files/sweep.py)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0014_sent_forms")]
    operations = [
        migrations.AddField(
            model_name="filesweep", name="altered", field=models.PositiveIntegerField(default=0), preserve_default=True
        ),
    ]
