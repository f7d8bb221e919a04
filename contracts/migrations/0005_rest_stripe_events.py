from django.db import migrations, models


def forget_attempts(apps, schema_editor):
    """Those that were given up after 50 minutes are tried again: what they announce is asked of Stripe, as it is now."""
    apps.get_model("contracts", "StripeEvent").objects.filter(handled_at=None).update(attempts=0)


class Migration(migrations.Migration):
    dependencies = [("contracts", "0004_search_index")]
    operations = [
        *(
            migrations.AddField("stripeevent", name, models.DateTimeField(blank=True, null=True))
            for name in ("next_at", "failing_since", "given_up_at")
        ),
        migrations.RunPython(forget_attempts, migrations.RunPython.noop),
    ]
