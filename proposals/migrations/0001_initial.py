import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import marketplace.lifecycle


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('marketplace', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('opportunities', '0001_initial'),
        ('vendors', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='identifiant public')),
                ('state', models.CharField(choices=[('draft', 'Brouillon, non déposée'), ('submitted', 'Déposée et scellée'), ('withdrawn', 'Retirée'), ('opened', 'Ouverte'), ('admissible', 'Admissible'), ('rejected', 'Rejetée'), ('scored', 'Notée'), ('awarded', 'Retenue'), ('not_awarded', 'Non retenue')], default='draft', editable=False, max_length=50, verbose_name='état')),
                ('draft', models.BinaryField(default=b'')),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
                ('rejection_code', models.CharField(blank=True, choices=[('ADM-1', 'Qualification, autorisation, permis, licence ou attestation manquante'), ('ADM-2', 'Établissement hors du Québec ou d’un territoire visé par un accord'), ('ADM-3', 'Attestation de Revenu Québec absente ou échue'), ('ADM-4', 'Inscription au registre des entreprises non admissibles (RENA)'), ('ADM-5', 'Obligations de francisation non respectées'), ('ADM-6', 'Autre condition d’admissibilité de l’avis'), ('CONF-2', 'Document d’engagement ou prix manquant'), ('CONF-3', 'Proposition conditionnelle ou restrictive'), ('CONF-4', 'Proposition inintelligible, infectée ou illisible'), ('CONF-5', 'Prix et démonstration de la qualité non présentés séparément'), ('CONF-6', 'Exigence technique ou essai non satisfait'), ('CONF-8', 'Autre condition annoncée comme entraînant le rejet'), ('CONF-9', 'Déclaration d’intégrité manquante'), ('CONF-10', 'Prix anormalement bas, autorisation du dirigeant obtenue')], max_length=10, verbose_name='motif de rejet')),
                ('rejection_text', models.TextField(blank=True, max_length=2000, verbose_name='explication du rejet')),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('examined_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='opportunities.opportunity', verbose_name='occasion')),
                ('vendor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='vendors.vendor', verbose_name='prestataire')),
            ],
            options={
                'verbose_name': 'proposition',
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['admissible', 'awarded', 'draft', 'not_awarded', 'opened', 'rejected', 'scored', 'submitted', 'withdrawn'])), name='proposal_state_known'), models.UniqueConstraint(fields=('opportunity', 'vendor'), name='proposal_one_per_vendor', violation_error_message='Ce prestataire a déjà une proposition pour cette occasion.'), models.UniqueConstraint(condition=models.Q(('state', 'awarded')), fields=('opportunity',), name='proposal_one_winner'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'rejected'), _negated=True), models.Q(('rejection_code', ''), _negated=True), _connector='OR'), name='proposal_rejected_has_reason')],
            },
            bases=(marketplace.lifecycle.Stateful, models.Model),
        ),
        migrations.CreateModel(
            name='Submission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('receipt_number', models.CharField(max_length=20, unique=True)),
                ('received_at', models.DateTimeField()),
                ('closes_at', models.DateTimeField()),
                ('envelope_sha256', models.CharField(max_length=64)),
                ('previous_sha256', models.CharField(blank=True, max_length=64)),
                ('receipt', models.JSONField()),
                ('idempotency_key', models.UUIDField()),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='submissions', to='proposals.proposal')),
                ('submitted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('terms', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='marketplace.terms')),
            ],
            options={
                'verbose_name': 'dépôt',
                'constraints': [models.UniqueConstraint(fields=('proposal', 'version'), name='submission_version_unique'), models.UniqueConstraint(fields=('proposal', 'idempotency_key'), name='submission_sent_once'), models.CheckConstraint(condition=models.Q(('received_at__lt', models.F('closes_at'))), name='submission_before_closing')],
            },
        ),
        migrations.CreateModel(
            name='SealKey',
            fields=[
                ('opportunity', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='seal_key', serialize=False, to='opportunities.opportunity')),
                ('public_key', models.BinaryField()),
                ('wrapped_private_key', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='Draw',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('commitment', models.CharField(max_length=64)),
                ('secret', models.CharField(max_length=64)),
                ('digests', models.JSONField()),
                ('order', models.JSONField()),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='opportunities.opportunity')),
            ],
            options={
                'verbose_name': 'tirage au sort',
            },
        ),
        migrations.CreateModel(
            name='Opening',
            fields=[
                ('opportunity', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='opening', serialize=False, to='opportunities.opportunity', verbose_name='occasion')),
                ('opened_at', models.DateTimeField(verbose_name='ouverte le')),
                ('closes_at', models.DateTimeField(verbose_name='date et heure limites de dépôt')),
            ],
            options={
                'verbose_name': 'ouverture',
                'constraints': [models.CheckConstraint(condition=models.Q(('opened_at__gte', models.F('closes_at'))), name='opening_after_closing')],
            },
        ),
        migrations.CreateModel(
            name='Recommendation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='recommandée le')),
                ('justification', models.TextField(blank=True, max_length=2000, verbose_name='justification')),
                ('ranking', models.JSONField()),
                ('decided_at', models.DateTimeField(null=True, verbose_name='décidée le')),
                ('accepted', models.BooleanField(null=True, verbose_name='acceptée')),
                ('decision_reason', models.TextField(blank=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='recommandée par')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='décidée par')),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recommendations', to='opportunities.opportunity', verbose_name='occasion')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recommendations', to='proposals.proposal')),
            ],
            options={
                'verbose_name': 'recommandation',
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted', None)), fields=('opportunity',), name='recommendation_one_pending'), models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(('decided_by', models.F('by')), _negated=True), _connector='OR'), name='recommendation_two_people')],
            },
        ),
        migrations.CreateModel(
            name='Award',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_cents', models.PositiveBigIntegerField(verbose_name='montant avant taxes, en cents')),
                ('at', models.DateTimeField(verbose_name='confirmée le')),
                ('reversed_at', models.DateTimeField(null=True, verbose_name='annulée le')),
                ('reversal_reason', models.TextField(blank=True, verbose_name='motif de l’annulation')),
                ('confirmed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='confirmée par')),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='awards', to='opportunities.opportunity', verbose_name='occasion')),
                ('reversed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='annulée par')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='awards', to='proposals.proposal', verbose_name='proposition retenue')),
                ('recommendation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='award', to='proposals.recommendation')),
            ],
            options={
                'verbose_name': 'attribution',
                'indexes': [models.Index(fields=['-at', '-id'], name='award_recent')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('reversed_at', None)), fields=('opportunity',), name='award_one_standing'), models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='award_amount_positive')],
            },
        ),
        migrations.CreateModel(
            name='Score',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('value', models.DecimalField(decimal_places=2, max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='note')),
                ('comment', models.TextField(blank=True, max_length=2000, verbose_name='commentaire')),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('criterion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scores', to='opportunities.criterion')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='scores', to='proposals.proposal')),
            ],
            options={
                'verbose_name': 'note',
                'constraints': [models.UniqueConstraint(fields=('proposal', 'criterion'), name='score_once'), models.CheckConstraint(condition=models.Q(('value__gte', 0), ('value__lte', 100)), name='score_range')],
            },
        ),
        migrations.CreateModel(
            name='SealedEnvelope',
            fields=[
                ('submission', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='envelope', serialize=False, to='proposals.submission')),
                ('content', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='OpenedProposal',
            fields=[
                ('proposal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='opened', serialize=False, to='proposals.proposal')),
                ('readable', models.BooleanField()),
                ('content', models.JSONField(default=dict)),
                ('price_cents', models.PositiveBigIntegerField(null=True)),
                ('data_key', models.BinaryField(default=b'')),
                ('opening', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='proposals.opening')),
                ('submission', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='opened', to='proposals.submission')),
            ],
        ),
    ]
