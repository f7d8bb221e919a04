import django.db.models.deletion
from django.db import migrations, models

from proposals import triggers


def install(_apps, editor):
    triggers.install(editor.connection)


def remove(_apps, editor):
    triggers.remove(editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('proposals', '0008_files_scanned'),
    ]

    operations = [
        migrations.RunPython(remove, install),  # SQLite rebuilds the table, whose triggers would go with it
        migrations.AlterModelOptions(
            name='notereexamination',
            options={'verbose_name': 'réexamen', 'verbose_name_plural': 'réexamens'},
        ),
        migrations.AddField(
            model_name='notereexamination',
            name='code',
            field=models.CharField(blank=True, choices=[('ADM-1', 'Qualification, autorisation, permis, licence ou attestation manquante'), ('ADM-2', 'Établissement hors du Québec ou d’un territoire visé par un accord'), ('ADM-3', 'Attestation de Revenu Québec absente ou échue'), ('ADM-4', 'Inscription au registre des entreprises non admissibles (RENA)'), ('ADM-5', 'Obligations de francisation non respectées'), ('ADM-6', 'Autre condition d’admissibilité de l’avis'), ('CONF-2', 'Document d’engagement ou prix manquant'), ('CONF-3', 'Proposition conditionnelle ou restrictive'), ('CONF-4', 'Proposition inintelligible, infectée ou illisible'), ('CONF-5', 'Prix et démonstration de la qualité non présentés séparément'), ('CONF-6', 'Exigence technique ou essai non satisfait'), ('CONF-8', 'Autre condition annoncée comme entraînant le rejet'), ('CONF-9', 'Déclaration d’intégrité manquante'), ('CONF-10', 'Prix anormalement bas, autorisation du dirigeant obtenue')], max_length=10, verbose_name='motif de rejet'),
        ),
        migrations.AddField(
            model_name='notereexamination',
            name='effect',
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='notereexamination',
            name='outcome',
            field=models.CharField(blank=True, choices=[('', 'Les notes changent'), ('admissible', 'Admettre la proposition'), ('rejected', 'Rejeter la proposition')], max_length=10, verbose_name='suite demandée'),
        ),
        migrations.AddField(
            model_name='notereexamination',
            name='text',
            field=models.TextField(blank=True, max_length=2000, verbose_name='explication du rejet'),
        ),
        migrations.AlterField(
            model_name='notereexamination',
            name='total_after',
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.AddField(
            model_name='proposal',
            name='reexamination',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='proposals.notereexamination'),
        ),
        migrations.AddConstraint(
            model_name='notereexamination',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'rejected'), models.Q(('code', ''), _negated=True), models.Q(('text', ''), _negated=True)), models.Q(('code', ''), ('outcome__in', ['', 'admissible']), ('text', '')), _connector='OR'), name='notereexamination_outcome'),
        ),
        migrations.AlterConstraint(
            model_name='notereexamination',
            name='notereexamination_one_pending',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('proposal',), name='notereexamination_one_pending', violation_error_message='Un réexamen de cette proposition attend déjà une décision.'),
        ),
        migrations.RunPython(install, remove),
    ]
