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
    ]

    operations = [
        migrations.CreateModel(
            name='Skill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='nom de la compétence')),
                ('folded', models.CharField(max_length=100, unique=True, verbose_name='forme cherchée, sans accents')),
            ],
            options={
                'verbose_name': 'compétence',
                'ordering': ['folded'],
            },
        ),
        migrations.CreateModel(
            name='Opportunity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(editable=False, max_length=20, unique=True, verbose_name='numéro')),
                ('state', models.CharField(choices=[('draft', 'Brouillon'), ('in_review', 'En révision'), ('published', 'Publiée'), ('suspended', 'Suspendue'), ('evaluation', 'En évaluation'), ('recommended', 'Recommandée'), ('awarded', 'Attribuée'), ('unsuccessful', 'Sans attribution'), ('cancelled', 'Annulée')], default='draft', editable=False, max_length=50, verbose_name='état')),
                ('title', models.CharField(max_length=200, verbose_name='titre')),
                ('teaser', models.TextField(blank=True, max_length=500, verbose_name='résumé')),
                ('description', models.TextField(blank=True, max_length=10000, verbose_name='description du besoin')),
                ('remote_ok', models.BooleanField(default=True, verbose_name='travail à distance accepté')),
                ('remote_description', models.TextField(blank=True, max_length=500, verbose_name='précisions sur le travail à distance')),
                ('location', models.CharField(blank=True, max_length=100, verbose_name='lieu')),
                ('region', models.CharField(blank=True, choices=[('01', 'Bas-Saint-Laurent'), ('02', 'Saguenay–Lac-Saint-Jean'), ('03', 'Capitale-Nationale'), ('04', 'Mauricie'), ('05', 'Estrie'), ('06', 'Montréal'), ('07', 'Outaouais'), ('08', 'Abitibi-Témiscamingue'), ('09', 'Côte-Nord'), ('10', 'Nord-du-Québec'), ('11', 'Gaspésie–Îles-de-la-Madeleine'), ('12', 'Chaudière-Appalaches'), ('13', 'Laval'), ('14', 'Lanaudière'), ('15', 'Laurentides'), ('16', 'Montérégie'), ('17', 'Centre-du-Québec')], max_length=2, verbose_name='région administrative')),
                ('budget_cents', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='montant maximal, avant taxes')),
                ('code_licence', models.CharField(choices=[('LiLiQ-P-1.1', 'LiLiQ-P 1.1'), ('LiLiQ-R-1.1', 'LiLiQ-R 1.1'), ('LiLiQ-Rplus-1.1', 'LiLiQ-R+ 1.1'), ('MIT', 'MIT'), ('Apache-2.0', 'Apache 2.0'), ('GPL-3.0-or-later', 'GPL 3.0'), ('assignment', 'Cession des droits'), ('to-be-agreed', 'À convenir')], default='LiLiQ-R-1.1', max_length=20, verbose_name='licence du code livré')),
                ('submission_info', models.TextField(blank=True, max_length=500, verbose_name='remise du travail')),
                ('acceptance_criteria', models.TextField(blank=True, max_length=5000, verbose_name='critères d’acceptation')),
                ('evaluation_criteria', models.TextField(blank=True, max_length=2000, verbose_name='précisions sur l’évaluation')),
                ('award_mode', models.CharField(choices=[('price', 'Prix uniquement'), ('quality_min_price', 'Qualité minimale et prix le plus bas'), ('adjusted_price', 'Prix ajusté le plus bas (rapport qualité-prix)'), ('quality_fixed', 'Qualité, à montant forfaitaire')], default='quality_fixed', max_length=20, verbose_name='mode d’adjudication')),
                ('k_percent', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='valeur de K (%)')),
                ('contact_name', models.CharField(blank=True, max_length=100, verbose_name='personne à joindre')),
                ('contact_email', models.EmailField(blank=True, max_length=254, verbose_name='courriel de la personne à joindre')),
                ('questions_close_at', models.DateTimeField(blank=True, null=True, verbose_name='date limite des questions')),
                ('closes_at', models.DateTimeField(blank=True, null=True, verbose_name='date et heure limites de dépôt')),
                ('assignment_date', models.DateField(blank=True, null=True, verbose_name='attribution prévue')),
                ('start_date', models.DateField(blank=True, null=True, verbose_name='début du travail')),
                ('completion_date', models.DateField(blank=True, null=True, verbose_name='fin du travail')),
                ('short_period_reason', models.TextField(blank=True, max_length=500, verbose_name='motif du délai de dépôt abrégé')),
                ('created_at', models.DateTimeField(verbose_name='créée le')),
                ('updated_at', models.DateTimeField(verbose_name='modifiée le')),
                ('published_at', models.DateTimeField(editable=False, null=True, verbose_name='publiée le')),
                ('reversal_reason', models.TextField(blank=True, editable=False)),
                ('state_reason', models.TextField(blank=True, editable=False, verbose_name='motif')),
                ('unsuccessful_reason', models.CharField(blank=True, choices=[('none_received', 'Aucune proposition reçue'), ('none_conforming', 'Aucune proposition conforme'), ('other', 'Autre motif')], editable=False, max_length=20)),
                ('draw_commitment', models.CharField(blank=True, editable=False, max_length=64)),
                ('search_text', models.TextField(blank=True, editable=False)),
                ('editor_ids', models.JSONField(default=list, editable=False)),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='opportunities', to=settings.AUTH_USER_MODEL, verbose_name='autrice ou auteur')),
                ('published_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('recommended_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reversal_requested_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('submitted_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'occasion d’affaires',
                'verbose_name_plural': 'occasions d’affaires',
            },
            bases=(marketplace.lifecycle.Stateful, models.Model),
        ),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=255, verbose_name='nom')),
                ('content_type', models.CharField(max_length=100)),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('file', models.FileField(upload_to='occasions')),
                ('scanned', models.BooleanField(default=False)),
                ('at', models.DateTimeField()),
                ('added_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='opportunities.opportunity')),
            ],
            options={
                'verbose_name': 'pièce jointe',
                'verbose_name_plural': 'pièces jointes',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='PublicBody',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True, verbose_name='nom officiel')),
                ('acronym', models.CharField(blank=True, max_length=20, verbose_name='sigle')),
                ('regime', models.CharField(choices=[('lcop', 'Loi sur les contrats des organismes publics'), ('entreprise_etat', 'Entreprise du gouvernement'), ('municipal', 'Régime municipal')], default='lcop', max_length=20, verbose_name='régime')),
                ('region', models.CharField(choices=[('01', 'Bas-Saint-Laurent'), ('02', 'Saguenay–Lac-Saint-Jean'), ('03', 'Capitale-Nationale'), ('04', 'Mauricie'), ('05', 'Estrie'), ('06', 'Montréal'), ('07', 'Outaouais'), ('08', 'Abitibi-Témiscamingue'), ('09', 'Côte-Nord'), ('10', 'Nord-du-Québec'), ('11', 'Gaspésie–Îles-de-la-Madeleine'), ('12', 'Chaudière-Appalaches'), ('13', 'Laval'), ('14', 'Lanaudière'), ('15', 'Laurentides'), ('16', 'Montérégie'), ('17', 'Centre-du-Québec')], max_length=2, verbose_name='région administrative')),
                ('active', models.BooleanField(default=True, verbose_name='en activité sur la plateforme')),
            ],
            options={
                'verbose_name': 'organisme public',
                'verbose_name_plural': 'organismes publics',
                'ordering': ['name'],
                'constraints': [models.CheckConstraint(condition=models.Q(('regime__in', ['lcop', 'entreprise_etat', 'municipal'])), name='body_regime_known')],
            },
        ),
        migrations.AddField(
            model_name='opportunity',
            name='body',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='opportunities', to='opportunities.publicbody', verbose_name='organisme public'),
        ),
        migrations.AddField(
            model_name='opportunity',
            name='skills',
            field=models.ManyToManyField(blank=True, related_name='opportunities', to='opportunities.skill', verbose_name='compétences'),
        ),
        migrations.CreateModel(
            name='Criterion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('label', models.CharField(max_length=100, verbose_name='critère')),
                ('description', models.TextField(blank=True, max_length=1000, verbose_name='niveau de performance acceptable')),
                ('weight', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='poids (%)')),
                ('minimum', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='note minimale')),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='criteria', to='opportunities.opportunity')),
            ],
            options={
                'verbose_name': 'critère',
                'ordering': ['position', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('weight__range', (1, 100))), name='criterion_weight_range'), models.CheckConstraint(condition=models.Q(('minimum', None), ('minimum__lte', 100), _connector='OR'), name='criterion_minimum_range')],
            },
        ),
        migrations.CreateModel(
            name='Addendum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('text', models.TextField(max_length=5000, verbose_name='texte de l’addenda')),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opportunity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='addenda', to='opportunities.opportunity')),
            ],
            options={
                'verbose_name': 'addenda',
                'verbose_name_plural': 'addendas',
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('opportunity', 'number'), name='addendum_number_unique')],
            },
        ),
        migrations.CreateModel(
            name='BodyMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('buyer', 'Acheteuse ou acheteur'), ('officer', 'Responsable des règles contractuelles')], max_length=10, verbose_name='rôle')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='body_memberships', to=settings.AUTH_USER_MODEL, verbose_name='personne')),
                ('body', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='opportunities.publicbody', verbose_name='organisme public')),
            ],
            options={
                'verbose_name': 'adhésion à un organisme',
                'verbose_name_plural': 'adhésions aux organismes',
                'constraints': [models.UniqueConstraint(fields=('user', 'body', 'role'), name='body_role_once'), models.CheckConstraint(condition=models.Q(('role__in', ['buyer', 'officer'])), name='body_role_known')],
            },
        ),
        migrations.AddIndex(
            model_name='opportunity',
            index=models.Index(fields=['state', 'closes_at', 'id'], name='opportunity_state_closing'),
        ),
        migrations.AddIndex(
            model_name='opportunity',
            index=models.Index(condition=models.Q(('published_at', None), _negated=True), fields=['-closes_at', '-id'], name='opportunity_public'),
        ),
        migrations.AddIndex(
            model_name='opportunity',
            index=models.Index(fields=['body', 'state'], name='opportunity_body_state'),
        ),
        migrations.AddIndex(
            model_name='opportunity',
            index=models.Index(condition=models.Q(('published_at', None), _negated=True), fields=['state', 'closes_at', 'id'], include=('region', 'budget_cents', 'remote_ok', 'code_licence'), name='opportunity_facets'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['awarded', 'cancelled', 'draft', 'evaluation', 'in_review', 'published', 'recommended', 'suspended', 'unsuccessful'])), name='opportunity_state_known'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('award_mode__in', ['price', 'quality_min_price', 'adjusted_price', 'quality_fixed'])), name='opportunity_mode_known'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('code_licence__in', ['LiLiQ-P-1.1', 'LiLiQ-R-1.1', 'LiLiQ-Rplus-1.1', 'MIT', 'Apache-2.0', 'GPL-3.0-or-later', 'assignment', 'to-be-agreed'])), name='opportunity_licence_known'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('budget_cents', None), ('budget_cents__gt', 0), _connector='OR'), name='opportunity_budget_positive'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('k_percent', None), ('k_percent__range', (15, 30)), _connector='OR'), name='opportunity_k_range', violation_error_message='K doit être de 15 à 30\xa0%.'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'draft'), models.Q(('assignment_date__isnull', False), ('budget_cents__isnull', False), ('closes_at__isnull', False)), _connector='OR'), name='opportunity_complete_after_draft'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'in_review', 'cancelled']), ('published_at__isnull', False), _connector='OR'), name='opportunity_published_has_instant'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('questions_close_at', None), ('closes_at', None), ('questions_close_at__lte', models.F('closes_at')), _connector='OR'), name='opportunity_questions_before_closing', violation_error_message='Les questions doivent se terminer avant la date limite de dépôt.'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('assignment_date', None), ('start_date', None), ('start_date__gte', models.F('assignment_date')), _connector='OR'), name='opportunity_start_after_assignment', violation_error_message='Le travail ne peut pas commencer avant l’attribution.'),
        ),
        migrations.AddConstraint(
            model_name='opportunity',
            constraint=models.CheckConstraint(condition=models.Q(('start_date', None), ('completion_date', None), ('completion_date__gte', models.F('start_date')), _connector='OR'), name='opportunity_completion_after_start', violation_error_message='Le travail ne peut pas finir avant de commencer.'),
        ),
    ]
