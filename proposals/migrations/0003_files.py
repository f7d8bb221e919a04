import json

import django.db.models.deletion
from django.db import migrations, models

from marketplace import boxes


def name_what_is_stored(apps, _editor):
    """A row for each file kept under a name that was computed: « sealed/ID-VERSION » and « drafts/ID ».

    The sweep removes what no row holds, so a draft that cannot be opened (the wrong SEAL_KEY_FILE) stops the migration.
    """
    sealed = apps.get_model("proposals", "SealedFile")
    for envelope in apps.get_model("proposals", "SealedEnvelope").objects.select_related("submission").iterator():
        version = envelope.submission.version
        for file_id in json.loads(bytes(envelope.content))["files"]:
            sealed.objects.create(
                submission_id=envelope.pk, file_id=file_id, file=f"sealed/{file_id}-{version}"
            )
    kept = apps.get_model("proposals", "DraftFile")
    for proposal in apps.get_model("proposals", "Proposal").objects.exclude(draft=b"").iterator():
        draft = json.loads(boxes.open(bytes(proposal.draft), about=f"draft:{proposal.public_id}"))
        for item in draft.get("files", []):
            kept.objects.create(proposal_id=proposal.pk, file_id=item["id"], file=f"drafts/{item['id']}")


class Migration(migrations.Migration):

    dependencies = [
        ('proposals', '0002_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='DraftFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_id', models.UUIDField(unique=True)),
                ('file', models.FileField(unique=True, upload_to='drafts')),
                ('proposal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='draft_files', to='proposals.proposal')),
            ],
            options={
                'verbose_name': 'fichier de brouillon',
            },
        ),
        migrations.CreateModel(
            name='SealedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_id', models.UUIDField()),
                ('file', models.FileField(unique=True, upload_to='sealed')),
                ('submission', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sealed_files', to='proposals.submission')),
            ],
            options={
                'verbose_name': 'fichier scellé',
                'constraints': [models.UniqueConstraint(fields=('submission', 'file_id'), name='sealed_file_once')],
            },
        ),
        migrations.RunPython(name_what_is_stored, migrations.RunPython.noop),
    ]
