from django.db import migrations
from django.db.models import Max
from django.utils import timezone

_ORDER = ("criterion__position", "criterion")


def keep(apps, _editor):
    """What was there before versions were kept and prices unveiled by an act.

    Each proposal's notes become their first version. Notes are frozen, by nobody and without a digest, where somebody
    decided upon them, and where prices were already shown: all were scored, which was the rule.
    """
    scores, version = apps.get_model("proposals", "Score"), apps.get_model("proposals", "NotesVersion")
    rows = scores.objects.select_related("criterion", "by").order_by("proposal", *_ORDER)
    by_proposal = {}
    for row in rows.iterator():
        by_proposal.setdefault(row.proposal_id, []).append(row)
    for proposal, notes in by_proposal.items():
        last = max(notes, key=lambda row: (row.at, row.pk))
        lines = [
            {
                "id": row.criterion_id, "label": row.criterion.label, "weight": row.criterion.weight,
                "value": f"{row.value:.2f}", "comment": row.comment, "by": f"person:{row.by.public_id}",
            }
            for row in notes
        ]  # fmt: skip
        version.objects.create(proposal_id=proposal, number=1, criteria=lines, by_id=last.by_id, at=last.at)
    occasions = apps.get_model("opportunities", "Opportunity")
    decided = occasions.objects.filter(recommendations__isnull=False).annotate(at=Max("recommendations__at"))
    for pk, at in decided.values_list("pk", "at"):
        occasions.objects.filter(pk=pk).update(notes_frozen_at=at)
    shown = occasions.objects.filter(
        state="evaluation", award_mode__in=["quality_min_price", "adjusted_price"], notes_frozen_at=None,
        proposals__state="scored",
    ).exclude(proposals__state__in=["opened", "admissible"])  # fmt: skip
    occasions.objects.filter(pk__in=list(shown.values_list("pk", flat=True))).update(notes_frozen_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("proposals", "0004_scores_history"), ("opportunities", "0003_scores_frozen")]
    operations = [migrations.RunPython(keep, migrations.RunPython.noop)]
