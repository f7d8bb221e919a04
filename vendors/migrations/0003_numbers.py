from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from marketplace.values import neq, telephone


def spell(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Numbers kept in digits of another script, or with other separators, are written as they are from now on.

    Where two vendors would have one NEQ, both stay as they are: people must say which one it is. So does a telephone
    that is not read.
    """
    vendors = apps.get_model("vendors", "Vendor").objects
    taken = set(vendors.exclude(neq="").values_list("neq", flat=True))
    for row in vendors.only("pk", "neq", "phone").order_by("pk").iterator():
        before = (row.neq, row.phone)
        for column, read in (("neq", neq.read), ("phone", telephone.read)):
            typed = getattr(row, column)
            try:
                written = read(typed) if typed else ""
            except ValueError:
                continue
            if column == "phone" or written not in taken:
                setattr(row, column, written)
        if (row.neq, row.phone) != before:
            taken.add(row.neq)
            vendors.filter(pk=row.pk).update(neq=row.neq, phone=row.phone)


class Migration(migrations.Migration):
    dependencies = [("vendors", "0002_tax_registration")]
    operations = [
        migrations.RunPython(spell, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "vendor",
            "neq",
            models.CharField("numéro d’entreprise du Québec (NEQ)", blank=True, max_length=10),
        ),
        migrations.AlterField("vendor", "phone", models.CharField("téléphone", blank=True, max_length=30)),
    ]
