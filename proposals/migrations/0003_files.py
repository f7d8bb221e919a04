import hashlib
import json
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from marketplace import boxes


def _whole(name, digest):
    """The stored name of the bytes with this SHA-256: this one, or this one with what Django's storage had added."""
    folder = Path(settings.MEDIA_ROOT) / "sealed"
    for path in [folder / Path(name).name, *sorted(folder.glob(f"{Path(name).name}_*"))]:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return f"sealed/{path.name}"
    return name


def name_what_is_stored(apps, _editor):
    """A row for each file kept under a name that was computed: « sealed/ID-VERSION » and « drafts/ID ».

    The sweep removes what no row holds, so a draft that cannot be opened (the wrong SEAL_KEY_FILE) stops the migration.
    Where an attempt had been stopped in the middle, the storage gave the whole file another name: the digest that the
    envelope holds tells which is which.
    """
    sealed = apps.get_model("proposals", "SealedFile")
    for envelope in apps.get_model("proposals", "SealedEnvelope").objects.select_related("submission").iterator():
        version = envelope.submission.version
        try:
            digests = json.loads(bytes(envelope.content))["files"]
        except (ValueError, KeyError, TypeError):  # altered: the opening tells it, and an upgrade does not wait for it
            continue
        for file_id, digest in digests.items():
            name = _whole(f"sealed/{file_id}-{version}", digest)
            sealed.objects.create(submission_id=envelope.pk, file_id=file_id, file=name)
    kept = apps.get_model("proposals", "DraftFile")
    for proposal in apps.get_model("proposals", "Proposal").objects.exclude(draft=b"").iterator():
        draft = json.loads(boxes.open(bytes(proposal.draft), about=f"draft:{proposal.public_id}"))
        for item in draft.get("files", []):
            kept.objects.create(proposal_id=proposal.pk, file_id=item["id"], file=f"drafts/{item['id']}")


class Migration(migrations.Migration):

    dependencies = [
        ('proposals', '0002_append_only'),
        # What is sent by code of before must fail before its drafts lose their names.
        ('marketplace', '0005_outbox'),
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
