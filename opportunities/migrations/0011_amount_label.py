from django.db import migrations, models


class Migration(migrations.Migration):
    """The amount's name alone: it is a maximum in three modes of four."""

    dependencies = [("opportunities", "0010_search_wholes")]
    operations = [
        migrations.AlterField(
            "opportunity",
            "budget_cents",
            models.PositiveBigIntegerField(blank=True, null=True, verbose_name="montant, avant taxes"),
        )
    ]
