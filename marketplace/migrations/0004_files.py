from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0003_first_terms'),
    ]

    operations = [
        migrations.CreateModel(
            name='FileSweep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('looked', models.PositiveIntegerField()),
                ('removed', models.PositiveIntegerField()),
                ('bytes', models.PositiveBigIntegerField()),
                ('missing', models.PositiveIntegerField()),
            ],
        ),
    ]
