"""The outbox's states. What was sent stays sent; what had been given up after twelve attempts can be sent again."""

import uuid

import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Q

_MANY = 2_000
_ATTEMPTS = 12  # after which a message was given up before this migration


def fill(apps, schema_editor):
    email = apps.get_model("marketplace", "OutgoingEmail")
    rows = email.objects.only("pk")
    for row in rows.iterator(chunk_size=_MANY):
        email.objects.filter(pk=row.pk).update(public_id=uuid.uuid4())
    email.objects.update(waits_since=F("created_at"))
    email.objects.exclude(sent_at=None).update(state="sent")
    failed = email.objects.filter(sent_at=None, held=False).exclude(last_error="")
    failed.update(reason="unreachable")  # only errors of the connection and of the server were ever kept
    failed.filter(attempts__gte=_ATTEMPTS).update(state="given_up")
    email.objects.filter(secret=True, state="given_up").update(body="")  # the link is old: its person asks for another


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0004_files")]

    operations = [
        migrations.AddField(
            "outgoingemail",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "en attente"),
                    ("sending", "en cours d’envoi"),
                    ("sent", "envoyé"),
                    ("given_up", "abandonné"),
                ],
                default="waiting",
                max_length=10,
                verbose_name="état",
            ),
        ),
        migrations.AddField(
            "outgoingemail",
            "waits_since",
            # Every row gets its own instant just below.
            models.DateTimeField(default=django.utils.timezone.now, verbose_name="en attente depuis le"),
            preserve_default=False,
        ),
        migrations.AddField(
            "outgoingemail", "next_at", models.DateTimeField(null=True, verbose_name="prochain essai")
        ),
        migrations.AddField("outgoingemail", "claimed_at", models.DateTimeField(null=True, verbose_name="pris le")),
        migrations.AddField(
            "outgoingemail",
            "reason",
            models.CharField(
                blank=True,
                choices=[
                    ("unreachable", "le serveur de courriel ne répond pas"),
                    ("put_off", "le serveur de courriel demande d’attendre"),
                    ("refused", "le serveur de courriel refuse ce message"),
                    ("address", "cette adresse ne peut pas recevoir de courriel"),
                    ("defect", "ce message n’a pas pu être préparé"),
                ],
                default="",
                max_length=12,
                verbose_name="motif",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "outgoingemail",
            "public_id",
            models.UUIDField(null=True, editable=False, verbose_name="identifiant"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            "outgoingemail",
            "public_id",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="identifiant"),
        ),
        migrations.AddConstraint(
            "outgoingemail",
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(state__in=["waiting", "sending", "given_up"], sent_at=None),
                name="email_state_known",
            ),
        ),
    ]
