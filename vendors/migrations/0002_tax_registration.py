"""Whether a vendor charges taxes is a fact about the vendor: a proposal and an award ask it before any contract does.

The table is contracts', renamed by contracts' 0006 just before: its rows and the database's rights stay.
"""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vendors", "0001_initial"),
        ("contracts", "0006_tax_registration"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='TaxRegistration',
                    fields=[
                        ('vendor', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='tax_registration', serialize=False, to='vendors.vendor')),
                        ('small_supplier', models.BooleanField(default=False, verbose_name='petit fournisseur\xa0: aucune taxe n’est facturée')),
                        ('tps_number', models.CharField(blank=True, max_length=20, validators=[django.core.validators.RegexValidator('^\\d{9} RT\\d{4}$', 'Un numéro de TPS s’écrit 123456789 RT0001.')], verbose_name='numéro de TPS')),
                        ('tvq_number', models.CharField(blank=True, max_length=20, validators=[django.core.validators.RegexValidator('^\\d{10} TQ\\d{4}$', 'Un numéro de TVQ s’écrit 1234567890 TQ0001.')], verbose_name='numéro de TVQ')),
                        ('at', models.DateTimeField()),
                        ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'inscription aux taxes',
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('small_supplier', True), ('tps_number', ''), ('tvq_number', '')), models.Q(('small_supplier', False), models.Q(('tps_number', ''), _negated=True), models.Q(('tvq_number', ''), _negated=True)), _connector='OR'), name='tax_numbers_or_small_supplier', violation_error_message='Inscrivez les deux numéros, ou déclarez-vous petit fournisseur.')],
                    },
                ),
            ]
        )
    ]
