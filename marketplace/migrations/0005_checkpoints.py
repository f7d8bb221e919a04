from django.db import migrations, models

from marketplace import ledger_triggers

TABLES = ("marketplace_checkpoint", "marketplace_ledgerblock")


def install(apps, editor):
    for table in TABLES:
        ledger_triggers.install(editor.connection, table)


def remove(apps, editor):
    for table in TABLES:
        ledger_triggers.remove(editor.connection, table)


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0004_labels")]
    operations = [
        migrations.CreateModel(
            name="LedgerBlock",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("root", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "bloc du registre",
                "verbose_name_plural": "blocs du registre",
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="inscriptions")),
                ("root", models.CharField(max_length=64, verbose_name="racine")),
                ("head", models.CharField(max_length=64, verbose_name="empreinte de la dernière inscription")),
                ("at", models.DateTimeField(verbose_name="signé le")),
                ("key", models.CharField(max_length=44, verbose_name="clé")),
                ("note", models.TextField(verbose_name="relevé signé")),
            ],
            options={
                "verbose_name": "relevé signé",
                "verbose_name_plural": "relevés signés",
                "ordering": ["size"],
                "indexes": [models.Index(fields=["at"], name="checkpoint_at")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(size__gte=1), name="checkpoint_of_something"),
                ],
            },
        ),
        migrations.RunPython(install, remove),
    ]
