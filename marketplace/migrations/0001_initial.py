import uuid

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerBlock',
            fields=[
                ('number', models.PositiveIntegerField(primary_key=True, serialize=False)),
                ('root', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'bloc du registre',
                'verbose_name_plural': 'blocs du registre',
            },
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('seq', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='rang')),
                ('at', models.DateTimeField(verbose_name='instant du geste')),
                ('recorded_at', models.DateTimeField(verbose_name='inscrit le')),
                ('action', models.CharField(max_length=60, verbose_name='geste')),
                ('actor', models.CharField(max_length=60, verbose_name='auteur du geste')),
                ('subject', models.CharField(max_length=60, verbose_name='objet du geste')),
                ('digest', models.CharField(max_length=64, verbose_name='empreinte du détail')),
                ('previous', models.CharField(max_length=64, verbose_name='empreinte précédente')),
                ('hash', models.CharField(max_length=64, verbose_name='empreinte')),
            ],
            options={
                'verbose_name': 'inscription au registre',
                'verbose_name_plural': 'inscriptions au registre',
                'ordering': ['seq'],
                'indexes': [models.Index(fields=['subject', 'seq'], name='ledger_subject_seq'), models.Index(condition=models.Q(('action', 'sealed'), _negated=True), fields=['-seq'], name='ledger_public')],
                'constraints': [models.UniqueConstraint(fields=('previous',), name='ledger_chain_is_a_line'), models.UniqueConstraint(fields=('hash',), name='ledger_hash_unique'), models.CheckConstraint(condition=models.Q(('seq__gte', 1)), name='ledger_seq_from_one')],
            },
        ),
        migrations.CreateModel(
            name='NumberSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(max_length=10)),
                ('year', models.PositiveSmallIntegerField()),
                ('last', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('prefix', 'year'), name='number_series_unique')],
            },
        ),
        migrations.CreateModel(
            name='OutgoingEmail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address', models.EmailField(max_length=254, verbose_name='adresse courriel')),
                ('template', models.CharField(max_length=80, verbose_name='gabarit')),
                ('language', models.CharField(max_length=5, verbose_name='langue')),
                ('subject', models.CharField(max_length=250, verbose_name='sujet')),
                ('body', models.TextField(verbose_name='corps')),
                ('confidential', models.BooleanField(default=False, verbose_name='confidentiel')),
                ('secret', models.BooleanField(default=False, verbose_name='contient un lien personnel')),
                ('held', models.BooleanField(default=False, verbose_name='gardé sans être envoyé')),
                ('created_at', models.DateTimeField(verbose_name='écrit le')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='envoyé le')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='essais d’envoi')),
                ('last_error', models.CharField(blank=True, max_length=200, verbose_name='dernière erreur')),
            ],
            options={
                'verbose_name': 'courriel',
            },
        ),
        migrations.CreateModel(
            name='Terms',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('use', 'Conditions d’utilisation'), ('proposal', 'Conditions de dépôt')], max_length=10, verbose_name='sorte')),
                ('version', models.PositiveIntegerField(verbose_name='version')),
                ('in_force_at', models.DateTimeField(verbose_name='en vigueur à partir du')),
                ('text_fr', models.TextField(verbose_name='texte en français')),
                ('text_en', models.TextField(verbose_name='texte en anglais')),
            ],
            options={
                'verbose_name': 'conditions',
                'verbose_name_plural': 'conditions',
                'constraints': [models.UniqueConstraint(fields=('kind', 'version'), name='terms_version_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['use', 'proposal'])), name='terms_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='TermsAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'acceptation',
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='identifiant public')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='adresse courriel')),
                ('name', models.CharField(max_length=100, verbose_name='nom complet')),
                ('language', models.CharField(choices=[('fr-ca', 'Français'), ('en', 'English')], default='fr-ca', help_text='Celle de vos courriels.', max_length=5, verbose_name='langue')),
                ('is_auditor', models.BooleanField(default=False, verbose_name='vérificatrice ou vérificateur')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'personne',
                'verbose_name_plural': 'personnes',
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_without_case')],
            },
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('size', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='inscriptions')),
                ('root', models.CharField(max_length=64, verbose_name='racine')),
                ('head', models.CharField(max_length=64, verbose_name='empreinte de la dernière inscription')),
                ('at', models.DateTimeField(verbose_name='signé le')),
                ('key', models.CharField(max_length=44, verbose_name='clé')),
                ('note', models.TextField(verbose_name='relevé signé')),
            ],
            options={
                'verbose_name': 'relevé signé',
                'verbose_name_plural': 'relevés signés',
                'ordering': ['size'],
                'indexes': [models.Index(fields=['at'], name='checkpoint_at')],
                'constraints': [models.CheckConstraint(condition=models.Q(('size__gte', 1)), name='checkpoint_of_something')],
            },
        ),
        migrations.CreateModel(
            name='LedgerPayload',
            fields=[
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='payload', serialize=False, to='marketplace.ledgerentry')),
                ('subject', models.CharField(max_length=60)),
                ('action', models.CharField(max_length=60)),
                ('body', models.JSONField()),
                ('salt', models.CharField(max_length=32)),
            ],
            options={
                'verbose_name': 'détail d’inscription',
                'verbose_name_plural': 'détails d’inscriptions',
            },
        ),
        migrations.AddField(
            model_name='outgoingemail',
            name='to',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='emails', to=settings.AUTH_USER_MODEL, verbose_name='destinataire'),
        ),
        migrations.AddField(
            model_name='termsacceptance',
            name='terms',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acceptances', to='marketplace.terms'),
        ),
        migrations.AddField(
            model_name='termsacceptance',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='terms_acceptances', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ledgerpayload',
            name='actor',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='outgoingemail',
            index=models.Index(condition=models.Q(('held', False), ('sent_at', None)), fields=['created_at'], name='email_to_send'),
        ),
        migrations.AddConstraint(
            model_name='termsacceptance',
            constraint=models.UniqueConstraint(fields=('user', 'terms'), name='terms_accepted_once'),
        ),
        migrations.AddIndex(
            model_name='ledgerpayload',
            index=models.Index(fields=['subject', 'action'], name='payload_subject_action'),
        ),
    ]
