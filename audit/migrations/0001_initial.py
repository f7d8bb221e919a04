import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import marketplace.lifecycle


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('opportunities', '0001_initial'),
        ('proposals', '0001_initial'),
        ('vendors', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FlagPeers',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=12, unique=True, verbose_name='code')),
                ('count', models.PositiveIntegerField(verbose_name='valeurs comparées')),
                ('first', models.DecimalField(decimal_places=4, max_digits=16, verbose_name='premier quartile')),
                ('median', models.DecimalField(decimal_places=4, max_digits=16, verbose_name='médiane')),
                ('third', models.DecimalField(decimal_places=4, max_digits=16, verbose_name='troisième quartile')),
                ('at', models.DateTimeField(verbose_name='calculé le')),
            ],
            options={
                'verbose_name': 'quartiles d’un signal',
                'verbose_name_plural': 'quartiles des signaux',
            },
        ),
        migrations.CreateModel(
            name='Monitoring',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=20, unique=True, verbose_name='numéro')),
                ('state', models.CharField(choices=[('open', 'Ouverte'), ('explanation_requested', 'Explications demandées'), ('concluded', 'Conclue'), ('remedied', 'Corrigée'), ('closed', 'Fermée')], db_index=True, default='open', editable=False, max_length=50, verbose_name='état')),
                ('title', models.CharField(max_length=150, verbose_name='objet')),
                ('opened_at', models.DateTimeField(verbose_name='ouverte le')),
                ('due_on', models.DateField(blank=True, null=True, verbose_name='attendu au plus tard le')),
                ('finding', models.BooleanField(blank=True, null=True, verbose_name='manquement relevé')),
                ('concluded_at', models.DateTimeField(blank=True, null=True, verbose_name='conclue le')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='fermée le')),
                ('concluded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='monitorings', to='opportunities.opportunity', verbose_name='occasion')),
            ],
            options={
                'verbose_name': 'vérification',
                'verbose_name_plural': 'vérifications',
                'indexes': [models.Index(fields=['-opened_at', '-id'], name='monitoring_recent')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['closed', 'concluded', 'explanation_requested', 'open', 'remedied'])), name='monitoring_state_known'), models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='monitoring_has_title'), models.CheckConstraint(condition=models.Q(models.Q(('finding', None), ('state__in', ['open', 'explanation_requested'])), models.Q(models.Q(('state__in', ['open', 'explanation_requested']), _negated=True), ('concluded_at__isnull', False), ('concluded_by__isnull', False), ('finding__isnull', False)), _connector='OR'), name='monitoring_concluded_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'remedied'), _negated=True), ('finding', True), _connector='OR'), name='monitoring_remedies_a_finding')],
            },
            bases=(marketplace.lifecycle.Stateful, models.Model),
        ),
        migrations.CreateModel(
            name='MonitoringNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('opening', 'Motif de l’ouverture'), ('question', 'Demande d’explications'), ('answer', 'Réponse de l’organisme'), ('conclusion', 'Conclusion'), ('remedy', 'Correctif annoncé par l’organisme'), ('acceptance', 'Correctif constaté'), ('closing', 'Fermeture')], max_length=12, verbose_name='nature')),
                ('text', models.TextField(max_length=10000, verbose_name='texte')),
                ('due_on', models.DateField(null=True, verbose_name='au plus tard le')),
                ('at', models.DateTimeField(verbose_name='écrit le')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('monitoring', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='audit.monitoring')),
            ],
            options={
                'verbose_name': 'pièce d’une vérification',
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='monitoring_note_has_text')],
            },
        ),
        migrations.CreateModel(
            name='MonitoringFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=255, verbose_name='nom')),
                ('content_type', models.CharField(max_length=100)),
                ('size', models.PositiveIntegerField(verbose_name='octets')),
                ('sha256', models.CharField(max_length=64)),
                ('scanned', models.BooleanField(default=False)),
                ('is_letter', models.BooleanField(default=False)),
                ('file', models.FileField(upload_to='verifications')),
                ('note', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='audit.monitoringnote')),
            ],
            options={
                'verbose_name': 'document d’une vérification',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_letter', True)), fields=('note',), name='monitoring_note_one_letter')],
            },
        ),
        migrations.CreateModel(
            name='RedFlag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=12, verbose_name='code')),
                ('state', models.CharField(choices=[('new', 'Nouveau'), ('explained', 'Expliqué par l’organisme'), ('in_monitoring', 'En vérification'), ('dismissed', 'Écarté')], default='new', editable=False, max_length=50, verbose_name='état')),
                ('value', models.DecimalField(decimal_places=4, max_digits=16, verbose_name='valeur')),
                ('threshold', models.DecimalField(decimal_places=4, max_digits=16, verbose_name='seuil')),
                ('details', models.JSONField(blank=True, default=dict)),
                ('first_at', models.DateTimeField(verbose_name='vu la première fois le')),
                ('last_at', models.DateTimeField(verbose_name='vu la dernière fois le')),
                ('ceased_at', models.DateTimeField(blank=True, null=True, verbose_name='n’est plus vu depuis le')),
                ('reason', models.TextField(blank=True, max_length=2000, verbose_name='explication')),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('state_before', models.CharField(blank=True, editable=False, max_length=50, verbose_name='état avant la vérification')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('monitoring', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='audit.monitoring')),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='opportunities.opportunity')),
                ('vendor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='flags', to='vendors.vendor')),
            ],
            options={
                'verbose_name': 'signal',
                'verbose_name_plural': 'signaux',
                'indexes': [models.Index(fields=['-first_at', '-id'], name='flag_recent')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['dismissed', 'explained', 'in_monitoring', 'new'])), name='redflag_state_known'), models.UniqueConstraint(fields=('code', 'opportunity', 'vendor'), name='flag_once_for_a_vendor'), models.UniqueConstraint(condition=models.Q(('vendor', None)), fields=('code', 'opportunity'), name='flag_once'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'in_monitoring'), _negated=True), ('monitoring__isnull', False), _connector='OR'), name='flag_monitored_somewhere')],
            },
            bases=(marketplace.lifecycle.Stateful, models.Model),
        ),
        migrations.CreateModel(
            name='SamplingPlan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(max_length=20, unique=True, verbose_name='numéro')),
                ('title', models.CharField(max_length=150, verbose_name='objet')),
                ('method', models.CharField(choices=[('random', 'Au hasard'), ('amount', 'Les plus gros montants'), ('flags', 'Le plus de signaux')], max_length=10, verbose_name='méthode')),
                ('since', models.DateField(verbose_name='attribuées du')),
                ('until', models.DateField(verbose_name='au')),
                ('minimum_cents', models.PositiveBigIntegerField(default=0, verbose_name='montant minimal, avant taxes')),
                ('size', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(500)], verbose_name='taille')),
                ('seed', models.CharField(max_length=64, verbose_name='graine')),
                ('population', models.JSONField()),
                ('picks', models.JSONField()),
                ('at', models.DateTimeField(verbose_name='tiré le')),
                ('body', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='opportunities.publicbody', verbose_name='organisme')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'plan d’échantillonnage',
                'verbose_name_plural': 'plans d’échantillonnage',
                'indexes': [models.Index(fields=['-at', '-id'], name='sample_recent')],
            },
        ),
        migrations.CreateModel(
            name='PlanCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('result', models.CharField(choices=[('nothing_noted', 'Rien à signaler'), ('case_opened', 'Une vérification est ouverte')], max_length=15, verbose_name='constat')),
                ('note', models.TextField(max_length=2000, verbose_name='note')),
                ('at', models.DateTimeField(verbose_name='examinée le')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='opportunities.opportunity')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='audit.samplingplan')),
            ],
            options={
                'verbose_name': 'examen d’une attribution retenue',
                'verbose_name_plural': 'examens des attributions retenues',
                'constraints': [models.UniqueConstraint(fields=('plan', 'opportunity'), name='sample_checked_once'), models.CheckConstraint(condition=models.Q(('note', ''), _negated=True), name='sample_check_has_note')],
            },
        ),
        migrations.CreateModel(
            name='AwardReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opinion', models.CharField(choices=[('compliant', 'Conforme'), ('reserved', 'Conforme, avec réserves'), ('not_compliant', 'Non conforme')], max_length=15, verbose_name='conclusion')),
                ('comment', models.TextField(blank=True, max_length=5000, verbose_name='commentaire')),
                ('checklist', models.JSONField()),
                ('signed', models.JSONField()),
                ('at', models.DateTimeField(verbose_name='signée le')),
                ('award', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='proposals.award')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'vérification d’une attribution',
                'ordering': ['-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('opinion', 'compliant'), models.Q(('comment', ''), _negated=True), _connector='OR'), name='review_says_why_when_not_compliant')],
            },
        ),
    ]
