"""Two reasons about the mail service, and when it last took a message (marketplace/mail/outbox.py)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('marketplace', '0011_accounts_ways_in'),
    ]

    operations = [
        migrations.AlterField(
            model_name='outgoingemail',
            name='reason',
            field=models.CharField(blank=True, choices=[('unreachable', 'le serveur de courriel ne répond pas'), ('unwelcome', 'le serveur de courriel ne nous laisse pas entrer'), ('put_off', 'le serveur de courriel demande d’attendre'), ('refused', 'le serveur de courriel refuse ce message'), ('address', 'cette adresse ne peut pas recevoir de courriel'), ('defect', 'ce message n’a pas pu être préparé')], max_length=12, verbose_name='motif'),
        ),
        migrations.AddIndex(
            model_name='outgoingemail',
            index=models.Index(condition=models.Q(('confidential', False)), fields=['claimed_at'], name='email_tried'),
        ),
    ]
