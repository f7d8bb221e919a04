"""The files of drafts and of sealed proposals that were kept before wait for the antivirus, as new ones do."""

from datetime import UTC, datetime

from django.db import migrations


def wait(apps, schema_editor):
    scans = apps.get_model("marketplace", "FileScan")
    at = datetime.now(UTC)
    for name in ("DraftFile", "SealedFile"):
        names = apps.get_model("proposals", name).objects.values_list("file", flat=True)
        scans.objects.bulk_create(
            (scans(name=stored, state="waiting", at=at) for stored in names.iterator()),
            batch_size=500,
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0013_kept_files"), ("proposals", "0007_notices_awards")]
    operations = [migrations.RunPython(wait, migrations.RunPython.noop)]
