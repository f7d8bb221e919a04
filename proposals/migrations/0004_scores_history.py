import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('opportunities', '0003_scores_frozen'),
        ('proposals', '0003_files'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='NoteReexamination',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('pending', 'À décider'), ('accepted', 'Accepté'), ('refused', 'Refusé'), ('withdrawn', 'Retiré')], default='pending', editable=False, max_length=50, verbose_name='état')),
                ('reason', models.TextField(max_length=2000, verbose_name='motif public')),
                ('asked_at', models.DateTimeField(verbose_name='demandé le')),
                ('seen', models.PositiveIntegerField()),
                ('total_before', models.CharField(blank=True, max_length=12)),
                ('total_after', models.CharField(max_length=12)),
                ('decided_at', models.DateTimeField(null=True, verbose_name='décidé le')),
                ('refusal', models.TextField(blank=True, max_length=2000, verbose_name='motif du refus')),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='demandé par')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='décidé par')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='note_reexaminations', to='proposals.proposal')),
            ],
            options={
                'verbose_name': 'réexamen des notes',
                'verbose_name_plural': 'réexamens des notes',
            },
        ),
        migrations.AddField(
            model_name='score',
            name='reexamination',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='proposals.notereexamination'),
        ),
        migrations.CreateModel(
            name='NoteReexaminationLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('value_before', models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True)),
                ('comment_before', models.TextField(blank=True, max_length=2000)),
                ('value_after', models.DecimalField(decimal_places=2, max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)])),
                ('comment_after', models.TextField(blank=True, max_length=2000)),
                ('criterion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='opportunities.criterion')),
                ('reexamination', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='proposals.notereexamination')),
            ],
            options={
                'verbose_name': 'note réexaminée',
                'ordering': ['criterion__position', 'criterion'],
            },
        ),
        migrations.CreateModel(
            name='NotesVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('criteria', models.JSONField()),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes_versions', to='proposals.proposal')),
                ('reexamination', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='version', to='proposals.notereexamination')),
            ],
            options={
                'verbose_name': 'version des notes',
                'ordering': ['number'],
            },
        ),
        migrations.CreateModel(
            name='NotesSeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('salt', models.CharField(max_length=64)),
                ('comments_salt', models.CharField(max_length=64)),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='seal', to='proposals.notesversion')),
            ],
            options={
                'verbose_name': 'empreinte de notes',
            },
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['accepted', 'pending', 'refused', 'withdrawn'])), name='notereexamination_state_known'),
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('proposal',), name='notereexamination_one_pending', violation_error_message='Un réexamen des notes de cette proposition attend déjà une décision.'),
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'pending')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ['accepted', 'refused']), models.Q(('decided_by', models.F('asked_by')), _negated=True)), models.Q(('decided_at__isnull', False), ('decided_by', models.F('asked_by')), ('state', 'withdrawn')), _connector='OR'), name='notereexamination_two_people'),
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='notereexamination_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('refusal', ''), _negated=True), _connector='OR'), name='notereexamination_refused_why'),
        ),
        migrations.AddConstraint(
            model_name='notereexaminationline',
            constraint=models.UniqueConstraint(fields=('reexamination', 'criterion'), name='notereexamination_line_once'),
        ),
        migrations.AddConstraint(
            model_name='notereexaminationline',
            constraint=models.CheckConstraint(condition=models.Q(('value_after__gte', 0), ('value_after__lte', 100)), name='notereexamination_line_range'),
        ),
        migrations.AddConstraint(
            model_name='notesversion',
            constraint=models.UniqueConstraint(fields=('proposal', 'number'), name='notes_version_once'),
        ),
        migrations.AddConstraint(
            model_name='notesversion',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='notes_version_from_one'),
        ),
    ]
