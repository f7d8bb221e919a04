import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Vendor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='identifiant public')),
                ('kind', models.CharField(choices=[('company', 'Entreprise'), ('individual', 'Travailleuse ou travailleur autonome')], default='company', max_length=10, verbose_name='nature')),
                ('legal_name', models.CharField(max_length=100, verbose_name='nom légal')),
                ('neq', models.CharField(blank=True, max_length=10, validators=[django.core.validators.RegexValidator('^\\d{10}$', 'Le NEQ a dix chiffres.')], verbose_name='numéro d’entreprise du Québec (NEQ)')),
                ('street', models.CharField(max_length=100, verbose_name='adresse')),
                ('street2', models.CharField(blank=True, max_length=100, verbose_name='adresse (suite)')),
                ('city', models.CharField(max_length=100, verbose_name='ville')),
                ('region', models.CharField(blank=True, choices=[('01', 'Bas-Saint-Laurent'), ('02', 'Saguenay–Lac-Saint-Jean'), ('03', 'Capitale-Nationale'), ('04', 'Mauricie'), ('05', 'Estrie'), ('06', 'Montréal'), ('07', 'Outaouais'), ('08', 'Abitibi-Témiscamingue'), ('09', 'Côte-Nord'), ('10', 'Nord-du-Québec'), ('11', 'Gaspésie–Îles-de-la-Madeleine'), ('12', 'Chaudière-Appalaches'), ('13', 'Laval'), ('14', 'Lanaudière'), ('15', 'Laurentides'), ('16', 'Montérégie'), ('17', 'Centre-du-Québec')], max_length=2, verbose_name='région administrative')),
                ('province', models.CharField(default='Québec', max_length=100, verbose_name='province ou État')),
                ('postal_code', models.CharField(max_length=100, verbose_name='code postal')),
                ('country', models.CharField(default='Canada', max_length=100, verbose_name='pays')),
                ('email', models.EmailField(max_length=100, verbose_name='courriel')),
                ('phone', models.CharField(blank=True, max_length=30, validators=[django.core.validators.RegexValidator('^\\+?[\\d\\s().-]{7,25}(\\s*(poste|ext\\.?)\\s*\\d{1,6})?$', 'Numéro non reconnu.')], verbose_name='téléphone')),
                ('created_at', models.DateTimeField(verbose_name='date d’inscription du prestataire')),
            ],
            options={
                'verbose_name': 'prestataire',
            },
        ),
        migrations.CreateModel(
            name='VendorMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Propriétaire'), ('admin', 'Gestionnaire'), ('member', 'Membre')], max_length=6, verbose_name='rôle')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='vendor_memberships', to=settings.AUTH_USER_MODEL, verbose_name='personne')),
                ('vendor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='vendors.vendor', verbose_name='prestataire')),
            ],
            options={
                'verbose_name': 'adhésion',
                'constraints': [models.UniqueConstraint(fields=('user', 'vendor'), name='vendor_member_once'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'member'])), name='vendor_role_known')],
            },
        ),
        migrations.AddField(
            model_name='vendor',
            name='members',
            field=models.ManyToManyField(related_name='vendors', through='vendors.VendorMembership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='TaxAttestation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='identifiant public')),
                ('number', models.CharField(max_length=30, verbose_name='numéro')),
                ('issued_on', models.DateField(verbose_name='date de délivrance')),
                ('file', models.FileField(blank=True, upload_to='attestations', verbose_name='copie')),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('scanned', models.BooleanField(default=False)),
                ('at', models.DateTimeField(verbose_name='ajoutée le')),
                ('verified_at', models.DateTimeField(null=True, verbose_name='vérifiée le')),
                ('withdrawn_at', models.DateTimeField(null=True, verbose_name='retirée le')),
                ('added_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='ajoutée par')),
                ('verified_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='vérifiée par')),
                ('vendor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attestations', to='vendors.vendor', verbose_name='prestataire')),
            ],
            options={
                'verbose_name': 'attestation de Revenu Québec',
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('vendor', 'number'), name='attestation_once', violation_error_message='Cette attestation est déjà dans la liste.'), models.CheckConstraint(condition=models.Q(('number', ''), _negated=True), name='attestation_has_number'), models.CheckConstraint(condition=models.Q(models.Q(('verified_at', None), ('verified_by', None)), models.Q(('verified_at__isnull', False), ('verified_by__isnull', False)), _connector='OR'), name='attestation_verified_by_someone'), models.CheckConstraint(condition=models.Q(('verified_by', None), models.Q(('verified_by', models.F('added_by')), _negated=True), _connector='OR'), name='attestation_two_people')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='identifiant public')),
                ('email', models.EmailField(max_length=254, verbose_name='adresse courriel')),
                ('role', models.CharField(choices=[('admin', 'Gestionnaire'), ('member', 'Membre')], default='member', max_length=6, verbose_name='rôle')),
                ('at', models.DateTimeField(verbose_name='envoyée le')),
                ('answered_at', models.DateTimeField(null=True, verbose_name='répondue le')),
                ('accepted', models.BooleanField(null=True, verbose_name='acceptée')),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invitée par')),
                ('vendor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='vendors.vendor', verbose_name='prestataire')),
            ],
            options={
                'verbose_name': 'invitation',
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['email'], name='vendor_invitation_waiting')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('answered_at', None)), fields=('vendor', 'email'), name='vendor_invitation_once', violation_error_message='Cette personne est déjà invitée.'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'member'])), name='vendor_invitation_role_known'), models.CheckConstraint(condition=models.Q(('accepted', None), ('answered_at__isnull', False), _connector='OR'), name='vendor_invitation_answered_has_instant')],
            },
        ),
        migrations.CreateModel(
            name='Ineligibility',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('rena', 'registre des entreprises non admissibles (RENA)'), ('oqlf', 'liste de l’OQLF des entreprises non conformes à la francisation'), ('other', 'autre motif prévu par la loi')], max_length=5, verbose_name='source')),
                ('since', models.DateField(verbose_name='premier jour')),
                ('until', models.DateField(blank=True, help_text='Vide\xa0: sans fin prévue.', null=True, verbose_name='dernier jour')),
                ('note', models.TextField(blank=True, help_text='Lue en administration seulement.', max_length=2000, verbose_name='note')),
                ('at', models.DateTimeField(verbose_name='inscrite le')),
                ('lifted_at', models.DateTimeField(null=True, verbose_name='levée le')),
                ('lifted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='levée par')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='inscrite par')),
                ('vendor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ineligibilities', to='vendors.vendor', verbose_name='prestataire')),
            ],
            options={
                'verbose_name': 'inadmissibilité',
                'verbose_name_plural': 'inadmissibilités',
                'constraints': [models.CheckConstraint(condition=models.Q(('source__in', ['rena', 'oqlf', 'other'])), name='ineligibility_source_known'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gte', models.F('since')), _connector='OR'), name='ineligibility_days_in_order', violation_error_message='Le dernier jour précède le premier.'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_by', None)), models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False)), _connector='OR'), name='ineligibility_lifted_by_someone')],
            },
        ),
        migrations.AddConstraint(
            model_name='vendor',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['company', 'individual'])), name='vendor_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='vendor',
            constraint=models.UniqueConstraint(condition=models.Q(('neq', ''), _negated=True), fields=('neq',), name='vendor_neq_unique', violation_error_message='Un prestataire est déjà inscrit avec ce NEQ.'),
        ),
    ]
